//! Values of the arguments of aggregators, as JSON gives them.

use std::ops::Range;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{AggregationFunction, Selection};

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub(super) enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

/// An aggregation function by its name.
#[derive(Deserialize)]
pub(super) struct Function(pub AggregationFunction);

/// A selection: an index, a list of indices, or text with an index, a list or a span.
pub(super) struct Chosen(pub Selection);

impl<'de> Deserialize<'de> for Chosen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected an index, a list of indices, or a span such as \"1:3\"")]
        enum Form {
            Index(i64),
            List(Vec<i64>),
            Text(String),
        }
        let selection = match Form::deserialize(deserializer)? {
            Form::Index(index) => Selection::One(index),
            Form::List(indices) => Selection::List(indices),
            Form::Text(text) => text.parse().map_err(D::Error::custom)?,
        };
        selection.check().map_err(D::Error::custom)?;
        Ok(Self(selection))
    }
}

/// The order of a norm. Infinities are text, because JSON has no numbers for them.
pub(super) struct Order(pub f64);

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number, \"inf\" or \"-inf\"")]
        enum Form {
            Number(f64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(order) => Ok(Self(order)),
            Form::Text(text) if text == "inf" => Ok(Self(f64::INFINITY)),
            Form::Text(text) if text == "-inf" => Ok(Self(f64::NEG_INFINITY)),
            Form::Text(text) => {
                Err(D::Error::custom(format!("{text:?} is no order of a norm; give a number, \"inf\" or \"-inf\"")))
            }
        }
    }
}

/// One span, or several.
#[derive(Default)]
pub(super) struct SpanList(pub Vec<Range<usize>>);

impl<'de> Deserialize<'de> for SpanList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a span such as [0, 2], or a list of spans")]
        enum Form {
            One([usize; 2]),
            More(Vec<[usize; 2]>),
        }
        let spans = match Form::deserialize(deserializer)? {
            Form::One(span) => vec![span],
            Form::More(spans) => spans,
        };
        let in_order = spans.windows(2).all(|two| two[0][1] <= two[1][0]);
        if spans.is_empty() || !in_order || spans.iter().any(|[start, end]| start >= end) {
            return Err(D::Error::custom(format!(
                "expected at least one span, each with its start before its end, in order and without overlap, found {spans:?}"
            )));
        }
        Ok(Self(spans.into_iter().map(|[start, end]| start..end).collect()))
    }
}
