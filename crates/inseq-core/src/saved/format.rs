//! Which format a file has, by the end of its name.

use std::path::Path;

/// A format that results are saved in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The reference's JSON: `.json`, `.json.gz` for a gzipped one, and any end that is no other format's.
    Json {
        /// Whether the name asks for gzip.
        gzipped: bool,
    },
    /// Safetensors, mapped when it is read: `.safetensors`.
    Safetensors,
    /// A table of aggregated scores as comma-separated values: `.csv`.
    Csv,
    /// A table of aggregated scores: `.parquet`.
    Parquet,
    /// A table of aggregated scores: `.arrow` or `.feather`.
    Arrow,
}

impl Format {
    /// The format of a file of this name.
    ///
    /// ```
    /// use inseq_core::Format;
    ///
    /// assert_eq!(Format::of("why.json.gz"), Format::Json { gzipped: true });
    /// assert_eq!(Format::of("why.safetensors"), Format::Safetensors);
    /// ```
    pub fn of(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        Self::named(path).unwrap_or(Self::Json { gzipped: ends_with(path, "gz") })
    }

    /// The format that the end of a name is that of; `None` of any other end, and where there is none.
    ///
    /// ```
    /// use inseq_core::Format;
    ///
    /// assert_eq!(Format::named("why.csv"), Some(Format::Csv));
    /// assert_eq!(Format::named("why.csv.gz"), None);
    /// ```
    pub fn named(path: impl AsRef<Path>) -> Option<Self> {
        let path = path.as_ref();
        if ends_with(path, "gz") {
            let inner = Path::new(path.file_stem()?);
            let is_json = inner.extension().is_none() || ends_with(inner, "json");
            return is_json.then_some(Self::Json { gzipped: true });
        }
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json { gzipped: false }),
            "safetensors" => Some(Self::Safetensors),
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            "arrow" | "feather" => Some(Self::Arrow),
            _ => None,
        }
    }

    /// Whether files of the format are tables for other programs, which are not read back.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Csv | Self::Parquet | Self::Arrow)
    }
}

fn ends_with(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end))
}
