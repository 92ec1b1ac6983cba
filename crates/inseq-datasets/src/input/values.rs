//! The values of a JSON file one by one, as bytes.

use std::io::BufRead;

use super::bytes;
use super::lines::LARGEST_ROW;
use super::marks::Mark;
use super::origin::Origin;
use crate::{Error, Result};

/// Where the values of the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// In an array, which is the file.
    Array,
    /// In an array, which is a field of the object that is the file.
    Field(String),
    /// One after the other.
    Stream,
}

/// Reads a JSON file value by value. Only the places where values start and end are found; what is in them is not checked.
pub(super) struct Values {
    origin: Origin,
    reader: Box<dyn BufRead + Send>,
    shape: Shape,
    /// Whether the array has ended.
    done: bool,
    /// Number of values before the next one.
    pub(super) number: u64,
    /// Number of bytes before the next one.
    offset: u64,
}

impl Values {
    /// Opens a file at a mark.
    pub(super) fn open(origin: &Origin, shape: Shape, mark: Mark) -> Result<Self> {
        let Mark { row, offset, .. } = mark;
        Ok(Self {
            origin: origin.clone(),
            reader: bytes::text(origin, offset)?,
            shape,
            done: false,
            number: row,
            offset,
        })
    }

    /// The place behind the value that was read last.
    pub(super) fn mark(&self) -> Mark {
        Mark { row: self.number, offset: self.offset, line: 0 }
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
        self.offset += count as u64;
    }

    /// Reads the bytes of the next value; `false` behind the last one.
    ///
    /// # Errors
    /// The file is broken.
    pub(super) fn read(&mut self, value: &mut Vec<u8>) -> Result<bool> {
        value.clear();
        let next = match self.shape {
            Shape::Stream => self.peek()?,
            Shape::Array | Shape::Field(_) => self.next_element()?,
        };
        if next.is_none() {
            return Ok(false);
        }
        self.scan(Some(value))?;
        self.number += 1;
        Ok(true)
    }

    /// Goes to the next element of the array, and gives its first byte; `None` behind the last one.
    fn next_element(&mut self) -> Result<Option<u8>> {
        if self.done {
            return Ok(None);
        }
        if self.number == 0 {
            if let Shape::Field(field) = self.shape.clone() {
                self.enter(&field)?;
            }
            self.expect(b'[')?;
            match self.some()? {
                b']' => {}
                first => return Ok(Some(first)),
            }
        } else {
            match self.some()? {
                b',' => {
                    self.consume(1);
                    return self.some().map(Some);
                }
                b']' => {}
                other => return Err(self.broken(&format!("`{}` where `,` or `]` is expected", other.escape_ascii()))),
            }
        }
        self.done = true;
        // What follows a field is not read; nothing may follow an array.
        if self.shape == Shape::Array {
            self.expect(b']')?;
            if let Some(other) = self.peek()? {
                return Err(self.broken(&format!("`{}` behind the end of the array", other.escape_ascii())));
            }
        }
        Ok(None)
    }

    /// Goes to the value of a field of the object that is the file.
    fn enter(&mut self, field: &str) -> Result<()> {
        self.expect(b'{')?;
        let mut fields = Vec::new();
        let mut bytes = Vec::new();
        while self.some()? != b'}' {
            bytes.clear();
            self.scan(Some(&mut bytes))?;
            let name: String = serde_json::from_slice(&bytes)
                .map_err(|_| self.broken("something else where the name of a field is expected"))?;
            self.expect(b':')?;
            if name == field {
                return match self.some()? {
                    b'[' => Ok(()),
                    other => Err(self.broken(&format!(
                        "`{}` where the field `{field}` is expected to be an array of objects",
                        other.escape_ascii()
                    ))),
                };
            }
            fields.push(format!("`{name}`"));
            self.scan(None)?;
            if self.some()? == b',' {
                self.consume(1);
            }
        }
        Err(Error::Dataset(format!("{}: no field `{field}`; the object has {}", self.origin, fields.join(", "))))
    }

    /// Goes behind a value, and copies its bytes.
    fn scan(&mut self, mut copy: Option<&mut Vec<u8>>) -> Result<()> {
        let first = self.some()?;
        if matches!(first, b',' | b':' | b']' | b'}') {
            return Err(self.broken(&format!("`{}` where a value is expected", char::from(first))));
        }
        let mut state = Nesting::default();
        loop {
            let failed = |source| self.origin.failed(source);
            let buffer = self.reader.fill_buf().map_err(failed)?;
            if buffer.is_empty() {
                // A number may end with the file.
                return if state.may_end() { Ok(()) } else { Err(self.ends()) };
            }
            let end = buffer.iter().position(|&byte| state.ends_before(byte));
            let length = end.unwrap_or(buffer.len());
            if let Some(copy) = copy.as_deref_mut() {
                copy.extend_from_slice(&buffer[..length]);
                if copy.len() > LARGEST_ROW {
                    return Err(Error::Dataset(format!(
                        "{}: row {} is larger than {} MiB; do the rows lie in a field? Then name it: `field`",
                        self.origin,
                        self.number,
                        LARGEST_ROW >> 20
                    )));
                }
            }
            self.consume(length);
            if end.is_some() {
                return Ok(());
            }
        }
    }

    fn expect(&mut self, expected: u8) -> Result<()> {
        match self.some()? {
            found if found == expected => {
                self.consume(1);
                Ok(())
            }
            found => {
                Err(self.broken(&format!("`{}` where `{}` is expected", found.escape_ascii(), char::from(expected))))
            }
        }
    }

    /// The next byte that is no space, which is not taken.
    fn some(&mut self) -> Result<u8> {
        self.peek()?.ok_or_else(|| self.ends())
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            let failed = |source| self.origin.failed(source);
            let buffer = self.reader.fill_buf().map_err(failed)?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let spaces = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if let Some(&byte) = buffer.get(spaces) {
                self.consume(spaces);
                return Ok(Some(byte));
            }
            self.consume(spaces);
        }
    }

    fn ends(&self) -> Error {
        self.broken("the file ends inside of it; is it truncated?")
    }

    fn broken(&self, what: &str) -> Error {
        Error::Dataset(format!("{}: not valid JSON behind row {}: {what}", self.origin, self.number))
    }
}

/// How deep a place in a value is.
#[derive(Default)]
struct Nesting {
    started: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
    closed: bool,
}

impl Nesting {
    /// Whether the value is whole where the file ends.
    fn may_end(&self) -> bool {
        self.closed || (self.depth == 0 && !self.in_string)
    }

    /// Takes the next byte; `true` if the value ends before it.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.closed {
            return true;
        }
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    self.closed = self.depth == 0;
                }
                _ => {}
            }
            return false;
        }
        let started = std::mem::replace(&mut self.started, true);
        match byte {
            b'"' if started && self.depth == 0 => return true,
            b'"' => self.in_string = true,
            b'{' | b'[' if started && self.depth == 0 => return true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                self.closed = self.depth == 0;
            }
            b'}' | b']' | b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if self.depth == 0 => return true,
            _ => {}
        }
        false
    }
}
