//! What a run is: all that decides its results.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::storage::Storage;
use crate::{Columns, DataFile, Error, Source};

/// All that decides the results of a run. Two runs with equal manifests may work on the same folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Version of the layout of the folder: [`Manifest::FORMAT`].
    pub format: u32,
    /// Version of the program.
    pub program: String,
    /// The model.
    pub model: ModelFacts,
    /// Name of the attribution method.
    pub method: String,
    /// Every argument of the request, by name.
    pub arguments: Map<String, Value>,
    /// Names of the step scores in order; each is a column of the table of sequences.
    pub step_scores: Vec<String>,
    /// The dataset: its name or files, its split.
    pub source: Value,
    /// The columns that are read. Without an id column, the id of a row is its number.
    pub columns: Columns,
    /// The data files with their sizes and hashes.
    pub files: Vec<DataFile>,
    /// The filter of rows, if any.
    pub filter: Option<String>,
    /// Number of rows, before the filter. Parts and row numbers are those of all rows.
    pub rows: u64,
    /// Rows of a part; the last part may have fewer.
    pub part_rows: u64,
    /// Whether scores before aggregation are kept.
    pub raw: bool,
    /// Seed of the random numbers, if it is set.
    pub seed: Option<u64>,
    /// Facts for the `info` of results, by the reference's names; without texts, positions and times.
    pub info: Map<String, Value>,
    /// Time at which the run was started, in RFC 3339. It decides nothing, so it may differ.
    pub started: String,
    /// Time at which the last part was done, in RFC 3339; `None` if some are left. It decides nothing, so it may differ.
    #[serde(default)]
    pub finished: Option<String>,
}

/// The model of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelFacts {
    /// Name on the hub, or folder.
    pub name: String,
    /// Revision, if it is from the hub.
    pub revision: Option<String>,
    /// Hash of the weights.
    pub hash: String,
}

inseq_core::setters! {
    Manifest {
        format: u32,
        program: impl Into<String>,
        model: ModelFacts,
        method: impl Into<String>,
        arguments: Map<String, Value>,
        step_scores: Vec<String>,
        source: Value,
        columns: Columns,
        files: Vec<DataFile>,
        rows: u64,
        part_rows: u64,
        raw: bool,
        seed: impl Into<Option<u64>>,
        info: Map<String, Value>,
        started: impl Into<String>,
    }
    some { filter: impl Into<String>, finished: impl Into<String> }
}

inseq_core::setters! {
    ModelFacts { name: impl Into<String>, hash: impl Into<String> }
    some { revision: impl Into<String> }
}

impl Default for Manifest {
    /// An empty run of this program, started now.
    fn default() -> Self {
        Self {
            format: Self::FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            model: ModelFacts::default(),
            method: String::new(),
            arguments: Map::new(),
            step_scores: Vec::new(),
            source: Value::Null,
            columns: Columns::default(),
            files: Vec::new(),
            filter: None,
            rows: 0,
            part_rows: 1000,
            raw: false,
            seed: None,
            info: Map::new(),
            started: super::process::now(),
            finished: None,
        }
    }
}

impl Manifest {
    /// Version of the layout that this program writes and reads.
    pub const FORMAT: u32 = 1;

    /// Most rows of a run and of a part. Tables number rows by `int64`.
    const MOST_ROWS: u64 = i64::MAX as u64;

    /// Name of the file in the folder of results.
    pub const FILE: &str = "manifest.json";

