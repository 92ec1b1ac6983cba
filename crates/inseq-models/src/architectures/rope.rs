//! Rotary frequencies in `config.json`, and their scaling to longer texts.

use inseq_core::mismatch::{self, Mismatch};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::sizes::invalid;
use crate::Result;
use crate::layers::{Rotary, Stretch};

/// The fields of `config.json` for rotary positions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RopeFields {
    rope_parameters: Option<Map<String, Value>>,
    /// Name of the parameters before version 5 of transformers; it takes precedence.
    rope_scaling: Option<Map<String, Value>>,
    rope_theta: Option<f64>,
    rope_local_base_freq: Option<f64>,
    rotary_emb_base: Option<f64>,
    partial_rotary_factor: Option<f64>,
    rotary_pct: Option<f64>,
    max_position_embeddings: Option<usize>,
    original_max_position_embeddings: Option<f64>,
}

/// Rules of a family's configuration class for these fields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeFamily {
    /// All features of a head are rotated.
    Llama,
    /// The share `partial_rotary_factor` of a head's features is rotated. LongRoPE is the only scaling, and generation computes
    /// all keys again when a text exceeds the limit of the short factors.
    Phi3,
    /// The share `rotary_pct` of a head's features is rotated, with the base `rotary_emb_base`.
    GptNeoX,
    /// Layers with and without a window have separate parameters.
    Gemma3,
}

/// Layers of a set of parameters, in families that distinguish them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Layers {
    /// Layers without a window.
    Full,
    /// Layers with a window.
    Windowed,
}

impl Layers {
    /// Name in `layer_types`.
    fn name(self) -> &'static str {
        match self {
            Layers::Full => "full_attention",
            Layers::Windowed => "sliding_attention",
        }
    }
}

/// Facts that all layers of a model share.
#[derive(Clone, Copy, Debug)]
pub(super) struct RopeContext {
    /// Family, which defines the rules for the fields.
    pub(super) family: RopeFamily,
    /// Number of features per head.
    pub(super) head_dim: usize,
}

/// One set of parameters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    rope_type: Option<String>,
    #[serde(rename = "type")]
    old_type: Option<String>,
    rope_theta: Option<f64>,
    partial_rotary_factor: Option<f64>,
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

impl RopeFields {
    /// The rotations of some layers.
    pub(super) fn rotary(&self, context: &RopeContext, layers: Layers) -> Result<Rotary> {
        let parameters = self.parameters(context, layers)?;
        Frequencies { fields: self, parameters: &parameters, context }.rotary()
    }

    /// The parameters of some layers, including fields outside the set.
    fn parameters(&self, context: &RopeContext, layers: Layers) -> Result<Parameters> {
        let (theta, share) = match context.family {
            RopeFamily::Llama | RopeFamily::Phi3 => (self.rope_theta, self.partial_rotary_factor),
            RopeFamily::GptNeoX => (self.rotary_emb_base, self.rotary_pct),
            RopeFamily::Gemma3 if layers == Layers::Windowed => (self.rope_local_base_freq, self.partial_rotary_factor),
            RopeFamily::Gemma3 => (self.rope_theta, self.partial_rotary_factor),
        };
        let mut parameters = match context.family {
            RopeFamily::Gemma3 => self.of_layers(layers)?,
            _ => self.of_all()?,
        };
        parameters.rope_theta = parameters.rope_theta.or(theta);
        parameters.partial_rotary_factor = parameters.partial_rotary_factor.or(share);
        let beside = match context.family {
            RopeFamily::Gemma3 => None,
            _ => self.original_max_position_embeddings,
        };
        parameters.original_max_position_embeddings = beside.or(parameters.original_max_position_embeddings);
        Ok(parameters)
    }

    /// One set for all layers. An empty `rope_scaling` counts as absent.
    fn of_all(&self) -> Result<Parameters> {
        let (name, map) = match &self.rope_scaling {
            Some(scaling) if !scaling.is_empty() => ("rope_scaling", scaling.clone()),
            _ => ("rope_parameters", self.rope_parameters.clone().unwrap_or_default()),
        };
        if let Some(layers) =
            [Layers::Full, Layers::Windowed].into_iter().find(|layers| map.contains_key(layers.name()))
        {
            return invalid(format!(
                "`{name}` has parameters for `{}` alone, but all layers of this model type rotate alike; write them into \
                 `{name}` itself",
                layers.name()
            ));
        }
        parse(name, map)
    }

