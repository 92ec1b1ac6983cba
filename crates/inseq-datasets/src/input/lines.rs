//! Lines of text files.

use std::io::BufRead;
use std::ops::Range;

use super::bytes;
use super::columns::{ColumnType, Wanted, missing};
use super::encoding::Encoding;
use super::marks::{Mark, Marks};
use super::options::ReadOptions;
use super::origin::Origin;
use super::table::{CellRows, Table};
use crate::{Error, Result};

/// Largest size of a row, in bytes. What is larger is no row, but a file with other line ends or an unclosed quote.
pub(super) const LARGEST_ROW: usize = 256 << 20;

/// The only column of a text file.
const COLUMN: &str = "text";

/// Bytes that end a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnds {
    /// `\n`.
    Newline,
    /// `\n`, `\r\n` and `\r`.
    Universal,
}

/// Reads a file line by line.
pub(super) struct Lines {
    origin: Origin,
    reader: Box<dyn BufRead + Send>,
    ends: LineEnds,
    /// Number of lines before the next one.
    pub(super) number: u64,
    /// Number of bytes before the next line.
    pub(super) offset: u64,
}

impl Lines {
    /// Opens a file at a mark.
    pub(super) fn open(origin: &Origin, ends: LineEnds, mark: Mark) -> Result<Self> {
        let Mark { offset, line, .. } = mark;
        Ok(Self { origin: origin.clone(), reader: bytes::text(origin, offset)?, ends, number: line, offset })
    }

    /// The place of the next line, before which there are so many rows.
    pub(super) fn mark(&self, row: u64) -> Mark {
        Mark { row, offset: self.offset, line: self.number }
    }

    /// The bytes behind the line that was read last.
    pub(super) fn rest(self) -> Box<dyn BufRead + Send> {
        self.reader
    }

    /// Reads the next line without its end; `false` at the end of the file.
    pub(super) fn read(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        let origin = &self.origin;
        let failed = |source| origin.failed(source);
        loop {
            let buffer = self.reader.fill_buf().map_err(failed)?;
            if buffer.is_empty() {
                let started = !line.is_empty();
                self.number += u64::from(started);
                return Ok(started);
            }
            let end = match self.ends {
                LineEnds::Newline => buffer.iter().position(|&byte| byte == b'\n'),
                LineEnds::Universal => buffer.iter().position(|&byte| matches!(byte, b'\n' | b'\r')),
            };
            let length = end.unwrap_or(buffer.len());
            line.extend_from_slice(&buffer[..length]);
            if let Some(end) = end {
                let is_return = buffer[end] == b'\r';
                self.reader.consume(end + 1);
                self.offset += end as u64 + 1;
                if is_return && self.reader.fill_buf().map_err(failed)?.first() == Some(&b'\n') {
                    self.reader.consume(1);
                    self.offset += 1;
                }
                self.number += 1;
                return Ok(true);
            }
            self.reader.consume(length);
            self.offset += length as u64;
            if line.len() > LARGEST_ROW {
                return Err(Error::Dataset(format!(
                    "{origin}: line {} is longer than {} MiB; is it a text file?",
                    self.number + 1,
                    LARGEST_ROW >> 20
                )));
            }
        }
    }
}

/// A text file: every line is a row.
#[derive(Debug)]
pub(super) struct TextLines {
    origin: Origin,
    rows: u64,
    marks: Marks,
    types: Vec<ColumnType>,
    encoding: Encoding,
}

impl TextLines {
    pub(super) fn open(origin: &Origin, wanted: &[Wanted], options: &ReadOptions) -> Result<Self> {
        if let Some(wanted) = wanted.iter().find(|wanted| wanted.name != COLUMN) {
            return Err(missing(origin, &wanted.name, [COLUMN]));
        }
        let mut lines = Lines::open(origin, LineEnds::Universal, Mark::default())?;
        let mut line = Vec::new();
        let mut marks = Marks::new();
        loop {
            let mark = lines.mark(lines.number);
            if !lines.read(&mut line)? {
                break;
            }
            marks.note(mark);
        }
        let types = vec![ColumnType::Strings; wanted.len()];
        Ok(Self { origin: origin.clone(), rows: lines.number, marks, types, encoding: options.encoding })
    }
}

impl Table for TextLines {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn types(&self) -> &[ColumnType] {
        &self.types
    }

    fn read(&self, rows: Range<u64>) -> Result<CellRows> {
        let mark = self.marks.before(rows.start).unwrap_or_default();
        let mut lines = Lines::open(&self.origin, LineEnds::Universal, mark)?;
        let mut line = Vec::new();
        while lines.number < rows.start && lines.read(&mut line)? {}
        let (columns, encoding) = (self.types.len(), self.encoding);
        Ok(Box::new(std::iter::from_fn(move || {
            if lines.number >= rows.end {
                return None;
            }
            match lines.read(&mut line) {
                Ok(true) => Some(Ok(vec![encoding.cell(&line); columns])),
                Ok(false) => None,
                Err(error) => Some(Err(error)),
            }
        })))
    }
}
