//! Precision of saved scores: conversion to and from the bytes of a float type.

use std::str::FromStr;

use half::{bf16, f16};
use safetensors::Dtype;

use crate::{Error, Result};

/// Precision of the saved scores of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScoresPrecision {
    /// Full precision.
    #[default]
    Float32,
    /// Rounded to 11 significant bits; values beyond 65,504 become infinite.
    Float16,
    /// Rounded to 4 significant bits (E4M3), in steps of at least 2^-9; values beyond 448 become NaN.
    Float8,
}

impl FromStr for ScoresPrecision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "float32" => Self::Float32,
            "float16" => Self::Float16,
            "float8" => Self::Float8,
            _ => {
                return Err(Error::unknown("scores precision", name, ["float32", "float16", "float8"]));
            }
        })
    }
}

impl ScoresPrecision {
    /// The type's name in safetensors.
    pub(super) fn dtype(self) -> Dtype {
        match self {
            Self::Float32 => Dtype::F32,
            Self::Float16 => Dtype::F16,
            Self::Float8 => Dtype::F8_E4M3,
        }
    }

    /// The scores' bytes, least significant first.
    pub(super) fn encode<'a>(self, scores: impl Iterator<Item = &'a f32>) -> Vec<u8> {
        match self {
            Self::Float32 => scores.flat_map(|x| x.to_le_bytes()).collect(),
            Self::Float16 => scores.flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
            Self::Float8 => scores.map(|&x| to_float8(x)).collect(),
        }
    }
}

/// The scores in bytes of a float type; `None` for other types.
pub(super) fn decode(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => numbers(bytes, f32::from_le_bytes),
        Dtype::F16 => numbers(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => numbers(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        Dtype::F64 => numbers(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::F8_E4M3 => numbers(bytes, |[byte]| from_float8(byte)),
        _ => return None,
    })
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

/// The nearest float8; of two equally near, the one with an even mantissa. A value beyond 448 by more than half a step becomes
/// NaN, as in PyTorch.
fn to_float8(x: f32) -> u8 {
    let sign = if x.is_sign_negative() { 0x80 } else { 0 };
    let magnitude = x.abs();
    let code = if magnitude.is_nan() || magnitude > 464.0 {
        0x7f
    } else if magnitude < 2f32.powi(-6) {
        // Steps of 2^-9; the eighth is the smallest normal number, and has its code.
        (magnitude * 2f32.powi(9)).round_ties_even() as u8
    } else {
        // In the bits of an f32 the exponent's bias is 127, and 20 bits of mantissa are too many. What rounding carries goes
        // on into the exponent, as it should.
        let bits = magnitude.to_bits() - ((127 - 7) << 23);
        ((bits + 0x7_ffff + ((bits >> 20) & 1)) >> 20) as u8
    };
    sign | code
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn float8_follows_its_definition() {
        // One bit of sign, four of exponent, three of mantissa. From Table 1 of Micikevicius et al. 2022, "FP8 formats for
        // deep learning".
        assert_eq!(from_float8(0b0111_1110), 448.0);
        assert_eq!(from_float8(0b1000_0001), -(2f32.powi(-9)));
        assert_eq!(from_float8(0b0000_1000), 2f32.powi(-6));
        assert_eq!(from_float8(0b0000_0111), 0.875 * 2f32.powi(-6));
        assert_eq!(from_float8(0b0011_1000), 1.0);
        assert!(from_float8(0b1111_1111).is_nan());
    }

    #[test]
    fn every_float8_is_its_own_nearest() {
        for code in 0..=u8::MAX {
            assert_eq!(to_float8(from_float8(code)) & 0x7f, code & 0x7f);
        }
        // What PyTorch 2.9.0 makes of `torch.tensor([...]).to(torch.float8_e4m3fn).view(torch.uint8)`.
        let rounded = [448.0, 464.0, 464.1, 480.0, 1e9, f32::INFINITY, -449.0, -500.0, f32::NAN];
        assert_eq!(rounded.map(to_float8), [126, 126, 127, 127, 127, 127, 254, 255, 127]);
        let small = [2f32.powi(-10), 2f32.powi(-10) * 1.01, 1.5 * 2f32.powi(-9), 2.5 * 2f32.powi(-9), 1.0625, 1.1875];
        assert_eq!(small.map(to_float8), [0, 1, 2, 2, 56, 58]);
    }

    proptest! {
        #[test]
        fn float8_rounds_to_the_nearest(x in -448.0..448.0_f32, scale in -12..1_i32) {
            let x = x * 2f32.powi(scale);
            let found = from_float8(to_float8(x));
            let every = (0..=u8::MAX).map(from_float8).filter(|value| !value.is_nan());
            let nearest = every.map(|value| (value - x).abs()).fold(f32::INFINITY, f32::min);
            prop_assert_eq!((found - x).abs(), nearest, "{} became {}", x, found);
        }
    }
}
