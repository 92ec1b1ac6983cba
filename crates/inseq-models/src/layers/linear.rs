//! An affine map of the last axis.

use burn::tensor::{Int, Tensor};

use super::kernels;

/// `y = x W^T + b` on the last axis.
///
/// The weight keeps the checkpoint's layout `[output, input]`: that is the layout the pullback wants, and the pullback
/// is the hot product, run once for each probe.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
}

impl Linear {
    /// A layer from its weight `[output, input]` and bias `[output]`.
    pub fn new(weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        Self { weight, bias }
    }

    /// The same weight with a bias `[output]`.
    pub fn with_bias(self, bias: Tensor<1>) -> Self {
        Self { bias: Some(bias), ..self }
    }

    /// One layer whose outputs are those of `parts`, one after the other.
    pub fn concatenate(parts: Vec<Linear>) -> Self {
        let device = parts[0].weight.device();
        let biased = parts.iter().any(|p| p.bias.is_some());
        let bias = biased.then(|| {
            let each =
                parts.iter().map(|p| p.bias.clone().unwrap_or_else(|| Tensor::zeros([p.weight.dims()[0]], &device)));
            Tensor::cat(each.collect(), 0)
        });
        Self { weight: Tensor::cat(parts.into_iter().map(|p| p.weight).collect(), 0), bias }
    }

    /// The layer that gives some of the outputs, in an order.
    pub fn outputs(&self, index: impl Iterator<Item = usize>) -> Linear {
        let index: Vec<i64> = index.map(|i| i as i64).collect();
        let index = Tensor::<1, Int>::from_data(index.as_slice(), &self.weight.device());
        Self {
            weight: self.weight.clone().select(0, index.clone()),
            bias: self.bias.clone().map(|bias| bias.select(0, index)),
        }
    }

    /// Size of the input's last axis.
    pub fn input_size(&self) -> usize {
        self.weight.dims()[1]
    }

    /// Size of the output's last axis.
    pub fn output_size(&self) -> usize {
        self.weight.dims()[0]
    }

    /// `[..., input]` to `[..., output]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut shape = x.dims();
        let rows = shape[..D - 1].iter().product::<usize>();
        let y = kernels::product_with_transposed(x.reshape([rows, shape[D - 1]]), &self.weight);
        shape[D - 1] = self.output_size();
        match &self.bias {
            Some(bias) => y + bias.clone().unsqueeze::<2>(),
            None => y,
        }
        .reshape(shape)
    }

    /// The cotangent of the output, `[..., output]`, to that of the input, `[..., input]`.
    pub fn pullback<const D: usize>(&self, cotangent: Tensor<D>) -> Tensor<D> {
        let mut shape = cotangent.dims();
        let rows = shape[..D - 1].iter().product::<usize>();
        let dx = cotangent.reshape([rows, shape[D - 1]]).matmul(self.weight.clone());
        shape[D - 1] = self.input_size();
        dx.reshape(shape)
    }
}
