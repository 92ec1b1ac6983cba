//! Kinds of data files.

use std::fmt;

/// Format of a data file, by the builder of the `datasets` library that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Arrow,
    Csv,
    Json,
    Parquet,
    Text,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Arrow, Self::Csv, Self::Json, Self::Parquet, Self::Text];

    /// The name of the builder.
    pub(super) fn builder(self) -> &'static str {
        match self {
            Self::Arrow => "arrow",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Text => "text",
        }
    }

    /// The kind that a builder reads.
    pub(super) fn of_builder(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.builder() == name)
    }

    /// Endings of the names of files.
    pub(super) fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Arrow => &["arrow"],
            Self::Csv => &["csv", "tsv"],
            Self::Json => &["jsonl", "json", "ndjson"],
            Self::Parquet => &["parquet", "geoparquet", "gpq"],
            Self::Text => &["txt"],
        }
    }

    /// The kind of a file by the endings of its name, of which one may say how it is compressed (`.jsonl.gz`).
    pub(super) fn of_file(path: &str) -> Option<Self> {
        endings(path).find_map(|ending| Self::ALL.into_iter().find(|kind| kind.endings().contains(&ending.as_str())))
    }

    /// Every ending, for messages.
    pub(super) fn all_endings() -> String {
        Self::ALL
            .iter()
            .flat_map(|kind| kind.endings())
            .map(|ending| format!(".{ending}"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arrow => "Arrow",
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Parquet => "Parquet",
            Self::Text => "text",
        })
    }
}

/// Whether the name says that its fields are separated by tabs.
pub(super) fn has_tabs(path: &str) -> bool {
    endings(path).any(|ending| ending == "tsv")
}

/// The endings of a file's name, from the last to the first, in lower case.
fn endings(path: &str) -> impl Iterator<Item = String> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let parts: Vec<String> = name.split('.').skip(1).map(str::to_lowercase).collect();
    parts.into_iter().rev()
}
