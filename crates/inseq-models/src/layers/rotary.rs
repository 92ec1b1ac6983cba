//! Rotary position embeddings.

use burn::tensor::{Device, Tensor};

use super::{Rows, kernels};

/// Positions as rotations of queries and keys (Su et al., 2021, <https://arxiv.org/abs/2104.09864>).
///
/// The first `2 * frequencies` features of a head are rotated in pairs of a feature of their first half with its partner
/// in the second. Checkpoints that pair neighbours are brought to this order when they are loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// Radians a position, for each pair.
    pub frequencies: Vec<f32>,
    /// Factor on the rotated features; 1 but for a few scaled variants.
    pub scale: f32,
    /// The frequencies of texts with more positions than a limit, where they differ.
    pub beyond: Option<(usize, Vec<f32>)>,
}

/// The rotations of a range of positions.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// `[1, position, pair]`.
    cosines: Tensor<3>,
    /// `[1, position, pair]`.
    sines: Tensor<3>,
}

impl Rotary {
    /// The usual frequencies, `base^(-2 i / rotated)`.
    pub fn new(rotated: usize, base: f64) -> Self {
        let frequencies = (0..rotated / 2).map(|i| base.powf(-((2 * i) as f64) / rotated as f64) as f32);
        Self { frequencies: frequencies.collect(), scale: 1.0, beyond: None }
    }

    /// With each pair's frequency changed.
    pub fn map(mut self, change: impl Fn(usize, f64) -> f64) -> Self {
        for (pair, frequency) in self.frequencies.iter_mut().enumerate() {
            *frequency = change(pair, f64::from(*frequency)) as f32;
        }
        self
    }

    /// The rotations of positions `start..start + length`.
    pub fn rotation(&self, start: usize, length: usize, device: &Device) -> Rotation {
        let frequencies = match &self.beyond {
            Some((limit, frequencies)) if start + length > *limit => frequencies,
            _ => &self.frequencies,
        };
        let table = |function: fn(f32) -> f32| {
            let values: Vec<f32> = (start..start + length)
                .flat_map(|position| frequencies.iter().map(move |f| function(position as f32 * f) * self.scale))
                .collect();
            Tensor::<1>::from_data(values.as_slice(), device).reshape([1, length, self.frequencies.len()])
        };
        Rotation { cosines: table(f32::cos), sines: table(f32::sin) }
    }
}

impl Rotation {
    /// Rotates queries or keys `[batch, position, head, head_dim]`.
    pub fn rotate(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, length, _, _] = x.dims();
        let rows = Rows::prefix(length);
        kernels::rotate(x.unsqueeze_dim(1), rows.of(&self.cosines), rows.of(&self.sines)).squeeze_dim(1)
    }

    /// Rotates cotangents `[batch, probe, row, head, head_dim]` back.
    pub fn pullback(&self, cotangent: Tensor<5>, rows: &Rows) -> Tensor<5> {
        let batch = cotangent.dims()[0];
        let of = |table: &Tensor<3>| match rows {
            Rows::Span(_) => rows.of(table),
            Rows::Own { .. } | Rows::Prefixes(_) => rows.of(&table.clone().repeat_dim(0, batch)),
        };
        kernels::rotate(cotangent, of(&self.cosines), of(&self.sines).neg())
    }
}
