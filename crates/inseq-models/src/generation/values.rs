//! Values of generation fields, in the forms that files of all versions use.

use inseq_core::mismatch;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Condition that ends a beam search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EarlyStopping {
    /// The running beams are unlikely to become better (`false`).
    #[default]
    Heuristic,
    /// There are as many finished beams as beams (`true`).
    WhenFull,
    /// No running beam can become better (`"never"`).
    Never,
}

impl<'de> Deserialize<'de> for EarlyStopping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::Heuristic),
            Value::String(s) if s == "never" => Ok(Self::Never),
            value if let Some(truth) = truth(&value) => Ok(if truth { Self::WhenFull } else { Self::Heuristic }),
            other => Err(serde::de::Error::custom(format!("expected true, false or \"never\", found {other}"))),
        }
    }
}

/// A boolean. Python also accepts numbers.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    truth(&value).ok_or_else(|| serde::de::Error::custom(format!("expected true or false, found {value}")))
}

/// The truth of a value; `None` if it has none.
pub(super) fn truth(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_f64().map(|number| number != 0.0))
}

/// One value or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    None(()),
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::None(()) => Vec::new(),
            Self::One(value) => vec![value],
            Self::More(values) => values,
        }
    }
}

/// Ids of tokens. A negative id stands for no token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids(pub(super) Vec<u32>);

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ids = OneOrMore::<i64>::deserialize(deserializer)
            .map_err(|_| serde::de::Error::custom("expected a token id or a list of token ids"))?;
        known(ids.into_vec()).map(Self)
    }
}

/// The id of a token. A negative id stands for no token.
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(Ids::deserialize(deserializer)?.0.first().copied())
}

/// Optional ids of tokens. A negative id stands for no token.
pub(super) fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u32>>, D::Error> {
    let ids =
        Vec::<i64>::deserialize(deserializer).map_err(|_| serde::de::Error::custom("expected a list of token ids"))?;
    known(ids).map(Some)
}

/// The ids that tokens can have.
fn known<E: serde::de::Error>(ids: Vec<i64>) -> Result<Vec<u32>, E> {
    let ids = ids.into_iter().filter(|id| *id >= 0);
    ids.map(|id| u32::try_from(id).map_err(|_| E::custom(format!("{id} is no token id")))).collect()
}

/// A count. A negative number stands for 0.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let count = i64::deserialize(deserializer)?;
    usize::try_from(count.max(0)).map_err(serde::de::Error::custom)
}

/// An optional count. A negative number stands for 0.
pub(super) fn optional_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    count(deserializer).map(Some)
}

/// One text or several.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = OneOrMore::<String>::deserialize(deserializer)
        .map_err(|_| serde::de::Error::custom("expected a text or a list of texts"))?;
    Ok(texts.into_vec())
}

/// Sequences of tokens with a bias that is added to the score of their last token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SequenceBias(pub Vec<(Vec<u32>, f32)>);

impl<'de> Deserialize<'de> for SequenceBias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let pairs: Vec<(Vec<u32>, f32)> = mismatch::read(&value).map_err(|_| {
            let expected = "expected a list such as [[[3, 4], -2.5]] of token ids and their bias";
            serde::de::Error::custom(format!("{expected}, found {value}"))
        })?;
        match pairs.iter().any(|(ids, bias)| ids.is_empty() || bias.is_nan()) {
            true => Err(serde::de::Error::custom("a sequence has no ids, or its bias is no number")),
            // As in a table by sequence: the last entry of a sequence counts.
            false => Ok(Self(indexmap::IndexMap::<Vec<u32>, f32>::from_iter(pairs).into_iter().collect())),
        }
    }
}
