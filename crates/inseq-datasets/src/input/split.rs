//! Split expressions: `train`, `train[10%:20%]`, `validation+test[:3]`, with the rules and the rounding of the `datasets` library.

use std::ops::Range;

use inseq_core::did_you_mean;

use crate::{Error, Result};

/// Number of rows below which `pct1_dropremainder` is refused, because a percent of them is no row.
const FEWEST_FOR_WHOLE_PERCENTS: u64 = 100;

/// How a percentage of rows becomes a number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rounding {
    /// To the nearest number, halves to the even one.
    Closest,
    /// A multiple of one percent, which is rounded down.
    WholePercents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Rows,
    Percent(Rounding),
}

/// One split with its slice, such as `train[10%:20%]`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slice {
    split: String,
    from: Option<i64>,
    to: Option<i64>,
    unit: Unit,
}

/// A split expression: slices, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SplitExpression {
    /// `all`: every split.
    All,
    Slices(Slices),
}

/// Slices in the order in which their rows follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slices(Vec<Slice>);

impl SplitExpression {
    /// Reads an expression.
    ///
    /// # Errors
    /// It is none; the error names the part.
    pub(super) fn parse(expression: &str) -> Result<Self> {
        if expression == "all" {
            return Ok(Self::All);
        }
        let slices = expression
            .split('+')
            .enumerate()
            .map(|(i, part)| {
                // Space is allowed around the sign only.
                let part = if i == 0 { part } else { part.trim_start() };
                let last = i == expression.matches('+').count();
                Slice::parse(if last { part } else { part.trim_end() })
            })
            .collect::<Result<Vec<_>, String>>()
            .map_err(|reason| Error::Dataset(format!("split `{expression}`: {reason}")))?;
        let first = slices.first().map(|slice| slice.unit);
        let differs =
            |slice: &Slice| matches!((first, slice.unit), (Some(Unit::Percent(a)), Unit::Percent(b)) if a != b);
        if slices.iter().any(differs) {
            return Err(Error::Dataset(format!(
                "split `{expression}`: slices with different roundings cannot be added; give all of them \
                 `(pct1_dropremainder)`, or none"
            )));
        }
        Ok(Self::Slices(Slices(slices)))
    }

    /// The names of the splits that are read, each once, of the splits that there are.
    ///
    /// # Errors
    /// A split does not exist.
    pub(super) fn splits<'a>(&'a self, known: &[&'a str]) -> Result<Vec<&'a str>> {
        let Self::Slices(Slices(slices)) = self else { return Ok(known.to_vec()) };
        let mut names: Vec<&str> = Vec::new();
        for Slice { split, .. } in slices {
            if !known.contains(&split.as_str()) {
                let suggestion = did_you_mean(split, known.iter().copied(), 1);
                let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                return Err(Error::Dataset(format!("no split `{split}`; the dataset has {known}{suggestion}")));
            }
            if !names.contains(&split.as_str()) {
                names.push(split);
            }
        }
        Ok(names)
    }

    /// The rows of each split, in order. `rows` are the names of splits with their numbers of rows.
    ///
    /// # Errors
    /// A slice cannot be taken of a split of this length.
    pub(super) fn ranges<'a>(&'a self, rows: &[(&'a str, u64)]) -> Result<Vec<(&'a str, Range<u64>)>> {
        match self {
            Self::All => Ok(rows.iter().map(|&(name, rows)| (name, 0..rows)).collect()),
            Self::Slices(Slices(slices)) => slices
                .iter()
                .map(|slice| {
                    let rows = rows.iter().find(|(name, _)| *name == slice.split).map_or(0, |&(_, rows)| rows);
                    Ok((slice.split.as_str(), slice.range(rows)?))
                })
                .collect(),
        }
    }
}

impl Slice {
    fn parse(text: &str) -> Result<Self, String> {
        let unreadable = || {
            format!(
                "`{text}` is not the name of a split, with or without a slice; expected such as `train`, `train[:20]`, \
                 `train[10%:20%]`, `train[-5:]` or `validation+test`"
            )
        };
        let end = text.find(['[', '(']).unwrap_or(text.len());
        let (split, rest) = text.split_at(end);
        let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !split.split('.').all(is_word) {
            return Err(unreadable());
        }
        let (slice, rest) = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map(|(slice, rest)| (Some(slice), rest)).ok_or_else(unreadable)?,
            None => (None, rest),
        };
        let rounding = match rest {
            "" => None,
            rest => Some(rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).ok_or_else(unreadable)?),
        };
        let (from, to) = match slice {
            Some(slice) => slice.split_once(':').ok_or_else(unreadable)?,
            None => ("", ""),
        };
        let boundary = |text: &str| -> Result<(Option<i64>, bool), String> {
            if text.is_empty() {
                return Ok((None, false));
            }
            let (number, percent) = text.strip_suffix('%').map_or((text, false), |number| (number, true));
            integer(number).map(|number| (Some(number), percent)).ok_or_else(unreadable)
        };
        let (from, from_percent) = boundary(from)?;
        let (to, to_percent) = boundary(to)?;
        // One percent sign makes percentages of both.
        let percent = from_percent || to_percent;
        let unit = match (percent, rounding) {
            (false, None) => Unit::Rows,
            (true, None | Some("closest")) => Unit::Percent(Rounding::Closest),
            (true, Some("pct1_dropremainder")) => Unit::Percent(Rounding::WholePercents),
            (true, Some(other)) => {
                return Err(format!("unknown rounding `{other}`; choose from `closest`, `pct1_dropremainder`"));
            }
            (false, Some(rounding)) => {
                return Err(format!(
                    "the rounding `{rounding}` is for percentages, such as `{split}[:10%]({rounding})`"
                ));
            }
        };
        if percent && [from, to].into_iter().flatten().any(|boundary| boundary.abs() > 100) {
            return Err(format!("`{text}` has a percentage outside of -100 to 100"));
        }
        Ok(Self { split: split.to_owned(), from, to, unit })
    }

