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
        let end = path.as_ref().extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
        match end.as_str() {
            "safetensors" => Self::Safetensors,
            "csv" => Self::Csv,
            "parquet" => Self::Parquet,
            "arrow" | "feather" => Self::Arrow,
            "gz" => Self::Json { gzipped: true },
            _ => Self::Json { gzipped: false },
        }
    }

    /// Whether files of the format are tables for other programs, which are not read back.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Csv | Self::Parquet | Self::Arrow)
    }
}
