//! CSV and TSV files.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::cells::{Cell, Cells};
use super::columns::{ColumnType, Holds, Wanted, missing};
use super::encoding::Encoding;
use super::inferred::{Scalar, common};
use super::kind::has_tabs;
use super::lines::{LARGEST_ROW, LineEnds, Lines};
use super::marks::{Mark, Marks};
use super::options::{CsvOptions, ReadOptions};
use super::origin::Origin;
use super::table::{CellRows, Table};
use crate::{Error, Result};

/// A last record, by which an open quote shows: it would be inside of a field.
const END: &[u8] = b"\n\x1eend\x1e\n";

/// A CSV file.
#[derive(Debug)]
pub(super) struct Delimited {
    origin: Origin,
    options: Arc<CsvOptions>,
    encoding: Encoding,
    columns: Columns,
    /// Number of columns.
    width: usize,
    marks: Marks,
    rows: u64,
}

/// The wanted columns.
#[derive(Clone, Debug)]
struct Columns {
    /// Places in a record.
    places: Vec<usize>,
    holds: Vec<Holds>,
    types: Vec<ColumnType>,
}

impl Delimited {
    pub(super) fn open(origin: &Origin, wanted: &[Wanted], options: &ReadOptions) -> Result<Self> {
        let csv = Arc::new(options.csv.clone());
        let mut records = Records::open(origin, csv.clone(), None)?;
        let names = match (records.header.take(), &csv.names) {
            (_, Some(names)) => names.clone(),
            (Some(header), None) => {
                let fields = header.iter().map(|field| options.encoding.decode(field));
                let fields = fields.collect::<Result<Vec<_>, _>>();
                unique(fields.map_err(|reason| Error::Dataset(format!("{origin}: the header: {reason}")))?)
            }
            (None, None) => (0..records.width).map(|i| i.to_string()).collect(),
        };
        if records.width == 0 {
            return Err(Error::Dataset(format!(
                "{origin}: the file is empty; a CSV file starts with the names of its columns"
            )));
        }
        let place = |wanted: &Wanted| {
            names
                .iter()
                .position(|name| *name == wanted.name)
                .ok_or_else(|| match other_separator(&names, &wanted.name) {
                    Some(separator) => Error::Column(format!(
                        "{origin}: no column `{}`; its only column is `{}`, so the separator is another one: give `--dataset_kwargs \
                         '{{\"delimiter\": \"{}\"}}'`",
                        wanted.name,
                        names[0],
                        separator.escape_default()
                    )),
                    None => missing(origin, &wanted.name, names.iter().map(String::as_str)),
                })
        };
        let places = wanted.iter().map(place).collect::<Result<_>>()?;
        let width = records.width;
        let mut columns = wanted.iter().map(|wanted| Column::new(wanted.holds)).collect::<Vec<_>>();
        let mut marks = Marks::new();
        while records.read()? {
            marks.note(records.mark());
            for (column, &place) in columns.iter_mut().zip(&places) {
                column.see(records.record.get(place), options);
            }
        }
        let rows = records.number;
        let types = columns.into_iter().map(|column| column.found).collect();
        let holds = wanted.iter().map(|wanted| wanted.holds).collect();
        let columns = Columns { places, holds, types };
        Ok(Self { origin: origin.clone(), options: csv, encoding: options.encoding, columns, width, marks, rows })
    }
}

impl Table for Delimited {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn types(&self) -> &[ColumnType] {
        &self.columns.types
    }

    fn read(&self, range: Range<u64>) -> Result<CellRows> {
        let mark = self.marks.before(range.start).map(|mark| (mark, self.width));
        let mut records = Records::open(&self.origin, self.options.clone(), mark)?;
        while records.number < range.start && records.read()? {}
        let (columns, encoding, options) = (self.columns.clone(), self.encoding, self.options.clone());
        Ok(Box::new(std::iter::from_fn(move || {
            if records.number >= range.end {
                return None;
            }
            match records.read() {
                Ok(true) => Some(Ok(cells(&records.record, &columns, encoding, &options))),
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            }
        })))
    }
}

/// What a column holds, as far as it was read.
struct Column {
    holds: Holds,
    found: ColumnType,
}

impl Column {
    fn new(holds: Holds) -> Self {
        Self { holds, found: ColumnType::Any }
    }

    /// Takes note of a field. Only columns that may hold anything have types.
    fn see(&mut self, field: Option<&[u8]>, options: &ReadOptions) {
        if self.holds == Holds::Anything
            && self.found != ColumnType::Strings
            && let Some(Ok(text)) = field.map(|field| options.encoding.decode(field))
            && !options.csv.nulls.contains(&text)
        {
            // Everything is a text.
            self.found = common(&self.found, &Scalar::of_text(&text).column_type()).unwrap_or(ColumnType::Strings);
        }
    }
}

fn cells(record: &ByteRecord, columns: &Columns, encoding: Encoding, options: &CsvOptions) -> Cells {
    let cell = |((&place, holds), found): ((&usize, &Holds), &ColumnType)| match record.get(place) {
        // Short records end with nulls.
        None => Cell::Null,
        Some(field) => match encoding.cell(field) {
            Cell::Text(text) if *holds == Holds::Anything => match found {
                _ if options.nulls.contains(&text) => Cell::Null,
                ColumnType::Strings => Cell::Text(text),
                found => Scalar::of_text(&text).cell(found),
            },
            Cell::Text(text) if options.nulls.contains(&text) => {
                if text.is_empty() {
                    Cell::Null
                } else {
                    Cell::Bad(format!("`{text}`, which is null in a CSV file unless `keep_default_na` is false"))
                }
            }
            cell => cell,
        },
    };
    columns.places.iter().zip(&columns.holds).zip(&columns.types).map(cell).collect()
}

