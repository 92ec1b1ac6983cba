//! Tensors in a checkpoint.

use std::borrow::Cow;

use half::{bf16, f16};
use rayon::prelude::*;

use crate::{Error, Result};

/// Type of the values of a tensor in a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoredDType {
    /// IEEE 754 of 64 bits.
    F64,
    /// IEEE 754 of 32 bits.
    F32,
    /// IEEE 754 of 16 bits.
    F16,
    /// The upper 16 bits of [`F32`](Self::F32).
    BF16,
    /// Signed integer of 64 bits.
    I64,
    /// Signed integer of 32 bits.
    I32,
    /// Signed integer of 16 bits.
    I16,
    /// Signed integer of 8 bits.
    I8,
    /// Unsigned integer of 8 bits.
    U8,
    /// Unsigned integer of 64 bits.
    U64,
    /// Unsigned integer of 32 bits.
    U32,
    /// Unsigned integer of 16 bits.
    U16,
    /// A byte, 0 for false.
    Bool,
    /// Floating-point number of 8 bits, of any kind.
    F8,
    /// Number of less than 8 bits, of any kind.
    Packed,
    /// Complex number of two [`F32`](Self::F32).
    Complex,
}

impl StoredDType {
    /// Whether a model can compute with the values without a conversion from integers.
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// Size of a value in bytes; for a [`Packed`](Self::Packed) value, the number of bytes that it touches.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 | Self::Complex => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool | Self::F8 | Self::Packed => 1,
        }
    }
}

/// A tensor in a checkpoint: row-major, little-endian.
#[derive(Clone, Debug)]
pub struct StoredTensor<'a> {
    /// Name of the file.
    pub file: Cow<'a, str>,
    /// Name in the checkpoint.
    pub name: Cow<'a, str>,
    /// Shape of the tensor.
    pub shape: Vec<usize>,
    /// Type of the values.
    pub dtype: StoredDType,
    /// Bytes of the values.
    pub data: Cow<'a, [u8]>,
}

impl StoredTensor<'_> {
    /// The values as `f32`.
    ///
    /// # Errors
    /// The tensor does not hold floating-point values.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let data: &[u8] = &self.data;
        Ok(match self.dtype {
            StoredDType::F32 => convert(data, f32::from_le_bytes),
            StoredDType::F16 => convert(data, |b| f16::from_le_bytes(b).to_f32()),
            StoredDType::BF16 => convert(data, |b| bf16::from_le_bytes(b).to_f32()),
            StoredDType::F64 => convert(data, |b| f64::from_le_bytes(b) as f32),
            other => {
                return Err(Error::tensor(
                    &*self.file,
                    &self.name,
                    format!("expected floating-point values, found {other:?}"),
                ));
            }
        })
    }

    /// Whether another tensor has the same shape and values.
    ///
    /// # Errors
    /// One of the tensors does not hold floating-point values.
    pub(crate) fn has_values_of(&self, other: &StoredTensor) -> Result<bool> {
        if self.dtype == other.dtype {
            return Ok(self.shape == other.shape && self.data == other.data);
        }
        Ok(self.shape == other.shape && self.to_f32()? == other.to_f32()?)
    }

    /// The values without a conversion, if the tensor is stored in this type; otherwise `None`.
    ///
    /// # Errors
    /// A value is not finite.
    pub(crate) fn f16(&self) -> Result<Option<Vec<f16>>> {
        self.halves(StoredDType::F16, f16::from_le_bytes, |value| value.is_finite())
    }

    /// As [`f16`](Self::f16).
    pub(crate) fn bf16(&self) -> Result<Option<Vec<bf16>>> {
        self.halves(StoredDType::BF16, bf16::from_le_bytes, |value| value.is_finite())
    }

    /// Refuses values of the tensor that are not finite.
    ///
    /// # Errors
    /// A value is NaN or infinite; the error names the first one.
    pub(crate) fn check_finite(&self, values: &[f32]) -> Result<()> {
        // A sum is not finite where a value is not, and is quick vector code; only then is the value looked for.
        let finite = |chunk: &[f32]| chunk.iter().map(|v| v * 0.0).sum::<f32>() == 0.0;
        if values.par_chunks(1 << 16).all(finite) {
            return Ok(());
        }
        let Some(index) = values.iter().position(|v| !v.is_finite()) else { return Ok(()) };
        let mut rest = index;
        let mut place: Vec<usize> = self
            .shape
            .iter()
            .rev()
            .map(|&n| {
                let at = rest % n.max(1);
                rest /= n.max(1);
                at
            })
            .collect();
        place.reverse();
        Err(Error::tensor(
            &*self.file,
            &self.name,
            format!("the value at {place:?} is {}; the checkpoint is damaged", values[index]),
        ))
    }

    fn halves<T: Send + Sync>(
        &self,
        dtype: StoredDType,
        read: fn([u8; 2]) -> T,
        is_finite: fn(&T) -> bool,
    ) -> Result<Option<Vec<T>>> {
        if self.dtype != dtype {
            return Ok(None);
        }
        let values = convert(&self.data, read);
        if !values.par_iter().all(is_finite) {
            self.check_finite(&self.to_f32()?)?;
        }
        Ok(Some(values))
    }
}

fn convert<const N: usize, T: Send>(data: &[u8], f: impl Fn([u8; N]) -> T + Sync) -> Vec<T> {
    let (values, _) = data.as_chunks::<N>();
    values.par_iter().with_min_len(1 << 14).map(|bytes| f(*bytes)).collect()
}
