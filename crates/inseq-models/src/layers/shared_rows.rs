//! Rows that are shared states minus a few shared parts each.

use std::ops::Range;

use burn::tensor::Tensor;

use super::kernels::{RowScales, mixed_rows};
use super::{Linear, Norm};

/// Cost of mixing a value, relative to an operation of a matrix product, which keeps its operands in registers.
const MIXING: usize = 4;

/// Rows that are states minus weighted parts; many rows share the states and parts.
///
/// A linear layer maps the parts instead of the rows if there are fewer parts.
#[derive(Clone, Debug)]
pub struct SharedRows {
    /// The states, `[1, query, feature]`.
    pub(super) base: Tensor<3>,
    /// The parts, `[part, feature]`.
    pub(super) given: Tensor<2>,
    /// Weights of the parts, `[query, part]`.
    pub(super) weights: Tensor<2>,
    /// Queries with one row each, and the parts that are subtracted from them; the rows of the first group come first, then those of
    /// the next.
    pub(super) groups: Vec<(Range<usize>, Range<usize>)>,
}

/// States after a norm and a linear layer.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// `linear(norm(x))`, `[1, query, output]`.
    pub output: Tensor<3>,
    /// One over the deviation of the norm, `[1, query, 1]`.
    pub inverse_deviation: Tensor<3>,
}

impl SharedRows {
    /// The rows, `[1, row, feature]`.
    pub fn rows(&self) -> Tensor<3> {
        mixed_rows(self.base.clone().squeeze_dim(0), self.given.clone(), self.weights.clone(), &self.groups, None)
            .unsqueeze()
    }

    /// `linear(norm(rows))`, `[1, row, output]`, if parts need fewer operations than rows and the norm is
    /// over all features.
    ///
    /// `states` is the mapped base, and `inverse_deviation` `[1, row, 1]` belongs to the rows. A norm is
    /// linear except for its deviation: with `s` one over the deviation, `o` the mapped bias of the norm and `m` the linear map, a row of
    /// states `x` is `(s / s_x) (output_x - o) + o - s m(taken)`.
    pub fn mapped(
        &self,
        norm: &Norm,
        linear: &Linear,
        states: &Mapped,
        inverse_deviation: Tensor<3>,
    ) -> Option<Tensor<3>> {
        let rows: usize = self.groups.iter().map(|(queries, _)| queries.len()).sum();
        let mixed: usize = self.groups.iter().map(|(queries, parts)| queries.len() * parts.len()).sum();
        let [parts, features] = self.given.dims();
        if parts * features + mixed * MIXING >= rows * features {
            return None;
        }
        let given = norm.linear_part(self.given.clone().unsqueeze())?.squeeze_dim::<2>(0);
        // The norm's bias is mapped as one more part, which no row takes.
        let bias = norm.bias().unwrap_or_else(|| Tensor::zeros([features], &given.device()));
        let given = linear.linear_part(Tensor::cat(vec![given, bias.unsqueeze()], 0));
        let offset = given.clone().narrow(0, parts, 1).squeeze_dim::<1>(0);
        let offset = match linear.bias() {
            Some(bias) => offset + bias,
            None => offset,
        };
        let of_states: Vec<_> = self
            .groups
            .iter()
            .map(|(queries, _)| states.inverse_deviation.clone().slice([0..1, queries.clone()]))
            .collect();
        let inverse_deviation = inverse_deviation.reshape([rows]);
        let scales = RowScales {
            offset,
            of_base: inverse_deviation.clone() / Tensor::cat(of_states, 1).reshape([rows]),
            of_given: inverse_deviation,
        };
        let states = states.output.clone().squeeze_dim(0);
        Some(mixed_rows(states, given, self.weights.clone(), &self.groups, Some(scales)).unsqueeze())
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::layers::NormKind;

    const FEATURES: usize = 24;

    /// By definition: the rows, normed, through the linear layer.
    #[test]
    fn mapped_parts_give_mapped_rows() {
        let device = crate::device::parse("auto").unwrap();
        let mut random = StdRng::seed_from_u64(5);
        let mut tensor = |count: usize| {
            let values: Vec<f32> = (0..count).map(|_| random.random_range(-1.0..1.0)).collect();
            Tensor::<1>::from_data(values.as_slice(), &device)
        };
        let queries = 7;
        for (kind, norm_bias, linear_bias) in
            [(NormKind::Layer, true, true), (NormKind::Layer, true, false), (NormKind::RootMeanSquare, false, false)]
        {
            let shared = SharedRows {
                base: tensor(queries * FEATURES).reshape([1, queries, FEATURES]),
                given: tensor(4 * FEATURES).reshape([4, FEATURES]),
                weights: tensor(queries * 4).reshape([queries, 4]),
                groups: vec![(0..7, 0..1), (2..7, 1..3), (3..7, 3..4)],
            };
            let norm = Norm::new(kind, tensor(FEATURES), norm_bias.then(|| tensor(FEATURES)), 1e-5);
            let linear = Linear::new(tensor(40 * FEATURES).reshape([40, FEATURES]), linear_bias.then(|| tensor(40)));
            let (base, trace) = norm.forward(shared.base.clone());
            let states = Mapped { output: linear.forward(base), inverse_deviation: trace.inverse_deviation() };
            let (rows, trace) = norm.forward(shared.rows());
            let expected = linear.forward(rows);
            let found = shared.mapped(&norm, &linear, &states, trace.inverse_deviation()).unwrap();
            assert_eq!(found.dims(), [1, 16, 40]);
            assert!((found - expected).abs().max().into_scalar::<f32>() < 1e-5);

            // Not where it takes more than the rows themselves, nor by a norm whose deviations are several.
            let few = SharedRows { groups: vec![(0..3, 0..4)], ..shared.clone() };
            assert!(few.mapped(&norm, &linear, &states, trace.inverse_deviation().narrow(1, 0, 3)).is_none());
            let grouped = norm.grouped(2);
            assert!(shared.mapped(&grouped, &linear, &states, trace.inverse_deviation()).is_none());
        }
    }
}
