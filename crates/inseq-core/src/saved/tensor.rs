//! Scores as base64 text of a safetensors file with one tensor.

use std::fmt;

use base64::{Engine, display::Base64Display, engine::general_purpose::STANDARD};
use half::f16;
use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Serialize, Serializer};

use super::save::ScoresPrecision;
use crate::{Error, Result};

/// The tensor's name in the file.
const NAME: &str = "attribution";

/// The bytes of a safetensors file that holds `scores`, written as base64 text.
pub(super) struct Tensor(Vec<u8>);

impl Tensor {
    pub(super) fn new<A: Data<Elem = f32>, D: Dimension>(
        scores: &ArrayBase<A, D>,
        precision: ScoresPrecision,
    ) -> Result<Self> {
        let (dtype, bytes): (_, Vec<u8>) = match precision {
            ScoresPrecision::Float32 => (Dtype::F32, scores.iter().flat_map(|x| x.to_le_bytes()).collect()),
            ScoresPrecision::Float16 => {
                (Dtype::F16, scores.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect())
            }
            ScoresPrecision::Float8 => {
                return Err(Error::Unsupported(
                    "saving scores as float8 is not written yet; save them as float16".to_owned(),
                ));
            }
        };
        let invalid = |error: safetensors::SafeTensorError| Error::Invalid(format!("scores cannot be saved: {error}"));
        let view = TensorView::new(dtype, scores.shape().to_vec(), &bytes).map_err(invalid)?;
        safetensors::serialize([(NAME, view)], None).map(Self).map_err(invalid)
    }
}

impl Serialize for Tensor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({} bytes)", self.0.len())
    }
}

/// Reads what [`Tensor`] writes, from any float type the reference saves.
pub(super) fn read(text: &str, place: &str) -> Result<ArrayD<f32>> {
    let malformed = |message: String| Error::malformed(place, message);
    let bytes = STANDARD.decode(text).map_err(|error| malformed(format!("is not base64: {error}")))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| malformed(format!("is not safetensors: {error}")))?;
    let tensor = file.tensor(NAME).map_err(|error| malformed(format!("has no tensor {NAME:?}: {error}")))?;
    let data = tensor.data();
    let values: Vec<f32> = match tensor.dtype() {
        Dtype::F32 => numbers(data, f32::from_le_bytes),
        Dtype::F16 => numbers(data, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => numbers(data, |bytes| half::bf16::from_le_bytes(bytes).to_f32()),
        Dtype::F64 => numbers(data, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::F8_E4M3 => numbers(data, |[byte]| from_float8(byte)),
        other => return Err(malformed(format!("holds numbers of type {other:?}, but scores are floats"))),
    };
    let shape = tensor.shape();
    ArrayD::from_shape_vec(IxDyn(shape), values)
        .map_err(|_| malformed(format!("says shape {shape:?}, but holds {} bytes", data.len())))
}

/// Numbers of `N` bytes each.
pub(super) fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().copied().map(number).collect()
}

/// The value of a float8 (E4M3, finite numbers and NaN only): sign, exponent (bias 7), three bits of mantissa.
fn from_float8(byte: u8) -> f32 {
    let mantissa = f32::from(byte & 0x07) / 8.0;
    let magnitude = match (byte >> 3) & 0x0f {
        _ if byte & 0x7f == 0x7f => f32::NAN,
        0 => mantissa * 2f32.powi(-6),
        exponent => (1.0 + mantissa) * 2f32.powi(i32::from(exponent) - 7),
    };
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float8_follows_its_definition() {
        // One bit of sign, four of exponent, three of mantissa. From Table 1 of Micikevicius et al. 2022, "FP8 formats for deep learning".
        assert_eq!(from_float8(0b0111_1110), 448.0);
        assert_eq!(from_float8(0b1000_0001), -(2f32.powi(-9)));
        assert_eq!(from_float8(0b0000_1000), 2f32.powi(-6));
        assert_eq!(from_float8(0b0000_0111), 0.875 * 2f32.powi(-6));
        assert_eq!(from_float8(0b0011_1000), 1.0);
        assert!(from_float8(0b1111_1111).is_nan());
    }
}
