//! Reads tensors from the device.

use burn::tensor::{Int, Tensor};

use crate::{Error, Result};

/// The values of a tensor, row-major; `what` names them in an error.
pub(crate) fn read<const D: usize>(tensor: Tensor<D>, what: impl std::fmt::Display) -> Result<Vec<f32>> {
    tensor.try_into_vec_as::<f32>().map_err(|error| unreadable(what, error))
}

/// As [`read`], for whole numbers.
pub(crate) fn read_ids<const D: usize>(tensor: Tensor<D, Int>, what: impl std::fmt::Display) -> Result<Vec<i64>> {
    tensor.try_into_vec_as::<i64>().map_err(|error| unreadable(what, error))
}

fn unreadable(what: impl std::fmt::Display, error: impl std::fmt::Debug) -> Error {
    Error::device(what.to_string(), format!("cannot be read from the device: {error:?}"))
}