    /// Each field that differs from the other manifest's, with both values; empty for the same run. Where models and files have hashes,
    /// these decide, and not where they lie: a run may go on from another folder, or with a copy.
    ///
    /// ```
    /// use inseq_datasets::Manifest;
    ///
    /// let old = Manifest::default().method("saliency");
    /// let new = Manifest::default().method("attention");
    /// assert_eq!(old.differences(&new), ["`method` is \"saliency\" there and \"attention\" here"]);
    /// ```
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        compare("", Some(&self.decisive()), Some(&other.decisive()), &mut differences);
        differences
    }

    /// What decides the results.
    fn decisive(&self) -> Value {
        let mut manifest = self.clone();
        if !manifest.model.hash.is_empty() {
            manifest.model.name.clear();
        }
        for file in &mut manifest.files {
            // The ending says how a file is read.
            file.path = file.path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
            file.modified = None;
        }
        let mut value = serde_json::to_value(&manifest).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("started");
            fields.remove("finished");
            // Its facts stand in other fields, too.
            fields.remove("info");
            if let Some(source) = fields.get_mut("source").and_then(Value::as_object_mut) {
                // They say which files, and these are compared.
                for place in ["name", "dir", "files", "revision"] {
                    source.remove(place);
                }
                if let Some(kwargs) = source.get_mut("kwargs").and_then(Value::as_object_mut) {
                    kwargs.remove("data_files");
                }
            }
        }
        value
    }

    /// The dataset in words: its name, its files and its split.
    pub fn dataset(&self) -> String {
        /// Largest number of files that are named.
        const MOST: usize = 3;
        let source: Source = serde_json::from_value(self.source.clone()).unwrap_or_default();
        let mut words = vec![source.name];
        words.extend(source.config.map(|config| format!("configuration {config}")));
        words.extend(source.dir.map(|dir| format!("folder {dir}")));
        words.extend(source.files.iter().take(MOST).cloned());
        if let Some(more) = source.files.len().checked_sub(MOST).filter(|more| *more > 0) {
            words.push(format!("{more} more files"));
        }
        words.push(format!("split {}", source.split));
        words.join(", ")
    }

    /// Whether this is the manifest of the same folder, read at another time.
    pub(super) fn is_again(&self, other: &Self) -> bool {
        let at_work = |manifest: &Self| Self { finished: None, ..manifest.clone() };
        self == other || at_work(self) == at_work(other)
    }

    /// The content of the file. It says the number of parts, too, which follows from the others.
    pub(super) fn bytes(&self) -> crate::Result<Vec<u8>> {
        let failed = |error: serde_json::Error| Error::Results(error.to_string());
        let mut value = serde_json::to_value(self).map_err(failed)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("parts".to_owned(), self.parts().into());
        }
        let mut bytes = serde_json::to_vec_pretty(&value).map_err(failed)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The manifest of a folder, if there is one.
    pub(super) fn of(storage: &dyn Storage) -> crate::Result<Option<Self>> {
        let read = storage.read(Self::FILE)?.map(|bytes| Self::read(&bytes));
        let place = storage.place(Self::FILE);
        read.transpose().map_err(|problem| Error::Results(format!("{}: {problem}", place.display())))
    }

    /// Reads the file; or says what is wrong with it.
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let damaged = |problem: &dyn std::fmt::Display| {
            format!(
                "the manifest is damaged ({problem}); without it the folder is of no use; restore it, or choose another folder"
            )
        };
        let value: Value = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        match value.get("format").and_then(Value::as_u64) {
            Some(format) if format > u64::from(Self::FORMAT) => Err(format!(
                "the folder has format {format}, of a newer program; this one reads format {} and older; update it",
                Self::FORMAT
            )),
            _ => {
                let manifest: Self = serde_json::from_value(value).map_err(|error| damaged(&error))?;
                manifest.check().map_err(|problem| damaged(&problem))?;
                Ok(manifest)
            }
        }
    }

    /// Says which number cannot be that of a run. With these limits no number of a row overflows.
    pub(super) fn check(&self) -> Result<(), String> {
        let fields = [
            ("format", self.format.into(), 1, Self::FORMAT.into()),
            ("part_rows", self.part_rows, 1, Self::MOST_ROWS),
            ("rows", self.rows, 0, Self::MOST_ROWS),
        ];
        match fields.into_iter().find(|(_, found, least, most)| !(least..=most).contains(&found)) {
            Some((field, found, least, most)) => Err(format!("`{field}` is {found}; expected {least} to {most}")),
            None => Ok(()),
        }
    }

    /// Number of parts.
    pub(super) fn parts(&self) -> u64 {
        self.rows.div_ceil(self.part_rows)
    }

    /// Rows of a part.
    pub(super) fn rows_of(&self, part: u64) -> std::ops::Range<u64> {
        let start = part.saturating_mul(self.part_rows).min(self.rows);
        start..start.saturating_add(self.part_rows).min(self.rows)
    }
}

/// Adds what differs between two values at a place.
fn compare(place: &str, there: Option<&Value>, here: Option<&Value>, differences: &mut Vec<String>) {
    let inside = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    match (there, here) {
        (Some(Value::Object(there)), Some(Value::Object(here))) => {
            let added = here.keys().filter(|name| !there.contains_key(*name));
            for name in there.keys().chain(added) {
                compare(&inside(name), there.get(name), here.get(name), differences);
            }
        }
        (Some(Value::Array(there)), Some(Value::Array(here))) if there.len() == here.len() => {
            for (index, (there, here)) in there.iter().zip(here).enumerate() {
                compare(&format!("{place}[{index}]"), Some(there), Some(here), differences);
            }
        }
        (there, here) if there == here => {}
        (there, here) => {
            differences.push(format!("`{place}` is {} there and {} here", shown(there), shown(here)));
        }
    }
}

/// A value in a message; long ones are cut.
fn shown(value: Option<&Value>) -> String {
    const LONGEST: usize = 120;
    let text = value.map_or("absent".to_owned(), Value::to_string);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
