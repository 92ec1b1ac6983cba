//! Rows that are mixtures of shared rows.

use std::ops::Range;

use burn::tensor::{Int, Tensor, TensorData};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::TASK;
use super::host::HostTensor;

/// Number of features whose sums stay in registers.
const TOGETHER: usize = 64;

/// The effect on the rows of a map that is affine except for one factor per row.
pub(in crate::layers) struct RowScales {
    /// Image of zero, `[feature]`.
    pub(in crate::layers) offset: Tensor<1>,
    /// Factor of the base minus the offset, `[row]`.
    pub(in crate::layers) of_base: Tensor<1>,
    /// Factor of the subtracted parts, `[row]`.
    pub(in crate::layers) of_given: Tensor<1>,
}

/// For each query of each group, `base` `[query, feature]` minus the sum of the group's parts of `given` `[part, feature]`
/// weighted with `weights` `[query, part]`: `[row, feature]`.
pub(in crate::layers) fn mixed_rows(
    base: Tensor<2>,
    given: Tensor<2>,
    weights: Tensor<2>,
    groups: &[(Range<usize>, Range<usize>)],
    scales: Option<RowScales>,
) -> Tensor<2> {
    let rows: Vec<_> =
        groups.iter().flat_map(|(queries, parts)| queries.clone().map(move |query| (query, parts))).collect();
    let (device, features, parts) = (base.device(), base.dims()[1], weights.dims()[1]);
    let host = HostTensor::of(&base).zip(HostTensor::of(&given)).zip(HostTensor::of(&weights));
    let host_scales = scales.as_ref().map(|RowScales { offset, of_base, of_given }| {
        HostTensor::of(offset).zip(HostTensor::of(of_base)).zip(HostTensor::of(of_given))
    });
    let (Some(((base, given), weights)), None | Some(Some(_))) = (&host, &host_scales) else {
        let taken = groups.iter().map(|(queries, parts)| {
            let weights = weights.clone().slice([queries.clone(), parts.clone()]);
            weights.matmul(given.clone().slice(parts.clone()))
        });
        let taken = Tensor::cat(taken.collect(), 0);
        let index: Vec<i64> = rows.iter().map(|(query, _)| *query as i64).collect();
        let base = base.select(0, Tensor::<1, Int>::from_data(index.as_slice(), &device));
        return match scales {
            Some(RowScales { offset, of_base, of_given }) => {
                let offset = offset.unsqueeze::<2>();
                (base - offset.clone()) * of_base.unsqueeze_dim(1) - taken * of_given.unsqueeze_dim(1) + offset
            }
            None => base - taken,
        };
    };
    let (base, given, weights): (&[f32], &[f32], &[f32]) = (base, given, weights);
    let scales = host_scales.as_ref().and_then(|scales| scales.as_ref()).map(|((offset, of_base), of_given)| {
        let slices: [&[f32]; 3] = [offset, of_base, of_given];
        slices
    });
    let mut mixed = vec![0f32; rows.len() * features];
    let group = (TASK / features.max(1)).max(1);
    mixed.par_chunks_mut((features * group).max(1)).zip(rows.par_chunks(group)).enumerate().for_each(
        |(task, (chunk, rows))| {
            for (i, (out, (query, own))) in chunk.chunks_exact_mut(features).zip(rows).enumerate() {
                let row = task * group + i;
                Arch::new().dispatch(MixedRow {
                    out,
                    base: &base[query * features..(query + 1) * features],
                    given: &given[own.start * features..own.end * features],
                    weights: &weights[query * parts + own.start..query * parts + own.end],
                    scales: scales.map(|[offset, of_base, of_given]| (offset, of_base[row], of_given[row])),
                });
            }
        },
    );
    Tensor::from_data(TensorData::new(mixed, [rows.len(), features]), &device)
}

struct MixedRow<'a> {
    out: &'a mut [f32],
    base: &'a [f32],
    given: &'a [f32],
    weights: &'a [f32],
    scales: Option<(&'a [f32], f32, f32)>,
}

