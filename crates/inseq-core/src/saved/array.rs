//! Scores in the reference's form of numpy arrays: type and shape, and base64 text or nested lists.

use std::{borrow::Cow, fmt, io::Read, io::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use half::f16;
use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};
use serde::{Deserialize, Serialize, de};

use super::{nested::NestedNumbers, precision::numbers, save::SaveOptions};
use crate::{Error, Result};

/// Marks base64 text.
const PLAIN: &str = "b64:";
/// Marks base64 text of gzipped bytes.
const GZIPPED: &str = "b64.gz:";

/// An array in a file.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct SavedArray<'a> {
    /// Whether the values are in row-major order; present only for arrays with more than one axis.
    #[serde(rename = "Corder", default, skip_serializing_if = "Option::is_none")]
    row_major: Option<bool>,
    #[serde(rename = "__ndarray__", borrow)]
    values: Values<'a>,
    dtype: Cow<'static, str>,
    shape: Vec<usize>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Values<'a> {
    Text(Cow<'a, str>),
    Lists(NestedNumbers),
}

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor;

        impl<'de> de::Visitor<'de> for ValuesVisitor {
            type Value = Values<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 text or nested lists of numbers")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Values::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Values::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                NestedNumbers::in_list(list).map(Values::Lists)
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Values::Lists(NestedNumbers { shape: vec![], values: vec![value as f32] }))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                self.visit_f64(value as f64)
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                self.visit_f64(value as f64)
            }
        }

        deserializer.deserialize_any(ValuesVisitor)
    }
}

impl SavedArray<'static> {
    pub(super) fn new<A: Data<Elem = f32>, D: Dimension>(
        scores: &ArrayBase<A, D>,
        options: &SaveOptions,
    ) -> Result<Self> {
        let values = if options.ndarray_compact {
            let bytes: Vec<u8> = scores.iter().flat_map(|x| x.to_le_bytes()).collect();
            // In a file that is gzipped as a whole, gzipping its parts would only cost time.
            let smaller = if options.compress { None } else { gzip(&bytes)? };
            Values::Text(Cow::Owned(match smaller {
                Some(smaller) => GZIPPED.to_owned() + &STANDARD.encode(smaller),
                None => PLAIN.to_owned() + &STANDARD.encode(bytes),
            }))
        } else {
            Values::Lists(lists(scores))
        };
        Ok(Self {
            row_major: (scores.ndim() > 1).then_some(true),
            values,
            dtype: Cow::Borrowed("float32"),
            shape: scores.shape().to_vec(),
        })
    }
}

/// Scores as nested lists.
pub(super) fn lists<A: Data<Elem = f32>, D: Dimension>(scores: &ArrayBase<A, D>) -> NestedNumbers {
    NestedNumbers { shape: scores.shape().to_vec(), values: scores.iter().copied().collect() }
}

/// The gzipped bytes, if gzip makes them small enough.
fn gzip(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    let smaller = encoder.finish()?;
    Ok((smaller.len() + smaller.len() / 9 < bytes.len() && smaller.len() + 8 < bytes.len()).then_some(smaller))
}

impl SavedArray<'_> {
    /// Reads the array and checks its shape and type.
    pub(super) fn read(self, place: &str) -> Result<ArrayD<f32>> {
        let malformed = |message: String| Error::malformed(place, message);
        let shape = self.shape;
        let values = match self.values {
            Values::Lists(lists) => {
                // Lists cannot tell the axes after one of length 0, so the shape is believed there.
                if lists.shape != shape && !(lists.values.is_empty() && shape.contains(&0)) {
                    return Err(malformed(format!("says shape {shape:?}, but its lists have {:?}", lists.shape)));
                }
                lists.values
            }
            Values::Text(_) if self.row_major == Some(false) => {
                return Err(malformed("is compact and not in row-major order, which the format does not allow".into()));
            }
            Values::Text(text) => {
                let (read, size) = number_type(&self.dtype).ok_or_else(|| {
                    malformed(format!("holds numbers of type {:?}, but scores are floats", self.dtype))
                })?;
                let count = shape.iter().try_fold(size, |product, &length| product.checked_mul(length));
                let count = count.ok_or_else(|| malformed(format!("says the absurd shape {shape:?}")))?;
                let bytes = bytes(&text, count).map_err(&malformed)?;
                if bytes.len() != count {
                    let found = if bytes.len() > count { "more" } else { "fewer" };
                    return Err(malformed(format!("says shape {shape:?} of {}, but holds {found} bytes", self.dtype)));
                }
                read(&bytes)
            }
        };
        let count = values.len();
        ArrayD::from_shape_vec(IxDyn(&shape), values)
            .map_err(|_| malformed(format!("says shape {shape:?}, but holds {count} numbers")))
    }
}

/// Reads numbers from their bytes.
type Reader = fn(&[u8]) -> Vec<f32>;

/// The reader of a numpy type, and the number of bytes per value.
fn number_type(dtype: &str) -> Option<(Reader, usize)> {
    Some(match dtype {
        "float16" => (|bytes| numbers(bytes, |number| f16::from_le_bytes(number).to_f32()), 2),
        "float32" => (|bytes| numbers(bytes, f32::from_le_bytes), 4),
        "float64" => (|bytes| numbers(bytes, |number| f64::from_le_bytes(number) as f32), 8),
        "int32" => (|bytes| numbers(bytes, |number| i32::from_le_bytes(number) as f32), 4),
        "int64" => (|bytes| numbers(bytes, |number| i64::from_le_bytes(number) as f32), 8),
        _ => return None,
    })
}

/// The bytes of a text. Gzipped text is read to at most one byte beyond `count`.
fn bytes(text: &str, count: usize) -> Result<Vec<u8>, String> {
    let decode = |text: &str| STANDARD.decode(text).map_err(|error| format!("is not base64: {error}"));
    if let Some(text) = text.strip_prefix(GZIPPED) {
        let gzipped = decode(text)?;
        let mut bytes = Vec::new();
        let limit = u64::try_from(count).unwrap_or(u64::MAX).saturating_add(1);
        GzDecoder::new(gzipped.as_slice())
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("is not gzip: {error}"))?;
        Ok(bytes)
    } else if let Some(text) = text.strip_prefix(PLAIN) {
        decode(text)
    } else {
        Err(format!("is text that begins neither with {PLAIN:?} nor with {GZIPPED:?}"))
    }
}
