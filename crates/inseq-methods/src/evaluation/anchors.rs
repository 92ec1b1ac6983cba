//! Scores that every method is compared with.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::metric::{Mask, Outputs};

/// Name of the anchor that removes each token alone.
pub const LEAVE_ONE_OUT: &str = "leave_one_out";

/// Name of the anchor that orders tokens at random.
pub const RANDOM: &str = "random";

/// The masks of [`LEAVE_ONE_OUT`].
pub(super) fn without_one(tokens: usize) -> Vec<Mask> {
    (0..tokens).map(|left_out| (0..tokens).map(|token| token != left_out).collect()).collect()
}

/// The scores of [`LEAVE_ONE_OUT`]: the drop of the log-probability without each token.
pub(super) fn leave_one_out(tokens: usize, outputs: &Outputs) -> Vec<f64> {
    let whole = outputs.total(&vec![true; tokens]);
    without_one(tokens).iter().map(|mask| whole - outputs.total(mask)).collect()
}

/// The scores of [`RANDOM`], from 0 to 1.
pub(super) fn random(tokens: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..tokens).map(|_| random.random()).collect()
}
