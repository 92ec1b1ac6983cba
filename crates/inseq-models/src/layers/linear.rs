//! An affine map of the last axis.

use std::ops::Range;

use burn::tensor::{DType, Device, Int, Tensor};

use super::kernels;

/// Number of values of a weight that are converted at a time.
const CONVERTED: usize = if cfg!(test) { 1 << 6 } else { 1 << 21 };

/// `y = x W^T + b` on the last axis.
///
/// The weight keeps the checkpoint's layout `[output, input]`, which suits the pullback, the most frequent product
/// (once per probe).
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
}

impl Linear {
    /// Makes a layer from its weight `[output, input]` and bias `[output]`.
    pub fn new(weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        Self { weight, bias }
    }

    /// A layer of the same sizes whose output is zero.
    pub fn zeros_like(other: &Linear) -> Self {
        Self { weight: other.weight.zeros_like(), bias: None }
    }

    /// The same weight with a bias `[output]`.
    #[must_use]
    pub fn with_bias(self, bias: Tensor<1>) -> Self {
        Self { bias: Some(bias), ..self }
    }

    /// One layer with the concatenated outputs of `parts`, at least one.
    ///
    /// # Panics
    /// There are no parts, or their inputs differ in size.
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

    /// The layer with some of the outputs, in the given order.
    #[must_use]
    pub fn outputs(&self, index: impl Iterator<Item = usize>) -> Linear {
        let index: Vec<i64> = index.map(|i| i as i64).collect();
        let index = Tensor::<1, Int>::from_data(index.as_slice(), &self.weight.device());
        Self {
            weight: self.weight.clone().select(0, index.clone()),
            bias: self.bias.clone().map(|bias| bias.select(0, index)),
        }
    }

    /// A copy on a device.
    #[must_use]
    pub fn to_device(&self, device: &Device) -> Self {
        self.with_weight(self.weight.clone().to_device(device))
    }

    /// The layer with another weight, on the device of the weight.
    pub(crate) fn with_weight(&self, weight: Tensor<2>) -> Self {
        let bias = self.bias.clone().map(|bias| bias.to_device(&weight.device()));
        Self { weight, bias }
    }

    /// The weight, `[output, input]`.
    pub(crate) fn weight(&self) -> &Tensor<2> {
        &self.weight
    }

    /// Size of the input's last axis.
    pub fn input_size(&self) -> usize {
        self.weight.dims()[1]
    }

    /// Size of the output's last axis.
    pub fn output_size(&self) -> usize {
        self.weight.dims()[0]
    }

    /// The weight of some outputs in the type of the computation: whole if it is stored in this type, otherwise a few outputs at a
    /// time, so that memory never holds the whole converted weight.
    fn weight_in(&self, outputs: Range<usize>, dtype: DType) -> impl Iterator<Item = (Range<usize>, Tensor<2>)> {
        let size = if self.weight.dtype() == dtype { outputs.len() } else { CONVERTED / self.input_size().max(1) };
        outputs.clone().step_by(size.max(1)).map(move |start| {
            let range = start..(start + size.max(1)).min(outputs.end);
            let whole = range.len() == self.output_size();
            let part = if whole { self.weight.clone() } else { self.weight.clone().slice(range.clone()) };
            (range, if part.dtype() == dtype { part } else { part.cast(dtype) })
        })
    }

    /// The bias, `[output]`.
    pub fn bias(&self) -> Option<Tensor<1>> {
        self.bias.clone()
    }

