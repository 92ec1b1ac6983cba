//! Selection of the entries of the last axis that an aggregation uses.

use std::{collections::HashSet, ops::Range, str::FromStr};

use ndarray::{ArrayD, Axis, Slice};

use crate::{Error, Result};

/// Selected entries of the last axis, such as some heads (the reference's `select_idx`). Negative indices
/// count from the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selection {
    /// Every entry.
    #[default]
    All,
    /// One entry; this removes the axis without an aggregation.
    One(i64),
    /// Entries from the first index to before the second.
    Span(i64, i64),
    /// The listed entries, each once.
    List(Vec<i64>),
}

impl FromStr for Selection {
    type Err = Error;

    /// An index (`-1`), a span (`1:3`), or a list (`0,2,5`).
    fn from_str(text: &str) -> Result<Self> {
        let index = |text: &str| text.trim().parse::<i64>().ok();
        let parsed = match text.split_once(':') {
            Some((start, end)) => index(start).zip(index(end)).map(|(start, end)| Self::Span(start, end)),
            None if text.contains(',') => text.split(',').map(index).collect::<Option<_>>().map(Self::List),
            None => index(text).map(Self::One),
        };
        parsed.ok_or_else(|| {
            Error::argument(
                "select_idx",
                format!("{text:?} selects nothing; give an index (-1), a span (1:3) or a list (0,2,5)"),
            )
        })
    }
}

impl Selection {
    /// Refuses a selection that no axis can have.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::List(indices)
                if indices.is_empty() || indices.iter().collect::<HashSet<_>>().len() < indices.len() =>
            {
                Err(Error::Invalid(format!(
                    "a selection lists at least one index, and each once, but it is {indices:?}"
                )))
            }
            Self::Span(start, end) if (*start < 0) == (*end < 0) && start >= end => {
                Err(Error::Invalid(format!("the span {start}:{end} is empty; its start must lie before its end")))
            }
            _ => Ok(()),
        }
    }

    /// The selected scores: [`Selection::One`] removes the last axis, the others shorten it.
    pub(super) fn of(&self, scores: &ArrayD<f32>) -> Result<ArrayD<f32>> {
        let Some((&length, outer)) = scores.shape().split_last() else {
            return Err(Error::Invalid("one number has no axis to select from".to_owned()));
        };
        let axis = Axis(outer.len());
        match self {
            Self::All => Ok(scores.clone()),
            Self::One(index) => Ok(scores.index_axis(axis, position(*index, length)?).to_owned()),
            Self::Span(start, end) => {
                let Range { start, end } = span(*start, *end, length)?;
                Ok(scores.slice_axis(axis, Slice::from(start..end)).to_owned())
            }
            Self::List(indices) => {
                self.check()?;
                let positions = indices.iter().map(|&index| position(index, length)).collect::<Result<Vec<_>>>()?;
                if positions.is_empty() || positions.iter().collect::<HashSet<_>>().len() < positions.len() {
                    return Err(Error::argument(
                        "select_idx",
                        format!("a selection lists at least one index, and each once, but it is {indices:?}"),
                    ));
                }
                Ok(scores.select(axis, &positions))
            }
        }
    }
}

fn from_end(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index.checked_add(length)? } else { index }).ok()
}

fn position(index: i64, length: usize) -> Result<usize> {
    from_end(index, length).filter(|&position| position < length).ok_or_else(|| {
        Error::argument(
            "select_idx",
            format!("index {index} is out of range: the last axis of the scores has length {length}"),
        )
    })
}

fn span(start: i64, end: i64, length: usize) -> Result<Range<usize>> {
    match (from_end(start, length), from_end(end, length)) {
        (Some(start), Some(end)) if start < end && end <= length => Ok(start..end),
        _ => Err(Error::argument(
            "select_idx",
            format!("span {start}..{end} is empty or out of range: the last axis of the scores has length {length}"),
        )),
    }
}