impl WithSimd for MixedRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { out, base, given, weights, scales } = self;
        let features = out.len();
        let mut start = 0;
        while start < features {
            let size = TOGETHER.min(features - start);
            let part = |values: &[f32], from: usize| {
                let mut taken = [0f32; TOGETHER];
                taken[..size].copy_from_slice(&values[from + start..from + start + size]);
                taken
            };
            let mut sums = [0f32; TOGETHER];
            for (index, weight) in weights.iter().enumerate() {
                let from = index * features + start;
                match given[from..].first_chunk::<TOGETHER>().filter(|_| size == TOGETHER) {
                    Some(given) => {
                        for (sum, given) in sums.iter_mut().zip(given) {
                            *sum = weight.mul_add(*given, *sum);
                        }
                    }
                    None => {
                        for (sum, given) in sums.iter_mut().zip(&given[from..from + size]) {
                            *sum = weight.mul_add(*given, *sum);
                        }
                    }
                }
            }
            let base = part(base, 0);
            match scales {
                Some((offset, of_base, of_given)) => {
                    let offset = part(offset, 0);
                    for ((sum, base), offset) in sums.iter_mut().zip(base).zip(offset) {
                        *sum = (base - offset).mul_add(of_base, offset) - of_given * *sum;
                    }
                }
                None => sums.iter_mut().zip(base).for_each(|(sum, base)| *sum = base - *sum),
            }
            out[start..start + size].copy_from_slice(&sums[..size]);
            start += size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More features than are summed together, and not a multiple of them.
    const FEATURES: usize = TOGETHER + 7;

    #[test]
    fn rows_are_mixed_with_and_without_scales() {
        let device = crate::device::parse("auto").unwrap();
        let values = |count: usize| (0..count).map(|i| ((i * 37 % 41) as f32 - 20.0) / 16.0).collect::<Vec<f32>>();
        let tensor = |count: usize| Tensor::<1>::from_data(values(count).as_slice(), &device);
        let (queries, parts) = (3, 5);
        let groups = [(1..3, 0..2), (0..3, 2..5)];
        let [base, given, weights] =
            [(queries, FEATURES), (parts, FEATURES), (queries, parts)].map(|(a, b)| tensor(a * b).reshape([a, b]));
        let (offset, of_rows) = (values(FEATURES), values(10));
        let (of_base, of_given) = of_rows.split_at(5);
        let at = |x: &Tensor<2>| x.clone().try_into_vec_as::<f32>().unwrap();
        let (base_values, given_values, weight_values) = (at(&base), at(&given), at(&weights));
        for is_scaled in [false, true] {
            let mut expected = Vec::new();
            for (group, range) in &groups {
                for query in group.clone() {
                    let row = expected.len() / FEATURES;
                    for f in 0..FEATURES {
                        let taken: f32 = range
                            .clone()
                            .map(|p| weight_values[query * parts + p] * given_values[p * FEATURES + f])
                            .sum();
                        let base = base_values[query * FEATURES + f];
                        expected.push(match is_scaled {
                            true => offset[f] + (base - offset[f]) * of_base[row] - taken * of_given[row],
                            false => base - taken,
                        });
                    }
                }
            }
            for autodiff in [false, true] {
                let scales = is_scaled.then(|| RowScales {
                    offset: tensor(FEATURES),
                    of_base: Tensor::from_data(of_base, &device),
                    of_given: Tensor::from_data(of_given, &device),
                });
                // What takes part in autodiff goes by Burn's operations.
                let found = match (autodiff, scales) {
                    (true, scales) => {
                        let scales = scales.map(|RowScales { offset, of_base, of_given }| RowScales {
                            offset: offset.autodiff(),
                            of_base: of_base.autodiff(),
                            of_given: of_given.autodiff(),
                        });
                        let [base, given, weights] = [&base, &given, &weights].map(|x| x.clone().autodiff());
                        mixed_rows(base, given, weights, &groups, scales).inner()
                    }
                    (false, scales) => mixed_rows(base.clone(), given.clone(), weights.clone(), &groups, scales),
                };
                for (found, expected) in at(&found).iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
                }
                assert_eq!(found.dims(), [5, FEATURES]);
            }
        }
    }
}
