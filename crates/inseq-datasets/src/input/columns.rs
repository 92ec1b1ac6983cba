//! Wanted columns, and whether a file has them.

use std::collections::BTreeMap;

use arrow_schema::DataType;
use inseq_core::did_you_mean;

use super::cells::{Cell, Cells};
use super::origin::Origin;
use super::source::Columns;
use crate::{Error, Row};

/// Largest number of columns that a message lists.
const MOST_LISTED: usize = 20;

/// A column that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) holds: Holds,
}

/// What a column may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Texts,
    /// As ids.
    TextsOrIntegers,
    /// As columns of a filter.
    Anything,
}

impl Columns {
    /// The columns that are read: input, generated, those of arguments, id.
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let texts = std::iter::once(&self.input).chain(&self.generated).chain(self.arguments.values());
        let texts = texts.map(|name| Wanted { name: name.clone(), holds: Holds::Texts });
        texts.chain(self.id.iter().map(|name| Wanted { name: name.clone(), holds: Holds::TextsOrIntegers })).collect()
    }

    /// The row with some cells, of the columns in the order of [`wanted`](Self::wanted).
    pub(super) fn row(&self, number: u64, cells: Cells) -> Row {
        let mut cells = cells.into_iter();
        let mut next = || cells.next().unwrap_or(Cell::Null);
        let input = next().text(&self.input);
        let generated = self.generated.as_ref().map(|column| next().text(column)).transpose();
        let arguments: Vec<_> = self.arguments.iter().map(|(name, column)| (name, next().text(column))).collect();
        let arguments = arguments.into_iter().map(|(name, text)| Ok((name.clone(), text?)));
        let arguments: Result<BTreeMap<String, String>, String> = arguments.collect();
        let id = self.id.as_ref().map_or(Ok(None), |column| next().id(column));
        let input_text = input.as_ref().ok().cloned();
        let texts = input.and_then(|input| Ok((input, generated?)));
        let (arguments, texts) = match arguments {
            Ok(arguments) => (arguments, texts),
            Err(reason) => (BTreeMap::new(), texts.and(Err(reason))),
        };
        let (id, texts) = match id {
            Ok(id) => (id, texts),
            Err(reason) => (None, texts.and(Err(reason))),
        };
        let input_text = input_text.filter(|_| texts.is_err());
        Row { number, id, texts, input_text, arguments }
    }
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ColumnType {
    Strings,
    Integers,
    /// Values of another type, in a column that may hold anything.
    Values(DataType),
    /// The format has no types, or every value is null.
    Any,
}

impl ColumnType {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Strings => "strings".into(),
            Self::Integers => "integers".into(),
            Self::Values(data_type) => format!("values of the type {data_type}"),
            Self::Any => "nothing but nulls".into(),
        }
    }

    /// Whether columns of both types can follow each other.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self == other || *self == Self::Any || *other == Self::Any
    }
}

/// The error for a column that a file does not have.
pub(super) fn missing<'a>(origin: &Origin, column: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    let known: Vec<&str> = known.into_iter().collect();
    if known.is_empty() {
        return Error::Column(format!("{origin}: no column `{column}`; the file has no columns"));
    }
    let suggestion = did_you_mean(column, known.iter().copied(), 1);
    let mut listed: Vec<String> = known.iter().take(MOST_LISTED).map(|name| format!("`{name}`")).collect();
    if known.len() > MOST_LISTED {
        listed.push(format!("and {} more", known.len() - MOST_LISTED));
    }
    Error::Column(format!("{origin}: no column `{column}`; it has {}{suggestion}", listed.join(", ")))
}

/// The error for a column whose values are no texts, or are nested.
pub(super) fn mistyped(origin: &Origin, wanted: &Wanted, found: &str, is_nested: bool) -> Error {
    let expected = match wanted.holds {
        Holds::Texts => "strings",
        Holds::TextsOrIntegers => "strings or integers",
        Holds::Anything => "strings, numbers or booleans",
    };
    let way_out = match is_nested {
        true => "; nested values are not read: write their parts into columns of their own",
        false => "",
    };
    Error::Dataset(format!("{origin}: column `{}` holds {found}; expected {expected}{way_out}", wanted.name))
}
