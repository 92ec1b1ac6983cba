//! Token embeddings.

use burn::tensor::{Int, Tensor};

use crate::device;

/// A table of token embeddings, times a constant scale.
#[derive(Clone, Debug)]
pub struct Embedding {
    table: Tensor<2>,
    scale: f32,
}

impl Embedding {
    /// Embeddings from the table `[vocabulary, feature]` and a factor.
    pub fn new(table: Tensor<2>, scale: f32) -> Self {
        Self { table, scale }
    }

    /// The table `[vocabulary, feature]`, unscaled.
    pub fn table(&self) -> &Tensor<2> {
        &self.table
    }

    /// The same embeddings with another table.
    pub(crate) fn with_table(&self, table: Tensor<2>) -> Self {
        Self { table, scale: self.scale }
    }

    /// Number of tokens.
    pub fn vocabulary(&self) -> usize {
        self.table.dims()[0]
    }

    /// Size of an embedding.
    pub fn features(&self) -> usize {
        self.table.dims()[1]
    }

    /// The scaled embeddings of `ids` (row-major `[batch, position]`, each below the vocabulary), `[batch, position, feature]`.
    pub fn forward(&self, ids: &[u32], batch: usize) -> Tensor<3> {
        let length = ids.len() / batch.max(1);
        let index: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
        let index = Tensor::<1, Int>::from_data(index.as_slice(), &self.table.device());
        self.looked_up(self.table.clone().select(0, index)).reshape([batch, length, self.features()])
    }

    /// The scaled embeddings of all tokens, `[vocabulary, feature]`.
    pub fn scaled_table(&self) -> Tensor<2> {
        self.looked_up(self.table.clone())
    }

    /// Rows of the table in the type of the computation, scaled.
    fn looked_up(&self, rows: Tensor<2>) -> Tensor<2> {
        let computed = device::computing_dtype(&rows.device(), rows.dtype());
        let rows = if rows.dtype() == computed { rows } else { rows.cast(computed) };
        if self.scale == 1.0 { rows } else { rows * self.scale }
    }
}
