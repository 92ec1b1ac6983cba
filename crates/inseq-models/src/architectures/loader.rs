//! Builds layers from stored tensors, and checks names and shapes.

use std::cell::{OnceCell, RefCell};

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::inventory::{Inventory, WithoutHead};
use crate::checkpoint::{Repository, StoredTensor, Weights, check_tensors};
use crate::layers::{Linear, Norm, NormKind};
use crate::{Error, Result, device};

/// One of several tables that may be tied.
#[derive(Debug)]
pub struct Table {
    /// The table, `[vocabulary, feature]`.
    pub table: Tensor<2>,
    /// Whether its values differ from those of the first table.
    pub differs: bool,
}

/// Loads tensors of a checkpoint onto a device.
///
/// The weights are opened with the first requested tensor, after the architecture has read its configuration: an invalid
/// configuration is refused before weights are downloaded.
pub struct Loader<'a> {
    repository: &'a Repository,
    weights: OnceCell<Option<Weights>>,
    /// Error of opening the weights.
    failure: RefCell<Option<Error>>,
    device: &'a Device,
    /// Type of the weights.
    stored: DType,
    /// Type of all other tensors.
    computed: DType,
    /// In a cell, because the closures that build a model share the loader.
    inventory: RefCell<Inventory>,
    warnings: RefCell<Vec<String>>,
}

impl std::fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { repository, device, stored, .. } = self;
        f.debug_struct("Loader")
            .field("repository", &repository.name())
            .field("device", device)
            .field("stored", stored)
            .finish_non_exhaustive()
    }
}

