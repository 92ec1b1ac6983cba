//! The format of a file, by its extension.

use std::path::Path;

/// Format of a saved result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The reference's JSON: `.json`, `.json.gz` if gzipped, and any unknown extension.
    Json {
        /// Whether the name asks for gzip.
        gzipped: bool,
    },
    /// Safetensors, read through a memory map: `.safetensors`.
    Safetensors,
    /// A table of aggregated scores as comma-separated values: `.csv`.
    Csv,
    /// A table of aggregated scores: `.parquet`.
    Parquet,
    /// A table of aggregated scores: `.arrow` or `.feather`.
    Arrow,
}

impl Format {
    /// The format of a file with this name.
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

    /// The format of a name's extension; `None` for an unknown or missing extension.
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

    /// Whether files of the format are tables for other programs. This crate does not read them.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Csv | Self::Parquet | Self::Arrow)
    }
}

fn ends_with(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end))
}
