//! Which positions a cotangent covers.

use burn::tensor::{Int, Tensor};

/// The positions that a cotangent `[batch, probe, position, feature]` has rows for.
///
/// At the top of a decoder a step's cotangent is non-zero at the step's own position alone; below the first
/// self-attention it covers the whole prefix. Position-wise layers pull either back with the same code, because
/// [`Rows::of`] brings the trace into the cotangent's layout.
#[derive(Clone, Debug)]
pub enum Rows {
    /// Positions `0..n` for every probe.
    Prefix(usize),
    /// One row a probe, at the probe's own position.
    Own {
        /// `[batch * probe]`: each probe's position, batch-major.
        positions: Vec<usize>,
        /// Probes of one batch entry.
        probes: usize,
    },
}

impl Rows {
    /// The first position after every row.
    pub fn end(&self) -> usize {
        match self {
            Rows::Prefix(n) => *n,
            Rows::Own { positions, .. } => positions.iter().max().map_or(0, |p| p + 1),
        }
    }

    /// The rows of a trace `[batch, position, feature]`, as `[batch, probe or 1, row, feature]`.
    pub fn of(&self, trace: &Tensor<3>) -> Tensor<4> {
        let [batch, length, features] = trace.dims();
        match self {
            Rows::Prefix(n) => trace.clone().narrow(1, 0, *n).unsqueeze_dim(1),
            Rows::Own { positions, probes } => trace
                .clone()
                .reshape([batch * length, features])
                .select(0, self.flat_index(positions, *probes, length, &trace.device()))
                .reshape([batch, *probes, 1, features]),
        }
    }

    /// The query rows of a per-head trace `[batch, head, position, feature]`, as `[batch, head, probe or 1, row, feature]`.
    pub fn of_heads(&self, trace: &Tensor<4>) -> Tensor<5> {
        let [batch, heads, length, features] = trace.dims();
        match self {
            Rows::Prefix(n) => trace.clone().narrow(2, 0, *n).unsqueeze_dim(2),
            Rows::Own { positions, probes } => {
                let index: Vec<i64> = (0..batch)
                    .flat_map(|b| (0..heads).map(move |h| (b, h)))
                    .flat_map(|(b, h)| {
                        let own = &positions[b * probes..(b + 1) * probes];
                        own.iter().map(move |p| ((b * heads + h) * length + p) as i64)
                    })
                    .collect();
                trace
                    .clone()
                    .reshape([batch * heads * length, features])
                    .select(0, Tensor::<1, Int>::from_data(index.as_slice(), &trace.device()))
                    .reshape([batch, heads, *probes, 1, features])
            }
        }
    }

    /// Puts the rows into zeros of `[batch, probe, length, feature]`.
    pub fn scatter(&self, cotangent: Tensor<4>, length: usize) -> Tensor<4> {
        let Rows::Own { positions, probes } = self else { return cotangent };
        let [batch, _, _, _] = cotangent.dims();
        let mut one_hot = vec![0f32; batch * probes * length];
        for (row, position) in positions.iter().enumerate() {
            one_hot[row * length + position] = 1.0;
        }
        let one_hot = Tensor::<1>::from_data(one_hot.as_slice(), &cotangent.device());
        one_hot.reshape([batch, *probes, length, 1]).cast(cotangent.dtype()) * cotangent
    }

    fn flat_index(
        &self,
        positions: &[usize],
        probes: usize,
        length: usize,
        device: &burn::tensor::Device,
    ) -> Tensor<1, Int> {
        let index: Vec<i64> =
            positions.iter().enumerate().map(|(row, p)| (row / probes.max(1) * length + p) as i64).collect();
        Tensor::from_data(index.as_slice(), device)
    }
}