    /// The rows of a split with so many rows.
    fn range(&self, rows: u64) -> Result<Range<u64>> {
        if self.unit == Unit::Percent(Rounding::WholePercents) && rows < FEWEST_FOR_WHOLE_PERCENTS {
            return Err(Error::Dataset(format!(
                "split `{}`: `pct1_dropremainder` needs at least {FEWEST_FOR_WHOLE_PERCENTS} rows, and it has {rows}; leave \
                 the rounding out",
                self.split
            )));
        }
        let total = i128::from(rows);
        let absolute = |boundary: i64| {
            let boundary = i128::from(boundary);
            match self.unit {
                Unit::Rows => boundary,
                Unit::Percent(Rounding::WholePercents) => boundary * (total / 100),
                Unit::Percent(Rounding::Closest) => ((boundary * total) as f64 / 100.0).round_ties_even() as i128,
            }
        };
        let place = |boundary: i128| {
            let boundary = if boundary < 0 { total + boundary } else { boundary };
            boundary.clamp(0, total) as u64
        };
        let from = place(self.from.map_or(0, absolute));
        let to = place(self.to.map_or(total, absolute));
        Ok(from..to.max(from))
    }
}

/// Whether a split may have this name: words of letters, digits and `_`, with dots between them.
pub(super) fn is_split_name(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    name.split('.').all(is_word)
}

/// An integer as Python reads it: `-5`, `1_000`.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let well_placed = digits.split('_').all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()));
    well_placed.then(|| text.replace('_', "").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(expression: &str) -> String {
        SplitExpression::parse(expression).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_expression_is_said() {
        for expression in [
            "",
            "+",
            "train+",
            " train",
            "train ",
            "train[",
            "train[5]",
            "train[a:]",
            "train[:5]x",
            "tr-ain",
            "a..b",
            "train[_5:]",
        ] {
            assert!(message(expression).contains("not the name of a split"), "{expression}: {}", message(expression));
        }
        assert!(message("train[:101%]").contains("outside of -100 to 100"));
        assert!(message("train[:10%](up)").contains("unknown rounding `up`"));
        assert!(message("train[:10](closest)").contains("is for percentages"));
        assert!(message("train[:10%]+test[:10%](pct1_dropremainder)").contains("different roundings"));
    }

    #[test]
    fn an_unknown_split_names_the_known_ones() {
        let expression = SplitExpression::parse("trian").unwrap();
        let message = expression.splits(&["train", "test"]).unwrap_err().to_string();
        assert_eq!(message, "no split `trian`; the dataset has `train`, `test` (did you mean `train`?)");
    }

    #[test]
    fn percents_of_a_few_rows_are_refused() {
        let expression = SplitExpression::parse("train[:10%](pct1_dropremainder)").unwrap();
        let message = expression.ranges(&[("train", 99)]).unwrap_err().to_string();
        assert!(message.contains("at least 100 rows, and it has 99"), "{message}");
    }
}