    /// A set for each kind of layers in `rope_parameters`; `rope_scaling` changes the set of layers without a window.
    fn of_layers(&self, layers: Layers) -> Result<Parameters> {
        let found = self.rope_parameters.as_ref().map(|all| all.get(layers.name()).unwrap_or(&Value::Null));
        let mut map = match found {
            Some(Value::Object(map)) => map.clone(),
            // Those of a file without any are written out, so that only `rope_type` can change them.
            None => Map::from_iter([("rope_type".to_owned(), "default".into())]),
            Some(Value::Null) => Map::new(),
            Some(other) => {
                return invalid(format!("`rope_parameters.{}` must be an object, found {other}", layers.name()));
            }
        };
        if let (Some(scaling), Layers::Full) = (&self.rope_scaling, layers) {
            if found == Some(&Value::Null) {
                return invalid(
                    "`rope_scaling` changes `rope_parameters.full_attention`, which is missing; write the parameters there",
                );
            }
            map.extend(scaling.clone());
        }
        parse(&format!("rope_parameters.{}", layers.name()), map)
    }
}

fn parse(name: &str, map: Map<String, Value>) -> Result<Parameters> {
    mismatch::read(&Value::Object(map)).or_else(|Mismatch { path, message }| match path.as_str() {
        "" => invalid(format!("`{name}`: {message}")),
        path => invalid(format!("`{name}.{path}`: {message}")),
    })
}

/// Computes the frequencies of a set of parameters.
struct Frequencies<'a> {
    fields: &'a RopeFields,
    parameters: &'a Parameters,
    context: &'a RopeContext,
}

const TYPES: &str = "default, linear, dynamic, yarn, longrope, llama3, proportional";

