//! Tables as comma-separated values.

use std::io::{BufWriter, Write};

use csv_core::{WriteResult, Writer};

use super::Column;
use crate::Result;

/// Writes the names of the columns, then their values. A number is written in its shortest exact form; NaN is `NaN`.
pub(in crate::saved) fn write(writer: impl Write, columns: &[(String, Column<'_>)]) -> Result<()> {
    let mut table = Table { encoder: Writer::new(), writer: BufWriter::new(writer) };
    table.record(columns.iter().map(|(name, _)| name.clone()))?;
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    for row in 0..rows {
        table.record(columns.iter().map(|(_, column)| match column {
            Column::Integers(values) => values[row].to_string(),
            Column::Text(values) => values[row].to_owned(),
            Column::Scores(values) => values[row].map(|x| x.to_string()).unwrap_or_default(),
        }))?;
    }
    Ok(table.writer.flush()?)
}

/// A writer of records, with the encoder that quotes fields.
struct Table<W> {
    encoder: Writer,
    writer: W,
}

impl<W: Write> Table<W> {
    fn record(&mut self, fields: impl Iterator<Item = String>) -> Result<()> {
        for (index, field) in fields.enumerate() {
            if index > 0 {
                self.put(|encoder, output| encoder.delimiter(output))?;
            }
            let mut rest = field.as_bytes();
            self.put(|encoder, output| {
                let (result, read, written) = encoder.field(rest, output);
                rest = &rest[read..];
                (result, written)
            })?;
        }
        self.put(|encoder, output| encoder.terminator(output))
    }

    /// Writes the output of the encoder, a piece at a time.
    fn put(&mut self, mut say: impl FnMut(&mut Writer, &mut [u8]) -> (WriteResult, usize)) -> Result<()> {
        let mut output = [0; 1024];
        loop {
            let (result, written) = say(&mut self.encoder, &mut output);
            self.writer.write_all(&output[..written])?;
            if result == WriteResult::InputEmpty {
                return Ok(());
            }
        }
    }
}
