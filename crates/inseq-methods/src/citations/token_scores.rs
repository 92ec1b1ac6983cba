//! Scores of an answer's tokens that citation methods read.

use std::f64::consts::LN_2;
use std::sync::Arc;

use burn::tensor::activation::log_softmax;
use burn::tensor::{IndexingUpdateOp, Int, Tensor};
use inseq_models::model::Model;

use crate::step_functions::{SharedStepFunction, from_closure};

/// Stands for a logarithm of 0: the smallest log-probability whose exponential is not 0 in 32 bits is about -103.
const LOG_ZERO: f64 = -1e4;

/// Log-odds of the token: its logit minus the logarithm of the summed exponentials of all other logits.
///
/// Unlike a log-probability in 32 bits, it tells probabilities close to 1 apart.
pub(super) fn log_odds() -> SharedStepFunction {
    from_closure("log_odds", |context| {
        let logits = context.logits.clone();
        let own = context.of_targets(logits.clone());
        let place = context.targets.clone().unsqueeze_dim::<2>(1);
        let lowered = own.clone().unsqueeze_dim::<2>(1).full_like(LOG_ZERO);
        let largest = logits.clone().max_dim(1);
        let others = (logits - largest.clone()).scatter(1, place, lowered, IndexingUpdateOp::Add);
        // The largest of the others may be far below the token.
        let highest = others.clone().max_dim(1);
        let sum = (others - highest.clone()).exp().sum_dim(1).log() + highest + largest;
        Ok(own - sum.squeeze_dim(1))
    })
}

/// Jensen-Shannon divergence, in nats, between the distribution of a row and the one of the same step in `states`
/// `[step, feature]`, which are last hidden states of another forward. It is at least 0 and at most ln 2.
pub(super) fn jensen_shannon(model: &Model, states: Tensor<2>) -> SharedStepFunction {
    let model = Arc::new(model.clone());
    from_closure("jensen_shannon_divergence", move |context| {
        let steps: Vec<i64> = context.rows.iter().map(|row| row.step as i64).collect();
        let steps = Tensor::<1, Int>::from_data(steps.as_slice(), &states.device());
        let other = model.logits(states.clone().select(0, steps));
        Ok(divergence(log_softmax(context.logits.clone(), 1), log_softmax(other, 1)))
    })
}

/// Jensen-Shannon divergences of rows of log-probabilities, `[row]`.
fn divergence(p: Tensor<2>, q: Tensor<2>) -> Tensor<1> {
    let [p, q] = [p, q].map(|log| log.clamp_min(LOG_ZERO));
    let larger = p.clone().max_pair(q.clone());
    let smaller = p.clone().min_pair(q.clone());
    let middle = larger.clone() + ((smaller - larger).exp() + 1.0).log() - LN_2;
    let half = |log: Tensor<2>| (log.clone().exp() * (log - middle.clone())).sum_dim(1).squeeze_dim::<1>(1) * 0.5;
    (half(p) + half(q)).clamp(0.0, LN_2)
}

/// Logarithm of a probability by its log-odds.
pub(super) fn log_probability_of(log_odds: f64) -> f64 {
    // -ln(1 + e^-x), without overflow.
    log_odds.min(0.0) - (-log_odds.abs()).exp().ln_1p()
}

/// Log-odds of a probability by its logarithm, which is below 0.
pub(super) fn log_odds_of(log_probability: f64) -> f64 {
    log_probability - (-log_probability.exp_m1()).ln()
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    fn rows(values: &[&[f32]]) -> Tensor<2> {
        let device = inseq_models::device::parse("cpu").unwrap();
        Tensor::from_data(TensorData::new(values.concat(), [values.len(), values[0].len()]), &device)
    }

    #[test]
    fn divergences_are_bounded_by_ln_2() {
        // By hand: distributions that have nothing in common, the same one, and (3/4, 1/4) against (1/4, 3/4).
        let certain = -60f32;
        let (three, one) = (0.75f32.ln(), 0.25f32.ln());
        let p = rows(&[&[0.0, certain], &[three, one], &[three, one]]);
        let q = rows(&[&[certain, 0.0], &[three, one], &[one, three]]);
        let found = crate::device::read(divergence(p, q), "divergences").unwrap();
        let apart = 0.75 * 1.5f32.ln() + 0.25 * 0.5f32.ln();
        for (found, expected) in found.into_iter().zip([std::f32::consts::LN_2, 0.0, apart]) {
            assert!((found - expected).abs() < 1e-6 && found <= std::f32::consts::LN_2, "{found} {expected}");
        }
    }

    #[test]
    fn odds_and_probabilities_belong_together() {
        for log_odds in [-40.0, -1.0, 0.0, 2.5, 30.0] {
            let back = log_odds_of(log_probability_of(log_odds));
            assert!((back - log_odds).abs() < 1e-9 * log_odds.abs().max(1.0), "{log_odds} {back}");
        }
        assert!((log_probability_of(0.0) + LN_2).abs() < 1e-15);
        assert_eq!(log_probability_of(1e6), 0.0);
        assert_eq!(log_probability_of(-1e6), -1e6);
    }
}
