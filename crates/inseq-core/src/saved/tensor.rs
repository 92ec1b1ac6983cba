//! Scores as base64 text of a safetensors file with one tensor.

use std::fmt;

use base64::{Engine, display::Base64Display, engine::general_purpose::STANDARD};
use ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};
use safetensors::{SafeTensors, tensor::TensorView};
use serde::{Serialize, Serializer};

use super::precision::{ScoresPrecision, decode};
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
        let bytes = precision.encode(scores.iter());
        let invalid = |error: safetensors::SafeTensorError| Error::Invalid(format!("scores cannot be saved: {error}"));
        let view = TensorView::new(precision.dtype(), scores.shape().to_vec(), &bytes).map_err(invalid)?;
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
    let dtype = tensor.dtype();
    let values = decode(dtype, data)
        .ok_or_else(|| malformed(format!("holds numbers of type {dtype:?}, but scores are floats")))?;
    let shape = tensor.shape();
    ArrayD::from_shape_vec(IxDyn(shape), values)
        .map_err(|_| malformed(format!("says shape {shape:?}, but holds {} bytes", data.len())))
}
