//! Rotary frequencies as `config.json` describes them, with the ways of stretching them to longer texts.

use serde::Deserialize;

use super::sizes::invalid;
use crate::Result;
use crate::layers::Rotary;

/// `rope_parameters`, or `rope_scaling` of older configurations.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RopeParameters {
    rope_type: Option<String>,
    #[serde(rename = "type")]
    old_type: Option<String>,
    pub(super) rope_theta: Option<f64>,
    pub(super) partial_rotary_factor: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
    attention_factor: Option<f64>,
    beta_fast: Option<f64>,
    beta_slow: Option<f64>,
    mscale: Option<f64>,
    mscale_all_dim: Option<f64>,
    truncate: Option<bool>,
    long_factor: Option<Vec<f64>>,
    short_factor: Option<Vec<f64>>,
}

/// What the frequencies depend on beside their parameters.
pub(super) struct RopeContext {
    /// Size of a head, of which `partial_rotary_factor` is rotated.
    pub(super) head_dim: usize,
    /// Base of the frequencies where the parameters have none.
    pub(super) theta: f64,
    /// `max_position_embeddings`.
    pub(super) positions: Option<usize>,
    /// `original_max_position_embeddings`, where it stands beside the parameters.
    pub(super) original_positions: Option<usize>,
}

const TYPES: &str = "default, linear, llama3, yarn, longrope";

impl RopeParameters {
    /// Unscaled rotations by a base.
    pub(super) fn plain(theta: Option<f64>) -> Self {
        Self { rope_theta: theta, ..Self::default() }
    }

    /// The rotations that these parameters mean.
    pub(super) fn rotary(&self, context: &RopeContext) -> Result<Rotary> {
        let theta = self.rope_theta.unwrap_or(context.theta);
        let share = self.partial_rotary_factor.unwrap_or(1.0);
        let rotated = (context.head_dim as f64 * share) as usize / 2 * 2;
        if !(theta.is_finite() && theta > 0.0) || rotated == 0 || rotated > context.head_dim {
            return invalid(format!(
                "`rope_theta` ({theta}) and `partial_rotary_factor` ({share}) cannot rotate heads of {} features",
                context.head_dim
            ));
        }
        let plain = Rotary::new(rotated, theta);
        let rotary = match self.rope_type.as_deref().or(self.old_type.as_deref()).unwrap_or("default") {
            "default" => Ok(plain),
            "linear" => {
                let factor = positive("factor", self.factor)?;
                Ok(plain.map(|_, frequency| frequency / factor))
            }
            "llama3" => self.llama3(plain),
            "yarn" => self.yarn(plain, theta, rotated, context),
            "longrope" | "su" => self.longrope(plain, context),
            other => invalid(format!("`rope_type` is `{other}`, which is not supported; supported: {TYPES}")),
        }?;
        let beyond = rotary.beyond.iter().flat_map(|(_, frequencies)| frequencies);
        if !rotary.scale.is_finite() || !rotary.frequencies.iter().chain(beyond).all(|frequency| frequency.is_finite())
        {
            return invalid("the parameters of the rotary positions give frequencies that are no numbers");
        }
        Ok(rotary)
    }

    fn original(&self, context: &RopeContext) -> Result<f64> {
        let beside = context.original_positions.or(context.positions).map(|positions| positions as f64);
        positive("original_max_position_embeddings", self.original_max_position_embeddings.or(beside))
    }

    /// Llama 3.1: long waves are slowed down, short ones stay, those between are mixed.
    fn llama3(&self, plain: Rotary) -> Result<Rotary> {
        let factor = positive("factor", self.factor)?;
        let low = positive("low_freq_factor", self.low_freq_factor)?;
        let high = positive("high_freq_factor", self.high_freq_factor)?;
        let original = positive("original_max_position_embeddings", self.original_max_position_embeddings)?;
        Ok(plain.map(|_, frequency| {
            let wavelength = 2.0 * std::f64::consts::PI / frequency;
            if wavelength < original / high {
                frequency
            } else if wavelength > original / low {
                frequency / factor
            } else {
                let share = (original / wavelength - low) / (high - low);
                (1.0 - share) * frequency / factor + share * frequency
            }
        }))
    }

    /// YaRN (Peng et al., 2023, <https://arxiv.org/abs/2309.00071>).
    fn yarn(&self, plain: Rotary, theta: f64, rotated: usize, context: &RopeContext) -> Result<Rotary> {
        let original = self.original(context)?;
        let stretched = context.positions.map(|positions| positions as f64 / original);
        let factor = positive("factor", self.factor.or(stretched))?;
        let scale = |by: f64| if factor <= 1.0 { 1.0 } else { 0.1 * by * factor.ln() + 1.0 };
        let attention = self.attention_factor.unwrap_or(match (self.mscale, self.mscale_all_dim) {
            (Some(of), Some(all)) if of != 0.0 && all != 0.0 => scale(of) / scale(all),
            _ => scale(1.0),
        });
        let dimension =
            |turns: f64| rotated as f64 * (original / (turns * 2.0 * std::f64::consts::PI)).ln() / (2.0 * theta.ln());
        let (mut first, mut last) =
            (dimension(self.beta_fast.unwrap_or(32.0)), dimension(self.beta_slow.unwrap_or(1.0)));
        if self.truncate.unwrap_or(true) {
            (first, last) = (first.floor(), last.ceil());
        }
        let (first, mut last) = (first.max(0.0), last.min(rotated as f64 - 1.0));
        if first == last {
            last += 0.001;
        }
        let stretched = plain.map(|pair, frequency| {
            let slow = ((pair as f64 - first) / (last - first)).clamp(0.0, 1.0);
            frequency / factor * slow + frequency * (1.0 - slow)
        });
        Ok(Rotary { scale: attention as f32, ..stretched })
    }

    /// LongRoPE (Ding et al., 2024, <https://arxiv.org/abs/2402.13753>).
    fn longrope(&self, plain: Rotary, context: &RopeContext) -> Result<Rotary> {
        let original = self.original(context)?;
        let stretched = context.positions.map(|positions| positions as f64 / original);
        let factor = self.factor.or(stretched).unwrap_or(1.0);
        let attention = self
            .attention_factor
            .unwrap_or_else(|| if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / original.ln()).sqrt() });
        let divided = |name: &str, factors: &Option<Vec<f64>>| match factors {
            Some(factors) if factors.len() == plain.frequencies.len() => {
                Ok(plain.clone().map(|pair, frequency| frequency / factors[pair]))
            }
            factors => invalid(format!(
                "`{name}` must have {} numbers, found {}",
                plain.frequencies.len(),
                factors.as_ref().map_or(0, Vec::len)
            )),
        };
        let long = divided("long_factor", &self.long_factor)?.frequencies;
        let short = divided("short_factor", &self.short_factor)?;
        Ok(Rotary { scale: attention as f32, beyond: Some((original as usize, long)), ..short })
    }
}

fn positive(name: &str, value: Option<f64>) -> Result<f64> {
    match value {
        Some(value) if value.is_finite() && value > 0.0 => Ok(value),
        Some(value) => invalid(format!("`{name}` of the rotary positions must be a positive number, found {value}")),
        None => invalid(format!("`{name}` of the rotary positions is missing")),
    }
}
