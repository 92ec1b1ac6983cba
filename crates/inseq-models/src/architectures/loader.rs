//! From stored tensors to layers, checking names and shapes.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::checkpoint::{Weights, check_finite};
use crate::layers::{Linear, Norm, NormKind};
use crate::{Error, Result};

/// Takes tensors out of a checkpoint onto a device.
pub struct Loader<'a> {
    weights: &'a Weights,
    device: &'a Device,
    dtype: DType,
}

impl<'a> Loader<'a> {
    /// For the tensors of `weights`, on `device`, as `dtype`.
    pub fn new(weights: &'a Weights, device: &'a Device, dtype: DType) -> Self {
        Self { weights, device, dtype }
    }

    /// Whether the checkpoint has a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.weights.contains(name)
    }

    /// The first of `names` that the checkpoint has, else the first of all (whose absence then is the error).
    pub fn first<'n>(&self, names: &[&'n str]) -> &'n str {
        names.iter().find(|name| self.contains(name)).unwrap_or(&names[0])
    }

    /// A tensor of a known shape.
    ///
    /// # Errors
    /// When it is missing, has another shape, or holds values that are not finite.
    pub fn tensor<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        let stored = self.weights.tensor(name)?;
        if stored.shape != shape {
            return Err(Error::Checkpoint {
                file: stored.name.to_string(),
                message: format!("expected the shape {shape:?} from config.json, found {:?}", stored.shape),
            });
        }
        let values = stored.to_f32()?;
        self.weights.release(name);
        check_finite(name, &stored.shape, &values)?;
        let data = TensorData::new(values, shape);
        let tensor = Tensor::<D>::from_data(data, self.device);
        Ok(if tensor.dtype() == self.dtype { tensor } else { tensor.cast(self.dtype) })
    }

    /// Zeros in the checkpoint's type.
    pub fn zeros<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        Tensor::zeros(shape, (self.device, self.dtype))
    }

    /// Values that the architecture computes itself.
    pub fn computed<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        let tensor = Tensor::<D>::from_data(TensorData::new(values, shape), self.device);
        if tensor.dtype() == self.dtype { tensor } else { tensor.cast(self.dtype) }
    }

    /// A linear layer from `{name}.weight` `[output, input]` and `{name}.bias`.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn linear(&self, name: &str, input: usize, output: usize) -> Result<Linear> {
        let weight = self.tensor(&format!("{name}.weight"), [output, input])?;
        let bias = self.tensor(&format!("{name}.bias"), [output])?;
        Ok(Linear::new(weight, Some(bias)))
    }

    /// A layer norm from `{name}.weight` and `{name}.bias`.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn layer_norm(&self, name: &str, features: usize, epsilon: f64) -> Result<Norm> {
        let gain = self.tensor(&format!("{name}.weight"), [features])?;
        let bias = self.tensor(&format!("{name}.bias"), [features])?;
        Ok(Norm::new(NormKind::Layer, gain, Some(bias), epsilon))
    }
}