/// The separator that makes a wanted column of the only column of a file.
fn other_separator(names: &[String], wanted: &str) -> Option<char> {
    let [name] = names else { return None };
    let has = |separator: &char| {
        let mut fields = name.split(*separator).map(|field| field.trim().trim_matches('"'));
        name.contains(*separator) && fields.any(|field| field == wanted)
    };
    [';', '\t', '|', ','].into_iter().find(has)
}

/// Names of columns, each once: a second `a` is `a.1`, and one without a name `Unnamed: 3`, as in pandas.
fn unique(fields: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (i, field) in fields.into_iter().enumerate() {
        let field = if field.is_empty() { format!("Unnamed: {i}") } else { field };
        let mut name = field.clone();
        let mut count = 0;
        while names.contains(&name) {
            count += 1;
            name = format!("{field}.{count}");
        }
        names.push(name);
    }
    names
}

/// Reads a CSV file record by record.
struct Records {
    origin: Origin,
    reader: Reader<Limited>,
    options: Arc<CsvOptions>,
    /// The record that was read last.
    record: ByteRecord,
    /// The header, where the file has one.
    header: Option<ByteRecord>,
    /// Number of columns; 0 if the file is empty.
    width: usize,
    /// Number of records before the next one.
    number: u64,
    /// Whether the record was read in advance.
    waiting: bool,
    /// Where the reader started.
    start: Mark,
    /// Number of bytes that the next record may have.
    left: Arc<AtomicUsize>,
}

/// Bytes that end with an error if a record is too large, as one with an open quote is.
struct Limited {
    reader: Box<dyn Read + Send>,
    left: Arc<AtomicUsize>,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let left = self.left.load(Ordering::Relaxed);
        if read > left {
            return Err(std::io::Error::other(format!(
                "a record is larger than {} MiB; is a quote not closed?",
                LARGEST_ROW >> 20
            )));
        }
        self.left.store(left - read, Ordering::Relaxed);
        Ok(read)
    }
}

impl Records {
    /// Opens a file; at a mark with a number of columns, or at its start.
    fn open(origin: &Origin, options: Arc<CsvOptions>, at: Option<(Mark, usize)>) -> Result<Self> {
        let (start, width) = at.unwrap_or_default();
        let mut lines = Lines::open(origin, LineEnds::Newline, start)?;
        if at.is_none() {
            let mut line = Vec::new();
            for _ in 0..options.skipped_lines {
                lines.read(&mut line)?;
            }
        }
        let start = lines.mark(start.row);
        let left = Arc::new(AtomicUsize::new(LARGEST_ROW));
        let bytes = Limited { reader: Box::new(lines.rest().chain(END)), left: left.clone() };
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(options.separator.unwrap_or(if has_tabs(&origin.to_string()) { b'\t' } else { b',' }))
            .quote(options.quote.unwrap_or_default())
            .quoting(options.quote.is_some())
            .escape(options.escape)
            .double_quote(options.double_quote)
            .from_reader(bytes);
        let mut records = Self {
            origin: origin.clone(),
            reader,
            options,
            record: ByteRecord::new(),
            header: None,
            width,
            number: start.row,
            waiting: false,
            start,
            left,
        };
        if at.is_none() && records.next()? {
            records.width = records.options.names.as_ref().map_or(records.record.len(), Vec::len);
            if records.options.header {
                records.header = Some(std::mem::take(&mut records.record));
            } else {
                records.waiting = true;
            }
        }
        Ok(records)
    }

    /// The place of the record that was read last.
    fn mark(&self) -> Mark {
        let offset = self.record.position().map_or(0, csv::Position::byte);
        Mark { row: self.number - 1, offset: self.start.offset + offset, line: self.line() - 1 }
    }

    /// Line of the file where the record that was read last starts, from 1.
    fn line(&self) -> u64 {
        self.record.position().map_or(1, csv::Position::line) + self.start.line
    }

    /// Reads the next record; `false` behind the last one.
    fn read(&mut self) -> Result<bool> {
        if self.options.most_rows.is_some_and(|most| self.number >= most) {
            return Ok(false);
        }
        if !std::mem::take(&mut self.waiting) && !self.next()? {
            return Ok(false);
        }
        if self.record.len() > self.width {
            return Err(Error::Dataset(format!(
                "{}: line {} has {} fields, and there are {} columns; is a field with the separator not quoted, or a quote not closed?",
                self.origin,
                self.line(),
                self.record.len(),
                self.width
            )));
        }
        self.number += 1;
        Ok(true)
    }

    fn next(&mut self) -> Result<bool> {
        let mut line = self.line();
        loop {
            let some = self.reader.read_byte_record(&mut self.record).map_err(|e| match e.into_kind() {
                csv::ErrorKind::Io(source) => self.origin.failed(source),
                other => Error::Dataset(format!("{}: not valid CSV: {other:?}", self.origin)),
            })?;
            if !some {
                return Err(Error::Dataset(format!(
                    "{}: not valid CSV: the quote in the record that starts in line {} is never closed",
                    self.origin, line
                )));
            }
            line = self.line();
            self.left.store(LARGEST_ROW, Ordering::Relaxed);
            if self.record.len() == 1 {
                let field = &self.record[0];
                if field == END.trim_ascii() {
                    return Ok(false);
                }
                // A line of spaces is no record.
                if !field.is_empty() && field.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
            }
            return Ok(true);
        }
    }
}