    /// Output `[..., output]` for `x` `[..., input]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut shape = x.dims();
        let y = self.linear_part(x.reshape([shape[..D - 1].iter().product(), shape[D - 1]]));
        shape[D - 1] = self.output_size();
        match &self.bias {
            Some(bias) => y + bias.clone().unsqueeze::<2>(),
            None => y,
        }
        .reshape(shape)
    }

    /// Output `[row, output]` for `x` `[row, input]`, without the bias.
    pub fn linear_part(&self, x: Tensor<2>) -> Tensor<2> {
        let parts = self
            .weight_in(0..self.output_size(), x.dtype())
            .map(|(_, weight)| kernels::product_with_transposed(x.clone(), &weight));
        joined(parts.collect())
    }

    /// Pulls a cotangent of the output, `[..., output]`, back to the input, `[..., input]`.
    pub fn pullback<const D: usize>(&self, cotangent: Tensor<D>) -> Tensor<D> {
        self.pullback_of(0..self.output_size(), cotangent)
    }

    /// Pulls a cotangent of some of the outputs, `[..., output]`, back to the input, `[..., input]`.
    pub(super) fn pullback_of<const D: usize>(&self, of: Range<usize>, cotangent: Tensor<D>) -> Tensor<D> {
        let mut shape = cotangent.dims();
        let rows = shape[..D - 1].iter().product::<usize>();
        let cotangent = cotangent.reshape([rows, shape[D - 1]]);
        let parts = self.weight_in(of.clone(), cotangent.dtype()).map(|(outputs, weight)| match outputs == of {
            true => cotangent.clone().matmul(weight),
            false => cotangent.clone().narrow(1, outputs.start - of.start, outputs.len()).matmul(weight),
        });
        let dx = parts.reduce(|sum, part| sum + part).unwrap_or_else(|| Tensor::zeros([rows, 0], &cotangent.device()));
        shape[D - 1] = self.input_size();
        dx.reshape(shape)
    }

    /// Pulls cotangents of equal parts of the outputs, `[batch, part, row, output of a part]`, back to the input separately,
    /// `[batch, part, row, input]`. The parts start at the first output.
    pub(super) fn pullback_of_parts(&self, cotangent: Tensor<4>) -> Tensor<4> {
        let [batch, parts, rows, size] = cotangent.dims();
        let each = (0..parts).map(|part| {
            let cotangent = cotangent.clone().narrow(1, part, 1).reshape([batch * rows, size]);
            let dx = self.pullback_of(part * size..(part + 1) * size, cotangent);
            dx.reshape([batch, 1, rows, self.input_size()])
        });
        Tensor::cat(each.collect(), 1)
    }

    /// The contribution of equal parts of the input, `[batch, part, row, input of a part]`, to the output,
    /// `[batch, part, row, output]`; `which` are the indices of the parts, from the first input on. The bias is not included.
    pub(super) fn forward_of_parts(&self, x: Tensor<4>, which: &[usize]) -> Tensor<4> {
        let [batch, _, rows, size] = x.dims();
        let mut outputs = Vec::new();
        for (_, weight) in self.weight_in(0..self.output_size(), x.dtype()) {
            let each = which.iter().enumerate().map(|(index, part)| {
                let x = x.clone().narrow(1, index, 1).reshape([batch * rows, size]);
                let y = x.matmul(weight.clone().narrow(1, part * size, size).transpose());
                let width = y.dims()[1];
                y.reshape([batch, 1, rows, width])
            });
            outputs.push(Tensor::cat(each.collect(), 1));
        }
        Tensor::cat(outputs, 3)
    }
}

/// Concatenates the outputs of parts of a weight.
fn joined(mut parts: Vec<Tensor<2>>) -> Tensor<2> {
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_kept_in_half_precision_is_converted_part_by_part() {
        let device = crate::device::parse("auto").unwrap();
        let values = |count: usize| (0..count).map(|i| ((i * 37 % 41) as f32 - 20.0) / 16.0).collect::<Vec<f32>>();
        let tensor =
            |shape: [usize; 2]| Tensor::<1>::from_data(values(shape[0] * shape[1]).as_slice(), &device).reshape(shape);
        // Multiples of 1/16 up to 2 are exact in either type.
        let (x, cotangent, weight) = (tensor([5, 12]), tensor([5, 23]), tensor([23, 12]));
        for dtype in [DType::BF16, DType::F16] {
            let kept = Linear::new(weight.clone().cast(dtype), None);
            assert_eq!(kept.weight_in(0..23, DType::F32).count(), 5);
            let plain = Linear::new(weight.clone(), None);
            let close = |a: Tensor<2>, b: Tensor<2>| assert!((a - b).abs().max().into_scalar::<f32>() < 1e-5);
            close(kept.forward(x.clone()), plain.forward(x.clone()));
            close(kept.pullback(cotangent.clone()), plain.pullback(cotangent.clone()));
        }
    }
}
