//! The rows of a split.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;
use inseq_models::checkpoint::HubOptions;
use serde_json::{Map, Value};

use super::columns::{ColumnType, Wanted};
use super::data_file::DataFile;
use super::finding;
use super::formats;
use super::kind::Kind;
use super::options::{ReadOptions, data_files};
use super::place::Location;
use super::query::{Asked, Query, Selected};
use super::source::{Columns, Source};
use super::split::SplitExpression;
use super::table::Table;
use crate::{Error, Result, Row};

/// The rows of a split, with its files. Rows are read when they are asked for.
///
/// ```
/// use inseq_datasets::{Columns, Dataset, Source};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("texts.jsonl");
/// std::fs::write(&path, "{\"text\": \"one\"}\n{\"text\": \"two\"}\n{\"text\": \"three\"}\n")?;
/// let source = Source::new(path.to_string_lossy()).split("train[1:]");
/// let dataset = Dataset::open(&source, &Columns::new("text"))?;
/// assert_eq!(dataset.len(), 2);
/// let texts: Vec<_> = dataset.rows(0..2)?.map(|row| row.unwrap().texts.unwrap().0).collect();
/// assert_eq!(texts, ["two", "three"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Dataset {
    source: Source,
    columns: Columns,
    kind: Kind,
    /// Arguments of the dataset's card.
    card: Map<String, Value>,
    segments: Vec<Segment>,
    /// The files by name, in the order of the splits.
    files: IndexMap<String, OpenFile>,
}

/// A file that was opened.
#[derive(Debug)]
struct OpenFile {
    location: Location,
    /// Size and time of change before it was read, of a file of this machine.
    stamp: Option<(u64, String)>,
}

/// Rows of one file.
#[derive(Clone, Debug)]
struct Segment {
    path: String,
    table: Arc<dyn Table>,
    asked: Arc<Asked>,
    rows: Range<u64>,
}

impl Segment {
    fn types(&self) -> &[ColumnType] {
        self.asked.types(&*self.table)
    }

    fn len(&self) -> u64 {
        self.rows.end - self.rows.start
    }
}

impl Dataset {
    /// Finds the files of a split, checks that they have the columns, and counts their rows.
    ///
    /// # Errors
    /// There is no such dataset, split or column; files differ in the type of a column; a file is broken.
    pub fn open(source: &Source, columns: &Columns) -> Result<Self> {
        Self::open_with(source, columns, &HubOptions::default())
    }

    /// As [`open`](Self::open), with options for datasets of the hub. The token of the source comes first.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(source: &Source, columns: &Columns, hub: &HubOptions) -> Result<Self> {
        let expression = SplitExpression::parse(&source.split)?;
        let layout = finding::find(source, data_files(source)?.as_ref(), hub)?;
        let options = ReadOptions::new(layout.kind, &layout.arguments, &source.kwargs)?;
        let known: Vec<&str> = layout.splits.keys().map(String::as_str).collect();
        let names = expression.splits(&known)?;
        let mut all = names.iter().flat_map(|split| layout.splits.get(*split).into_iter().flatten());
        let first_file = all.next();
        let query = Query::new(source, columns, |column| {
            let Some(file) = first_file else { return Ok(None) };
            match formats::open(&file.origin()?, layout.kind, std::slice::from_ref(column), &options) {
                Ok(_) => Ok(None),
                Err(error @ Error::Column(_)) => Ok(Some(error)),
                Err(error) => Err(error),
            }
        })?;
        let mut tables: IndexMap<&str, Vec<Segment>> = IndexMap::new();
        let mut files: IndexMap<String, OpenFile> = IndexMap::new();
        let mut first: Option<Segment> = None;
        for split in names {
            let mut segments = Vec::new();
            for file in layout.splits.get(split).into_iter().flatten() {
                let origin = file.origin()?;
                let stamp = file.stamp();
                let table: Arc<dyn Table> = formats::open(&origin, layout.kind, query.wanted(), &options)?.into();
                let asked = Arc::new(query.of_file(&origin, &*table)?);
                let segment = Segment { path: file.name(), rows: 0..table.rows(), table, asked };
                if let Some(first) = &first {
                    check_types(first, &segment, query.outputs())?;
                }
                // A file without values agrees with all; the next one decides.
                if first.as_ref().is_none_or(|first| first.types().contains(&ColumnType::Any)) {
                    first = Some(segment.clone());
                }
                files.entry(segment.path.clone()).or_insert_with(|| OpenFile { location: file.clone(), stamp });
                segments.push(segment);
            }
            tables.insert(split, segments);
        }
        let lengths: Vec<(&str, u64)> =
            tables.iter().map(|(split, segments)| (*split, segments.iter().map(Segment::len).sum())).collect();
        if lengths.iter().all(|(_, rows)| *rows == 0) {
            let names: Vec<&str> = files.keys().map(String::as_str).collect();
            return Err(Error::Dataset(format!("split `{}`: there are no rows in {}", source.split, names.join(", "))));
        }
        let mut segments = Vec::new();
        for (split, rows) in expression.ranges(&lengths)? {
            segments.extend(overlap(tables.get(split).map_or(&[][..], Vec::as_slice), rows));
        }
        let source = Source { token: None, ..source.clone() };
        let (kind, card) = (layout.kind, layout.arguments.clone());
        Ok(Self { source, columns: columns.clone(), kind, card, segments, files })
    }

    /// Number of rows of the split, before a filter leaves some out.
    pub fn len(&self) -> u64 {
        self.segments.iter().map(Segment::len).sum()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Options of the source that have no effect on these data, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let is_of_hub = |file: &OpenFile| matches!(file.location, Location::Hub { .. });
        match &self.source.revision {
            Some(revision) if !self.files.values().any(is_of_hub) => {
                vec![format!("`--dataset_revision {revision}` has no effect: the data are not of the hub")]
            }
            _ => Vec::new(),
        }
    }

    /// The description of the dataset, without the access token.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The columns that are read.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The files that the splits consist of, with their hashes. A file among `known` ones with the same path, size and time of change
    /// is not read again.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn files(&self, known: &[DataFile]) -> Result<Vec<DataFile>> {
        self.files.values().map(|file| file.location.data_file(known)).collect()
    }

    /// Refuses files of rows that have changed since the dataset was opened.
    ///
    /// # Errors
    /// A file of this machine has another size or another time of change.
    pub(crate) fn check_unchanged(&self, rows: &Range<u64>) -> Result<()> {
        for segment in overlap(&self.segments, rows.clone()) {
            if let Some(OpenFile { location, stamp }) = self.files.get(&segment.path)
                && location.stamp() != *stamp
            {
                return Err(Error::Dataset(format!(
                    "{}: the file has changed since the run began; put the old file back and run the same command again, or attribute the \
                     new one into another folder",
                    segment.path
                )));
            }
        }
        Ok(())
    }

    /// The format of the files, by the name of the builder that reads it.
    pub(crate) fn format(&self) -> &'static str {
        self.kind.builder()
    }

    /// Arguments of `load_dataset` that the dataset's card has.
    pub(crate) fn card(&self) -> &Map<String, Value> {
        &self.card
    }

    /// Reads some rows, one by one. The first row of the split has the number 0. Rows that the filter leaves out are missing; the others
    /// keep their numbers.
    ///
    /// # Errors
    /// The range does not lie in the split, or a file cannot be opened. A broken file is an error of the iterator.
    pub fn rows(&self, range: Range<u64>) -> Result<Rows> {
        if range.start > range.end || range.end > self.len() {
            return Err(Error::Dataset(format!(
                "rows {} to {} are asked for, and the split has {}",
                range.start,
                range.end,
                self.len()
            )));
        }
        let number = range.start;
        let segments = overlap(&self.segments, range).into();
        Ok(Rows { columns: self.columns.clone(), segments, current: None, number, failed: false })
    }
}