impl Frequencies<'_> {
    fn rotary(&self) -> Result<Rotary> {
        let Parameters { rope_type, old_type, rope_theta, partial_rotary_factor, .. } = self.parameters;
        let kind = rope_type.as_deref().or(old_type.as_deref()).unwrap_or("default");
        let (family, head_dim) = (self.context.family, self.context.head_dim);
        let Some(theta) = *rope_theta else {
            return invalid("the base of the rotary positions (`rope_theta`) is null");
        };
        let rotates_part = matches!(family, RopeFamily::Phi3 | RopeFamily::GptNeoX);
        // As in transformers, unscaled frequencies of a family that rotates whole heads do not look at the share.
        let share = partial_rotary_factor.filter(|_| rotates_part || kind != "default").unwrap_or(1.0);
        if !(theta.is_finite() && theta > 0.0 && share > 0.0 && share <= 1.0) {
            return invalid(format!(
                "`rope_theta` ({theta}) must be a positive number, and `partial_rotary_factor` ({share}) at most 1"
            ));
        }
        let rotated = match kind {
            "proportional" => head_dim,
            _ => (head_dim as f64 * share) as usize,
        };
        if rotated == 0 || rotated.next_multiple_of(2) > head_dim {
            return invalid(format!(
                "`partial_rotary_factor` ({share}) rotates {rotated} features of a head of {head_dim}; it must be an even \
                 number, and at least 2"
            ));
        }
        if !rotates_part && rotated != head_dim {
            return invalid(format!(
                "`partial_rotary_factor` is {share} beside the `rope_type` `{kind}`, but models of this type rotate whole \
                 heads; remove it"
            ));
        }
        let plain = Rotary::new(rotated, theta);
        let rotary = match (kind, family) {
            ("default", _) => Ok(plain),
            ("longrope" | "su" | "yarn", RopeFamily::Phi3) => self.longrope(plain, true),
            (other, RopeFamily::Phi3) => {
                invalid(format!("`rope_type` is `{other}`; that of this model type is default or longrope (or su)"))
            }
            ("linear", _) => {
                let factor = positive("factor", self.parameters.factor)?;
                Ok(plain.map(|_, frequency| frequency / factor))
            }
            ("dynamic", _) => self.dynamic(plain, theta, rotated),
            ("yarn", _) => self.yarn(plain, theta, rotated),
            ("longrope", _) => self.longrope(plain, false),
            ("llama3", _) => self.llama3(plain),
            ("proportional", _) => self.proportional(plain, partial_rotary_factor.unwrap_or(1.0)),
            (other, _) => invalid(format!("`rope_type` is `{other}`, which is not supported; supported: {TYPES}")),
        }?;
        check(rotary)
    }

    /// Number of positions of the model.
    fn positions(&self) -> Option<f64> {
        self.fields.max_position_embeddings.map(|positions| positions as f64)
    }

    /// Number of positions in training, before the scaling.
    fn original(&self) -> Result<f64> {
        let own = self.parameters.original_max_position_embeddings.or(self.positions());
        positive("original_max_position_embeddings", own)
    }

    /// Dynamic NTK: the base grows with the length of the text.
    fn dynamic(&self, plain: Rotary, base: f64, rotated: usize) -> Result<Rotary> {
        let factor = positive("factor", self.parameters.factor)?;
        let limit = positive("max_position_embeddings", self.positions())? as usize;
        if rotated <= 2 {
            return invalid(format!(
                "`rope_type` is `dynamic`, which needs heads of more than 2 features, found {rotated}"
            ));
        }
        Ok(Rotary { stretch: Stretch::Dynamic { limit, factor, base, rotated }, ..plain })
    }

    /// Llama 3.1: low frequencies are reduced, high ones stay, those between are interpolated.
    fn llama3(&self, plain: Rotary) -> Result<Rotary> {
        let factor = positive("factor", self.parameters.factor)?;
        let low = positive("low_freq_factor", self.parameters.low_freq_factor)?;
        let high = positive("high_freq_factor", self.parameters.high_freq_factor)?;
        let original = self.original()?;
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
    fn yarn(&self, plain: Rotary, theta: f64, rotated: usize) -> Result<Rotary> {
        let &Parameters { attention_factor, beta_fast, beta_slow, mscale, mscale_all_dim, truncate, .. } =
            self.parameters;
        if !rotated.is_multiple_of(2) {
            return invalid(format!(
                "`rope_type` is `yarn`, which rotates an even number of features, found {rotated}"
            ));
        }
        let original = self.original()?;
        // Without a factor, the numbers of positions say it.
        let said = self.parameters.original_max_position_embeddings.and(self.positions());
        let factor = positive("factor", self.parameters.factor.or(said.map(|positions| positions / original)))?;
        let scale = |by: f64| if factor <= 1.0 { 1.0 } else { 0.1 * by * factor.ln() + 1.0 };
        let given = |value: Option<f64>| value.filter(|value| *value != 0.0);
        let attention = attention_factor.unwrap_or(match (given(mscale), given(mscale_all_dim)) {
            (Some(of), Some(all)) => scale(of) / scale(all),
            _ => scale(1.0),
        });
        let dimension =
            |turns: f64| rotated as f64 * (original / (turns * 2.0 * std::f64::consts::PI)).ln() / (2.0 * theta.ln());
        let (mut first, mut last) =
            (dimension(given(beta_fast).unwrap_or(32.0)), dimension(given(beta_slow).unwrap_or(1.0)));
        // Parameters by layer are not asked for `truncate` by transformers.
        if truncate.unwrap_or(true) || self.context.family == RopeFamily::Gemma3 {
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
    fn longrope(&self, plain: Rotary, renews_keys: bool) -> Result<Rotary> {
        let original = self.original()?;
        let factor = self.parameters.factor.or(self.positions().map(|positions| positions / original));
        let factor = positive("factor", factor)?;
        let attention = self
            .parameters
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
        let frequencies = divided("long_factor", &self.parameters.long_factor)?.frequencies;
        let short = divided("short_factor", &self.parameters.short_factor)?;
        let stretch = Stretch::Beyond { limit: original as usize, frequencies, renews_keys };
        Ok(Rotary { scale: attention as f32, stretch, ..short })
    }

    /// The highest frequencies of a whole head; the other features do not rotate.
    fn proportional(&self, plain: Rotary, share: f64) -> Result<Rotary> {
        let turning = (share * self.context.head_dim as f64 / 2.0) as usize;
        let factor = positive("factor", Some(self.parameters.factor.unwrap_or(1.0)))?;
        Ok(plain.map(|pair, frequency| if pair < turning { frequency / factor } else { 0.0 }))
    }
}

/// Refuses frequencies that are not finite.
fn check(rotary: Rotary) -> Result<Rotary> {
    let long = match &rotary.stretch {
        Stretch::Beyond { frequencies, .. } => frequencies.as_slice(),
        _ => &[],
    };
    if !rotary.scale.is_finite() || !rotary.frequencies.iter().chain(long).all(|frequency| frequency.is_finite()) {
        return invalid("the parameters of the rotary positions give frequencies that are no numbers");
    }
    Ok(rotary)
}

fn positive(name: &str, value: Option<f64>) -> Result<f64> {
    match value {
        Some(value) if value.is_finite() && value > 0.0 => Ok(value),
        Some(value) => invalid(format!("`{name}` of the rotary positions must be a positive number, found {value}")),
        None => invalid(format!("`{name}` of the rotary positions is missing")),
    }
}
