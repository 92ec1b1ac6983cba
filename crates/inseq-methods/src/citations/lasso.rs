//! Linear regression with a penalty of absolute weights, as in scikit-learn.

/// Smallest change of a weight, relative to the largest weight, that makes another round worthwhile.
const TOLERANCE: f64 = 1e-12;

/// Largest number of rounds over all weights. Columns that are nearly equal need many.
const ROUNDS: usize = 20_000;

/// Weights and intercept of a linear model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Linear {
    pub(super) weights: Vec<f64>,
    pub(super) intercept: f64,
}

/// The weights `w` and the intercept `b` that minimize `|y - Zw - b|² / 2n + alpha |w|₁` for `n` rows of `Z`, the masks with every
/// column scaled to mean 0 and deviation 1; scaled back, so that they are those of the masks themselves.
///
/// This is scikit-learn's `Lasso(alpha)` on top of its `StandardScaler`. A column that is the same in all rows has the weight 0.
pub(super) fn lasso(masks: &[&[bool]], values: &[f64], alpha: f64) -> Linear {
    let rows = masks.len() as f64;
    let columns = masks.first().map_or(0, |mask| mask.len());
    let mean = values.iter().sum::<f64>() / rows.max(1.0);
    let means: Vec<f64> = (0..columns).map(|j| masks.iter().filter(|mask| mask[j]).count() as f64 / rows).collect();
    let deviations: Vec<f64> = means.iter().map(|mean| (mean * (1.0 - mean)).sqrt()).collect();
    let scaled = |i: usize, j: usize| (f64::from(u8::from(masks[i][j])) - means[j]) / deviations[j];
    let varying: Vec<(usize, Vec<f64>)> = (0..columns)
        .filter(|&j| deviations[j] > 0.0)
        .map(|j| (j, (0..masks.len()).map(|i| scaled(i, j)).collect()))
        .collect();
    let mut weights = vec![0.0; columns];
    let mut residuals: Vec<f64> = values.iter().map(|value| value - mean).collect();
    for _ in 0..ROUNDS {
        let (mut largest, mut change) = (0f64, 0f64);
        for (j, column) in &varying {
            let before: f64 = weights[*j];
            // The squares of a scaled column sum to the number of rows.
            let product: f64 = column.iter().zip(&residuals).map(|(x, r)| x * r).sum::<f64>() / rows + before;
            let after = (product.abs() - alpha).max(0.0).copysign(product);
            if after != before {
                column.iter().zip(&mut residuals).for_each(|(x, r)| *r += (before - after) * x);
                weights[*j] = after;
            }
            largest = largest.max(after.abs());
            change = change.max((after - before).abs());
        }
        if change <= TOLERANCE * largest {
            break;
        }
    }
    for (weight, deviation) in weights.iter_mut().zip(&deviations) {
        *weight = if *deviation > 0.0 { *weight / deviation } else { 0.0 };
    }
    let intercept = mean - weights.iter().zip(&means).map(|(weight, mean)| weight * mean).sum::<f64>();
    Linear { weights, intercept }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All masks of some columns.
    fn all(columns: usize) -> Vec<Vec<bool>> {
        (0..1 << columns).map(|bits: usize| (0..columns).map(|j| bits >> j & 1 == 1).collect()).collect()
    }

    fn fitted(masks: &[Vec<bool>], alpha: f64, value: impl Fn(&[bool]) -> f64) -> Linear {
        let values: Vec<f64> = masks.iter().map(|mask| value(mask)).collect();
        lasso(&masks.iter().map(Vec::as_slice).collect::<Vec<_>>(), &values, alpha)
    }

    #[test]
    fn a_planted_linear_model_is_found() {
        let planted = [2.0, 0.0, -1.0, 0.0];
        let value =
            |mask: &[bool]| 0.5 + planted.iter().zip(mask).filter(|(_, kept)| **kept).map(|(w, _)| w).sum::<f64>();
        // On all masks columns are independent: each weight shrinks by twice the penalty, as the deviation is a half.
        let found = fitted(&all(4), 0.01, value);
        for (found, expected) in found.weights.iter().zip([1.98, 0.0, -0.98, 0.0]) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        assert!((found.intercept - 0.5).abs() < 1e-9);
        let unpenalized = fitted(&all(4), 0.0, value);
        for (found, expected) in unpenalized.weights.iter().zip(planted) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn either_source_is_enough_or_only_one_counts() {
        // `a or b`, and exclusive or, whose best linear model has no slope. By hand, without penalty.
        let or = fitted(&all(2), 0.0, |mask| f64::from(u8::from(mask[0] || mask[1])));
        assert!(or.weights.iter().all(|weight| (weight - 0.5).abs() < 1e-12), "{or:?}");
        let xor = fitted(&all(2), 0.0, |mask| f64::from(u8::from(mask[0] != mask[1])));
        assert!(
            xor.weights.iter().all(|weight| weight.abs() < 1e-12) && (xor.intercept - 0.5).abs() < 1e-12,
            "{xor:?}"
        );
    }

    #[derive(serde::Deserialize)]
    struct Case {
        masks: Vec<Vec<bool>>,
        values: Vec<f64>,
        alpha: f64,
        weights: Vec<f64>,
        intercept: f64,
    }

    #[test]
    fn weights_are_those_of_scikit_learn() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/citations/lasso.json");
        let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(cases.len() >= 5);
        for Case { masks, values, alpha, weights, intercept } in cases {
            let found = lasso(&masks.iter().map(Vec::as_slice).collect::<Vec<_>>(), &values, alpha);
            let pairs = found.weights.iter().zip(&weights).chain([(&found.intercept, &intercept)]);
            for (found, expected) in pairs {
                assert!((found - expected).abs() < 1e-5, "{found} {expected}");
            }
        }
    }

    #[test]
    fn columns_that_do_not_vary_have_no_weight() {
        let masks = [vec![true, true], vec![true, false], vec![true, true]];
        let found = fitted(&masks, 0.0, |mask| f64::from(u8::from(mask[1])));
        assert_eq!(found.weights[0], 0.0);
        assert!((found.weights[1] - 1.0).abs() < 1e-9);
        assert_eq!(lasso(&[], &[], 0.01).weights, Vec::<f64>::new());
    }
}
