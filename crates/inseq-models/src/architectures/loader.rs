//! From stored tensors to layers, checking names and shapes.

use std::cell::{OnceCell, RefCell};

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::inventory::Inventory;
use crate::checkpoint::{Repository, StoredTensor, Weights, check_finite, check_tensors};
use crate::layers::{Linear, Norm, NormKind};
use crate::{Error, Result, device};

/// Takes tensors out of a checkpoint onto a device.
///
/// The weights are opened when the first of them is asked for, by when an architecture has read its configuration: what does
/// not fit is refused before weights are fetched.
pub struct Loader<'a> {
    repository: &'a Repository,
    weights: OnceCell<Option<Weights>>,
    /// Why the weights cannot be opened.
    failure: RefCell<Option<Error>>,
    device: &'a Device,
    /// Of the weights.
    stored: DType,
    /// Of everything else.
    computed: DType,
    /// In a cell, as the closures that put a model together share the loader.
    inventory: RefCell<Inventory>,
}

impl<'a> Loader<'a> {
    /// For the tensors of `repository`, on `device`, kept as `dtype`.
    pub fn new(repository: &'a Repository, device: &'a Device, dtype: DType) -> Self {
        let computed = device::computing_dtype(device, dtype);
        let (weights, failure, inventory) = (OnceCell::new(), RefCell::default(), RefCell::default());
        Self { repository, weights, failure, device, stored: dtype, computed, inventory }
    }

    /// The weights; `None` where they cannot be opened, which is an error once a tensor is asked for.
    fn opened(&self) -> Option<&Weights> {
        let open = || {
            let weights = Weights::open(self.repository)?;
            check_tensors(&weights)?;
            Ok(weights)
        };
        let weights = self.weights.get_or_init(|| open().map_err(|error| self.failure.replace(Some(error))).ok());
        weights.as_ref()
    }

    fn weights(&self) -> Result<&Weights> {
        self.opened().ok_or_else(|| {
            self.failure.take().unwrap_or_else(|| Error::Checkpoint {
                file: self.repository.name().into(),
                message: "the weights cannot be opened".into(),
            })
        })
    }

    /// The tensors of the checkpoint that no part of the model asked for.
    ///
    /// # Errors
    /// When some were asked for that are not there, naming them.
    pub(super) fn unexpected(self) -> Result<Vec<String>> {
        let inventory = self.inventory.take();
        inventory.close(self.weights()?)
    }