/// The parts of segments that a range of their rows covers.
fn overlap(segments: &[Segment], range: Range<u64>) -> Vec<Segment> {
    let mut found = Vec::new();
    let mut start = 0;
    for segment in segments {
        let from = range.start.max(start) - start;
        let to = range.end.clamp(start, start + segment.len()) - start;
        if from < to {
            let rows = segment.rows.start + from..segment.rows.start + to;
            found.push(Segment { rows, ..segment.clone() });
        }
        start += segment.len();
    }
    found
}

/// Two files must hold the same in each column.
fn check_types<'a>(first: &Segment, other: &Segment, columns: impl Iterator<Item = &'a Wanted>) -> Result<()> {
    for (wanted, (a, b)) in columns.zip(first.types().iter().zip(other.types())) {
        if !a.agrees(b) {
            return Err(Error::Dataset(format!(
                "column `{}` differs between files: {} in {}, and {} in {}",
                wanted.name,
                a.name(),
                first.path,
                b.name(),
                other.path
            )));
        }
    }
    Ok(())
}

/// Rows of a dataset.
pub struct Rows {
    columns: Columns,
    segments: VecDeque<Segment>,
    current: Option<(Segment, Selected)>,
    /// Number of the next row.
    number: u64,
    failed: bool,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Rows {
    fn read(&mut self) -> Result<Option<Row>> {
        loop {
            if let Some((segment, rows)) = &mut self.current
                && !segment.rows.is_empty()
            {
                let Some(cells) = rows.next() else {
                    return Err(Error::Dataset(format!(
                        "{}: the file ends {} rows before its end when it was opened; has it changed since?",
                        segment.path,
                        segment.len()
                    )));
                };
                segment.rows.start += 1;
                let number = self.number;
                self.number += 1;
                match cells? {
                    Some(cells) => return Ok(Some(self.columns.row(number, cells))),
                    None => continue,
                }
            }
            let Some(segment) = self.segments.pop_front() else { return Ok(None) };
            let rows = segment.table.read(segment.rows.clone())?;
            let selected = segment.asked.of_rows(rows);
            self.current = Some((segment, selected));
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.read();
        self.failed = row.is_err();
        row.transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_changes_is_an_error_of_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["1.jsonl", "2.jsonl"].map(|name| folder.path().join(name));
        let text = "{\"text\": \"a\"}\n";
        [&one, &two].iter().for_each(|path| fs::write(path, text).unwrap());
        let files = [&one, &two].map(|path| path.to_string_lossy().into_owned());
        let dataset = Dataset::open(&Source::new("json").files(files), &Columns::new("text")).unwrap();
        dataset.check_unchanged(&(0..2)).unwrap();
        // Of the same size.
        fs::write(&two, text.replace('a', "b")).unwrap();
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        fs::File::options().append(true).open(&two).unwrap().set_modified(later).unwrap();
        dataset.check_unchanged(&(0..1)).unwrap();
        let error = dataset.check_unchanged(&(0..2)).unwrap_err().to_string();
        assert!(error.contains("2.jsonl: the file has changed since the run began"), "{error}");
    }
}