impl<'a> Loader<'a> {
    /// A loader for the tensors of `repository` on `device`, with weights of type `dtype`.
    pub fn new(repository: &'a Repository, device: &'a Device, dtype: DType) -> Self {
        let computed = device::computing_dtype(device, dtype);
        Self {
            repository,
            weights: OnceCell::new(),
            failure: RefCell::default(),
            device,
            stored: dtype,
            computed,
            inventory: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// The weights; `None` if they cannot be opened, which becomes an error when a tensor is requested.
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
            self.failure
                .take()
                .unwrap_or_else(|| Error::checkpoint(self.repository.name(), "the weights cannot be opened".into()))
        })
    }

    /// The names of unused tensors of the checkpoint, and the warnings. `classes` are the classes of the checkpoint in
    /// config.json.
    ///
    /// # Errors
    /// Requested tensors are missing; the error names them.
    pub(super) fn close(self, classes: &[String]) -> Result<(Vec<String>, Vec<String>)> {
        let inventory = self.inventory.take();
        let unexpected = inventory.close(self.weights()?, classes)?;
        Ok((unexpected, self.warnings.into_inner()))
    }

    /// Whether the checkpoint has a tensor with this name.
    pub fn contains(&self, name: &str) -> bool {
        self.opened().is_some_and(|weights| weights.contains(name))
    }

    /// A tensor with a given shape.
    ///
    /// # Errors
    /// The tensor is missing, has another shape, or has values that are not finite.
    pub fn tensor<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        Ok(self.computed(self.values(name, &shape)?, shape))
    }

    /// The weight of a product, or a table of embeddings, in the type of the weights.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn weight<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
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

    fn kept<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        let tensor = Tensor::from_data(TensorData::new(values, shape), self.device);
        if tensor.dtype() == self.stored { tensor } else { tensor.cast(self.stored) }
    }

    /// A stored tensor, recorded as read; `None` if the checkpoint lacks it.
    fn found(&self, name: &str, shape: &[usize]) -> Result<Option<StoredTensor<'_>>> {
        let weights = self.weights()?;
        if !weights.contains(name) {
            return Ok(None);
        }
        self.inventory.borrow_mut().read(name);
        let stored = weights.tensor(name)?;
        if stored.shape != shape {
            return Err(Error::tensor(
                &*stored.file,
                &stored.name,
                format!("expected the shape {shape:?} from config.json, found {:?}", stored.shape),
            ));
        }
        Ok(Some(stored))
    }

    /// The values of a tensor with a given shape, row-major.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(stored) = self.found(name, shape)? else {
            return self.inventory.borrow_mut().stand_in(self.weights()?, name, shape);
        };
        let values = stored.to_f32()?;
        self.weights()?.release(name);
        stored.check_finite(&values)?;
        Ok(values)
    }

    /// A tensor of values that the architecture computes.
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

    /// A linear layer from `{name}.weight` `[output, input]` and, if `biased`, `{name}.bias`.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn linear_with(&self, name: &str, input: usize, output: usize, biased: bool) -> Result<Linear> {
        let weight = self.weight(&format!("{name}.weight"), [output, input])?;
        Ok(Linear::new(weight, self.bias(name, output, biased)?))
    }

    /// As [`linear`](Self::linear), for a weight that is stored as `[input, output]`.
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

    /// Joins the layers of keys and values.
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

    /// An RMS norm from `{name}.weight`; `offset` is added to the stored values.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn rms_norm(&self, name: &str, features: usize, epsilon: f64, offset: f32) -> Result<Norm> {
        let gain = self.tensor(&format!("{name}.weight"), [features])?;
        let gain = if offset == 0.0 { gain } else { gain + offset };
        Ok(Norm::new(NormKind::RootMeanSquare, gain, None, epsilon))
    }

    /// Loads tables that may be tied. A table that the checkpoint lacks is the first one of `names` that it has. A further table
    /// is read only if its values differ from the first; if the configuration ties it (`one`), this gives a warning.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn tables(&self, names: &[&str], shape: [usize; 2], one: &[&str]) -> Result<Vec<Table>> {
        let first = names.iter().find(|name| self.contains(name)).unwrap_or(&names[0]);
        let table = self.weight(first, shape)?;
        let tables = names.iter().map(|name| {
            if name == first || !self.contains(name) {
                return Ok(Table { table: table.clone(), differs: false });
            }
            let same = match (self.found(first, &shape)?, self.found(name, &shape)?) {
                (Some(first), Some(other)) => first.has_values_of(&other)?,
                _ => false,
            };
            if same {
                return Ok(Table { table: table.clone(), differs: false });
            }
            if one.contains(name) {
                self.warnings.borrow_mut().push(format!(
                    "config.json ties `{name}` to `{first}` (`tie_word_embeddings`), but the checkpoint has both with \
                     different values; each keeps its own"
                ));
            }
            Ok(Table { table: self.weight(name, shape)?, differs: true })
        });
        tables.collect()
    }

    /// The embeddings and the head of a model with one table of embeddings. If they are `tied`, the head is the
    /// embeddings, unless the checkpoint has a different head.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub fn embedding_and_head(
        &self,
        table: &str,
        head: &str,
        shape: [usize; 2],
        tied: bool,
    ) -> Result<(Tensor<2>, Linear)> {
        if !tied {
            return Ok((self.weight(table, shape)?, self.untied_head(head, shape, WithoutHead::New)?));
        }
        let tables = self.tables(&[table, head], shape, &[table, head])?;
        Ok((tables[0].table.clone(), Linear::new(tables[1].table.clone(), None)))
    }

    /// A head that is not tied to the embeddings. `without` is transformers' replacement for a missing head.
    ///
    /// # Errors
    /// As [`tensor`](Self::tensor).
    pub(super) fn untied_head(&self, name: &str, shape: [usize; 2], without: WithoutHead) -> Result<Linear> {
        if !self.contains(name) {
            self.inventory.borrow_mut().lacks_head(without);
        }
        Ok(Linear::new(self.weight(name, shape)?, None))
    }

    /// The first of `prefixes` with which the name of a tensor begins, otherwise the last; checkpoints of a base model lack the
    /// prefix of those with a head.
    pub fn prefix<'n>(&self, prefixes: &[&'n str]) -> &'n str {
        let names = || self.opened().into_iter().flat_map(Weights::names);
        let begins = |prefix: &&&str| names().any(|name| name.starts_with(**prefix));
        prefixes.iter().find(begins).or(prefixes.last()).copied().unwrap_or_default()
    }
}
