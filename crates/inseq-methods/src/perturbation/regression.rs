//! Weighted least squares for the surrogates of LIME and SHAP.

use nalgebra::{DMatrix, DVector};

/// Coefficients that minimize `Σ w (y - z·c)² + ridge |c|²` over rows `z` with weights `w` and values `y`.
///
/// If the rows do not determine the coefficients, the smallest ones are chosen.
pub(super) fn least_squares(rows: &[(Vec<f64>, f64, f64)], columns: usize, ridge: f64) -> Vec<f64> {
    // The decomposition below is not defined for a matrix without columns.
    if columns == 0 {
        return Vec::new();
    }
    let mut normal = DMatrix::<f64>::zeros(columns, columns);
    let mut right = DVector::<f64>::zeros(columns);
    for (row, weight, value) in rows {
        for (i, a) in row.iter().enumerate().filter(|(_, a)| **a != 0.0) {
            right[i] += weight * a * value;
            for (j, b) in row.iter().enumerate() {
                normal[(i, j)] += weight * a * b;
            }
        }
    }
    for i in 0..columns {
        normal[(i, i)] += ridge;
    }
    let scale = normal.diagonal().max().max(f64::MIN_POSITIVE);
    normal
        .svd(true, true)
        .solve(&right, scale * 1e-12)
        .map_or_else(|_| vec![0.0; columns], |solution| solution.iter().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_again() {
        let rows: Vec<_> = (0..7)
            .map(|i| {
                let z = vec![f64::from(i % 2), f64::from(i % 3), 1.0];
                let y = 2.0 * z[0] - 3.0 * z[1] + 0.5;
                (z, 1.0 + f64::from(i), y)
            })
            .collect();
        for (found, expected) in least_squares(&rows, 3, 0.0).into_iter().zip([2.0, -3.0, 0.5]) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }
}
