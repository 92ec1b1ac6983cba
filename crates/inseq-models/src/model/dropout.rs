//! Dropout: the noise of training, in forwards that request it.
//!
//! Monte Carlo dropout (Gal & Ghahramani, 2016, <https://arxiv.org/abs/1506.02142>) measures a model's uncertainty with such
//! forwards. The factor of a value depends only on the seed and its place, not on the length of the text or
//! on the rest of the batch. A text therefore gets the same noise alone, in a batch, and with tokens after it.

use burn::tensor::Tensor;
use rand::SeedableRng;
use rand::rand_core::RngCore;
use rand_chacha::ChaCha8Rng;

/// Dropout rates of a stack by place, as in transformers' training mode. Default 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dropout {
    /// Rate of the first block's input.
    pub entry: f32,
    /// Rate of attention weights.
    pub attention: f32,
    /// Rate of the feed-forward's inner values.
    pub inner: f32,
    /// Rate of a sublayer's contribution to the residual stream.
    pub residual: f32,
    /// Rate of the stack's output, after its norm.
    pub exit: f32,
    /// Largest deviation from 1 of the factors of the experts' input.
    pub jitter: f32,
}

impl Dropout {
    /// Whether any rate is above 0.
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }
}

/// Seed and draw of the noise of a forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    /// Seed of the random number generator.
    pub seed: u64,
    /// Index of the draw, from 0; draws are independent.
    pub draw: u32,
}

/// The places of dropout in a layer, or at the ends of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Entry,
    Exit,
    SelfWeights,
    Mixer,
    CrossWeights,
    CrossAttention,
    Inner,
    FeedForward,
    ExpertsInput,
}

/// The noise of one layer in one forward.
#[derive(Clone, Copy, Debug)]
pub struct LayerNoise {
    rates: Dropout,
    noise: Noise,
    /// Number of the stack and the layer.
    layer: u32,
}

impl LayerNoise {
    pub(super) fn new(rates: Dropout, noise: Noise, is_encoder: bool, layer: usize) -> Self {
        Self { rates, noise, layer: 2 * layer as u32 + u32::from(is_encoder) }
    }

    fn rate(&self, place: Place) -> f32 {
        match place {
            Place::Entry => self.rates.entry,
            Place::Exit => self.rates.exit,
            Place::SelfWeights | Place::CrossWeights => self.rates.attention,
            Place::Inner => self.rates.inner,
            Place::ExpertsInput => self.rates.jitter,
            Place::Mixer | Place::CrossAttention | Place::FeedForward => self.rates.residual,
        }
    }

    /// Factors of values `[batch, position, feature]`, with the shape of `like`; `None` if nothing is dropped.
    pub(super) fn values(&self, place: Place, like: &Tensor<3>) -> Option<Tensor<3>> {
        let [batch, positions, features] = like.dims();
        let factors = self.factors(place, 1, positions, features)?;
        let factors = Tensor::<1>::from_data(factors.as_slice(), &like.device());
        Some(factors.reshape([1, positions, features]).cast(like.dtype()).repeat_dim(0, batch))
    }

    /// Factors of attention weights `[batch, head, query, key]`, on the device of `like`.
    pub(super) fn weights(
        &self,
        place: Place,
        [batch, heads, queries, keys]: [usize; 4],
        like: &Tensor<3>,
    ) -> Option<Tensor<4>> {
        let factors = self.factors(place, heads, queries, keys)?;
        let factors = Tensor::<1>::from_data(factors.as_slice(), &like.device());
        Some(factors.reshape([1, heads, queries, keys]).cast(like.dtype()).repeat_dim(0, batch))
    }

    /// Factors `[group, row, column]`: 0 for dropped values, and for the others the factor that keeps the mean; for the input of
    /// experts, uniform factors around 1.
    fn factors(&self, place: Place, groups: usize, rows: usize, columns: usize) -> Option<Vec<f32>> {
        let rate = self.rate(place);
        if rate <= 0.0 {
            return None;
        }
        let kept = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
        let mut random = ChaCha8Rng::seed_from_u64(self.noise.seed);
        random.set_stream(u64::from(self.noise.draw) << 32 | u64::from(self.layer) << 4 | place as u64);
        let threshold = (f64::from(rate) * f64::from(u32::MAX)) as u32;
        let factor = |drawn: u32| match place {
            Place::ExpertsInput => 1.0 - rate + 2.0 * rate * (f64::from(drawn) / f64::from(u32::MAX)) as f32,
            _ if drawn < threshold => 0.0,
            _ => kept,
        };
        let mut factors = Vec::with_capacity(groups * rows * columns);
        for group in 0..groups as u128 {
            for row in 0..rows as u128 {
                // Each row has its own part of the stream, however long the others are.
                random.set_word_pos(group << 48 | row << 24);
                factors.extend((0..columns).map(|_| factor(random.next_u32())));
            }
        }
        Some(factors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(draw: u32) -> LayerNoise {
        let rates = Dropout { attention: 0.3, ..Dropout::default() };
        LayerNoise::new(rates, Noise { seed: 4, draw }, false, 1)
    }

    #[test]
    fn a_share_is_dropped_and_the_mean_stays() {
        let factors = noise(0).factors(Place::SelfWeights, 4, 50, 100).unwrap();
        let dropped = factors.iter().filter(|factor| **factor == 0.0).count() as f64 / factors.len() as f64;
        // Five standard deviations of 20,000 draws.
        assert!((dropped - 0.3).abs() < 5.0 * (0.3 * 0.7 / 20_000f64).sqrt(), "{dropped}");
        assert!(factors.iter().all(|factor| *factor == 0.0 || *factor == 1.0 / 0.7));
        assert_eq!(noise(0).factors(Place::Inner, 1, 2, 2), None);
    }

    #[test]
    fn the_input_of_experts_is_multiplied_by_numbers_about_1() {
        let rates = Dropout { jitter: 0.2, ..Dropout::default() };
        let noise = LayerNoise::new(rates, Noise { seed: 4, draw: 0 }, false, 1);
        let factors = noise.factors(Place::ExpertsInput, 1, 100, 100).unwrap();
        assert!(factors.iter().all(|factor| (0.8 - 1e-6..1.2 + 1e-6).contains(factor)));
        let mean = factors.iter().sum::<f32>() / 1e4;
        let deviation = (factors.iter().map(|factor| (factor - mean).powi(2)).sum::<f32>() / 1e4).sqrt();
        // Five standard deviations of the mean, and the deviation of an even distribution.
        assert!((mean - 1.0).abs() < 5.0 * deviation / 100.0, "{mean}");
        assert!((deviation - 0.4 / 12f32.sqrt()).abs() < 2e-3, "{deviation}");
    }

    #[test]
    fn a_longer_text_has_the_same_noise_at_its_beginning() {
        let short = noise(0).factors(Place::SelfWeights, 2, 3, 3).unwrap();
        let long = noise(0).factors(Place::SelfWeights, 2, 5, 7).unwrap();
        for (at, value) in short.iter().enumerate() {
            let (group, row, column) = (at / 9, at / 3 % 3, at % 3);
            assert_eq!(*value, long[(group * 5 + row) * 7 + column]);
        }
        assert_ne!(short, noise(1).factors(Place::SelfWeights, 2, 3, 3).unwrap());
        assert_ne!(short, noise(0).factors(Place::CrossWeights, 2, 3, 3).unwrap());
    }
}
