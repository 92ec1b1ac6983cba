//! Gathers rows of a matrix, with zeros for missing rows.

use burn::tensor::{Int, Tensor, TensorData};
use rayon::prelude::*;

use super::TASK;
use super::host::HostTensor;

/// Row `i` of the result is row `index[i]` of `x` `[row, feature]`, or zeros.
pub(in crate::layers) fn gather_rows(x: Tensor<2>, index: &[Option<usize>]) -> Tensor<2> {
    let [rows, features] = x.dims();
    let device = x.device();
    let Some(values) = HostTensor::of(&x) else {
        let x = match index.iter().any(Option::is_none) {
            true => {
                let zeros = Tensor::zeros([1, features], (&device, x.dtype()));
                Tensor::cat(vec![x, zeros], 0)
            }
            false => x,
        };
        let index: Vec<i64> = index.iter().map(|row| row.unwrap_or(rows) as i64).collect();
        return x.select(0, Tensor::<1, Int>::from_data(index.as_slice(), &device));
    };
    let values: &[f32] = &values;
    let mut gathered = vec![0f32; index.len() * features];
    let group = (TASK / features.max(1)).max(1);
    gathered.par_chunks_mut((features * group).max(1)).zip(index.par_chunks(group)).for_each(|(chunk, index)| {
        for (row, from) in chunk.chunks_exact_mut(features).zip(index) {
            if let Some(from) = from {
                row.copy_from_slice(&values[from * features..(from + 1) * features]);
            }
        }
    });
    Tensor::from_data(TensorData::new(gathered, [index.len(), features]), &device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_gathered_or_zero() {
        let device = crate::device::parse("auto").unwrap();
        let x = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], &device);
        let gathered = |x: Tensor<2>| gather_rows(x, &[Some(2), None, Some(0), Some(2)]);
        let expected = [5.0, 6.0, 0.0, 0.0, 1.0, 2.0, 5.0, 6.0];
        assert_eq!(gathered(x.clone()).try_into_vec_as::<f32>().unwrap(), expected);
        // What takes part in autodiff goes by Burn's operations.
        assert_eq!(gathered(x.autodiff()).inner().try_into_vec_as::<f32>().unwrap(), expected);
    }
}
