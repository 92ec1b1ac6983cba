//! Rotary position embeddings.

use std::borrow::Cow;
use std::ops::Range;

use burn::tensor::{Device, Tensor};

use super::{Rows, kernels};

/// Positions as rotations of queries and keys (Su et al., 2021, <https://arxiv.org/abs/2104.09864>).
///
/// The first `2 * frequencies` features of a head are rotated in pairs: a feature of the first half with its partner
/// in the second half. Checkpoints that pair neighbours are reordered when they are loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// Radians per position, for each pair.
    pub frequencies: Vec<f32>,
    /// Factor of the rotated features; 1 except in a few scaled variants.
    pub scale: f32,
    /// Change of the frequencies in long texts.
    pub stretch: Stretch,
}

/// Dependence of the frequencies on the length of a text.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Stretch {
    /// No dependence.
    #[default]
    None,
    /// Texts with more positions than `limit` have other frequencies (LongRoPE: Ding et al., 2024,
    /// <https://arxiv.org/abs/2402.13753>).
    Beyond {
        /// Positions of the longest text with the usual frequencies.
        limit: usize,
        /// Radians per position, for each pair.
        frequencies: Vec<f32>,
        /// Whether generation computes the keys of all positions again when a text exceeds the limit; otherwise keys keep their first
        /// rotation.
        renews_keys: bool,
    },
    /// The base of the frequencies grows with every position after `limit` (dynamic NTK).
    Dynamic {
        /// Positions of the longest text with the usual frequencies.
        limit: usize,
        /// Growth factor of the base.
        factor: f64,
        /// The usual base.
        base: f64,
        /// Number of rotated features.
        rotated: usize,
    },
}

/// The rotations of a range of positions.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Cosines, `[1, position, pair]`.
    cosines: Tensor<3>,
    /// Sines, `[1, position, pair]`.
    sines: Tensor<3>,
}

/// `base^(-2 i / rotated)` for each pair `i`.
fn powers(rotated: usize, base: f64) -> Vec<f32> {
    (0..rotated.div_ceil(2)).map(|i| base.powf(-((2 * i) as f64) / rotated as f64) as f32).collect()
}

impl Rotary {
    /// The usual frequencies, `base^(-2 i / rotated)`.
    pub fn new(rotated: usize, base: f64) -> Self {
        Self { frequencies: powers(rotated, base), scale: 1.0, stretch: Stretch::None }
    }

    /// Changes the frequency of each pair.
    #[must_use]
    pub fn map(mut self, change: impl Fn(usize, f64) -> f64) -> Self {
        for (pair, frequency) in self.frequencies.iter_mut().enumerate() {
            *frequency = change(pair, f64::from(*frequency)) as f32;
        }
        self
    }

    /// The frequencies of a text of `length` positions.
    pub fn frequencies_of(&self, length: usize) -> Cow<'_, [f32]> {
        match &self.stretch {
            Stretch::Beyond { limit, frequencies, .. } if length > *limit => Cow::Borrowed(frequencies),
            &Stretch::Dynamic { limit, factor, base, rotated } if length > limit => {
                let growth = factor * length as f64 / limit as f64 - (factor - 1.0);
                Cow::Owned(powers(rotated, base * growth.powf(rotated as f64 / (rotated as f64 - 2.0))))
            }
            _ => Cow::Borrowed(&self.frequencies),
        }
    }

    /// Whether texts of `a` and of `b` positions have the same frequencies.
    pub fn rotates_alike(&self, a: usize, b: usize) -> bool {
        a == b || self.frequencies_of(a) == self.frequencies_of(b)
    }

    /// Whether generation computes the keys of all positions again when a text grows from `before` to `after` positions.
    pub fn renews_keys(&self, before: usize, after: usize) -> bool {
        matches!(self.stretch, Stretch::Beyond { limit, renews_keys: true, .. } if before <= limit && after > limit)
    }

    /// The rotations of some positions of a text of `length` positions.
    pub fn rotation(&self, positions: Range<usize>, length: usize, device: &Device) -> Rotation {
        let frequencies = self.frequencies_of(length);
        let table = |function: fn(f32) -> f32| {
            let values: Vec<f32> = positions
                .clone()
                .flat_map(|position| frequencies.iter().map(move |f| function(position as f32 * f) * self.scale))
                .collect();
            Tensor::<1>::from_data(values.as_slice(), device).reshape([1, positions.len(), frequencies.len()])
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
            Rows::Own { .. } | Rows::Ranges(_) => rows.of(&table.clone().repeat_dim(0, batch)),
        };
        kernels::rotate(cotangent, of(&self.cosines), of(&self.sines).neg())
    }
}
