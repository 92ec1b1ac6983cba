//! Places in a text file from which rows can be read.

/// Largest number of marks per file.
const MOST: usize = 256;

/// A place where a row starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Number of rows before it.
    pub(super) row: u64,
    /// Number of bytes before it, decompressed and without a byte order mark.
    pub(super) offset: u64,
    /// Number of lines before it, where the format counts them.
    pub(super) line: u64,
}

/// Marks at regular distances, of which there are a bounded number: reading some rows in the middle does not read all before them.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// Number of rows from one mark to the next.
    distance: u64,
    marks: Vec<Mark>,
}

impl Marks {
    pub(super) fn new() -> Self {
        Self { distance: 1, marks: Vec::new() }
    }

    /// Takes note of the start of the next row.
    pub(super) fn note(&mut self, mark: Mark) {
        if !mark.row.is_multiple_of(self.distance) {
            return;
        }
        if self.marks.len() == MOST {
            self.distance *= 2;
            self.marks.retain(|mark| mark.row.is_multiple_of(self.distance));
        }
        if mark.row.is_multiple_of(self.distance) {
            self.marks.push(mark);
        }
    }

    /// The last mark at or before a row; `None` if there is none.
    pub(super) fn before(&self, row: u64) -> Option<Mark> {
        let next = self.marks.partition_point(|mark| mark.row <= row);
        next.checked_sub(1).map(|last| self.marks[last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_few_and_near() {
        let mut marks = Marks::new();
        let rows = 100_000;
        for row in 0..rows {
            marks.note(Mark { row, offset: row * 10, line: row });
        }
        assert!(marks.marks.len() <= MOST && marks.marks.len() >= MOST / 2);
        for row in 0..rows {
            let mark = marks.before(row).unwrap();
            assert!(mark.row <= row && row - mark.row <= rows / 100 && mark.offset == mark.row * 10);
        }
    }
}