    /// Whether the checkpoint has a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.opened().is_some_and(|weights| weights.contains(name))
    }

    /// The first of `names` that the checkpoint has, else the first of all (whose absence then is the error). The others
    /// name the same tensor, and are not read.
    pub fn first<'n>(&self, names: &[&'n str]) -> &'n str {
        names.iter().for_each(|name| self.inventory.borrow_mut().read(name));
        names.iter().find(|name| self.contains(name)).unwrap_or(&names[0])
    }

    /// A tensor of a known shape.
    ///
    /// # Errors
    /// When it is missing, has another shape, or holds values that are not finite.
    pub fn tensor<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        Ok(self.computed(self.values(name, &shape)?, shape))
    }

    /// The weight of a product or a table of embeddings, which stays in the type it is kept in.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn weight(&self, name: &str, shape: [usize; 2]) -> Result<Tensor<2>> {
        let stored = self.found(name, &shape)?;
        // Sixteen bits that stay what they are are never there as 32.
        let kept = match (&stored, self.stored) {
            (Some(stored), DType::F16) => stored.f16()?.map(|values| TensorData::new(values, shape)),
            (Some(stored), DType::BF16) => stored.bf16()?.map(|values| TensorData::new(values, shape)),
            _ => None,
        };
        let Some(data) = kept else { return Ok(self.kept(self.values(name, &shape)?, shape)) };
        self.weights()?.release(name);
        Ok(Tensor::from_data(data, (self.device, self.stored)))
    }

    fn kept(&self, values: Vec<f32>, shape: [usize; 2]) -> Tensor<2> {
        let tensor = Tensor::from_data(TensorData::new(values, shape), self.device);
        if tensor.dtype() == self.stored { tensor } else { tensor.cast(self.stored) }
    }

    /// A tensor as it is stored, noted as read; `None` where the checkpoint lacks it.
    fn found(&self, name: &str, shape: &[usize]) -> Result<Option<StoredTensor<'_>>> {
        let weights = self.weights()?;
        if !weights.contains(name) {
            return Ok(None);
        }
        self.inventory.borrow_mut().read(name);
        let stored = weights.tensor(name)?;
        if stored.shape != shape {
            return Err(Error::Checkpoint {
                file: stored.name.to_string(),
                message: format!("expected the shape {shape:?} from config.json, found {:?}", stored.shape),
            });
        }
        Ok(Some(stored))
    }

    /// The values of a tensor of a known shape, row-major.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(stored) = self.found(name, shape)? else {
            return self.inventory.borrow_mut().stand_in(self.weights()?, name, shape);
        };
        let values = stored.to_f32()?;
        self.weights()?.release(name);
        check_finite(name, &stored.shape, &values)?;
        Ok(values)
    }

    /// Values that the architecture computes itself.
    pub fn computed<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        let tensor = Tensor::<D>::from_data(TensorData::new(values, shape), self.device);
        if tensor.dtype() == self.computed { tensor } else { tensor.cast(self.computed) }
    }

    /// A linear layer from `{name}.weight` `[output, input]` and `{name}.bias`.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn linear(&self, name: &str, input: usize, output: usize) -> Result<Linear> {
        self.linear_with(name, input, output, true)
    }

    /// A linear layer from `{name}.weight` `[output, input]` and, where it is biased, `{name}.bias`.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn linear_with(&self, name: &str, input: usize, output: usize, biased: bool) -> Result<Linear> {
        let weight = self.weight(&format!("{name}.weight"), [output, input])?;
        Ok(Linear::new(weight, self.bias(name, output, biased)?))
    }

    /// As [`linear`](Self::linear), from a weight that is stored as `[input, output]`.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn transposed_linear(&self, name: &str, input: usize, output: usize) -> Result<Linear> {
        let name_of_weight = format!("{name}.weight");
        let [rows, columns] = [input, output];
        let stored = self.values(&name_of_weight, &[rows, columns])?;
        let mut values = vec![0f32; stored.len()];
        for (column, output) in values.chunks_mut(rows.max(1)).enumerate() {
            for (row, value) in output.iter_mut().enumerate() {
                *value = stored[row * columns + column];
            }
        }
        Ok(Linear::new(self.kept(values, [output, input]), self.bias(name, output, true)?))
    }

    fn bias(&self, name: &str, output: usize, biased: bool) -> Result<Option<Tensor<1>>> {
        if biased { self.tensor(&format!("{name}.bias"), [output]).map(Some) } else { Ok(None) }
    }

    /// Keys and values in one layer from two.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn key_value(&self, names: [&str; 2], input: usize, output: usize, biased: bool) -> Result<Linear> {
        let [key, value] = names.map(|name| self.linear_with(name, input, output, biased));
        Ok(Linear::concatenate(vec![key?, value?]))
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

    /// A norm by the root of the mean square, from `{name}.weight`; `offset` is added to what is stored.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn rms_norm(&self, name: &str, features: usize, epsilon: f64, offset: f32) -> Result<Norm> {
        let gain = self.tensor(&format!("{name}.weight"), [features])?;
        let gain = if offset == 0.0 { gain } else { gain + offset };
        Ok(Norm::new(NormKind::RootMeanSquare, gain, None, epsilon))
    }

    /// The head: its own tensor, or the embeddings where they are tied or it has none.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn head(&self, name: &str, table: &Tensor<2>, tied: bool) -> Result<Linear> {
        let weight = format!("{name}.weight");
        if tied || !self.contains(&weight) {
            // Files that have it as well have the same again.
            self.inventory.borrow_mut().read(&weight);
            return Ok(Linear::new(table.clone(), None));
        }
        Ok(Linear::new(self.weight(&weight, table.dims())?, None))
    }

    /// The first of `prefixes` under which the checkpoint has a tensor `name`; checkpoints of a model without its head lack
    /// the prefix that those with one have.
    pub fn prefix<'n>(&self, prefixes: &[&'n str], name: &str) -> &'n str {
        prefixes.iter().find(|prefix| self.contains(&format!("{prefix}{name}"))).unwrap_or(&prefixes[0])
    }
}
