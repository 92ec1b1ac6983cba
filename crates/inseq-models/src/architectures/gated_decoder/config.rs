//! `config.json` of Llama and its kin.

use serde::Deserialize;
use serde_json::Value;

use super::{Kind, Windows};
use crate::Result;
use crate::architectures::rope::{RopeContext, RopeParameters};
use crate::architectures::sizes::{HEADS, LAYERS, VOCABULARY, WIDTH, check, check_multiple, check_positive, invalid};
use crate::layers::{Activation, Visibility};
use crate::model::Scheme;

/// `config.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) num_key_value_heads: Option<usize>,
    pub(super) head_dim: Option<usize>,
    pub(super) hidden_act: Option<Activation>,
    pub(super) hidden_activation: Option<Activation>,
    pub(super) rms_norm_eps: f64,
    pub(super) max_position_embeddings: Option<usize>,
    pub(super) original_max_position_embeddings: Option<usize>,
    pub(super) rope_theta: Option<f64>,
    pub(super) rope_local_base_freq: Option<f64>,
    pub(super) partial_rotary_factor: Option<f64>,
    pub(super) rope_scaling: Option<RopeParameters>,
    pub(super) rope_parameters: Option<Value>,
    pub(super) sliding_window: Option<usize>,
    #[serde(default)]
    pub(super) use_sliding_window: bool,
    pub(super) max_window_layers: Option<usize>,
    pub(super) sliding_window_pattern: Option<usize>,
    pub(super) layer_types: Option<Vec<String>>,
    pub(super) attention_bias: Option<bool>,
    #[serde(default)]
    pub(super) mlp_bias: bool,
    pub(super) tie_word_embeddings: Option<bool>,
    pub(super) query_pre_attn_scalar: Option<f64>,
    pub(super) attn_logit_softcapping: Option<f32>,
    pub(super) final_logit_softcapping: Option<f32>,
}

impl Config {
    pub(super) fn key_value_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    pub(super) fn head_dim(&self) -> usize {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads.max(1))
    }

    pub(super) fn validate(&self) -> Result<()> {
        check(&[
            ("vocab_size", self.vocab_size, VOCABULARY),
            ("hidden_size", self.hidden_size, WIDTH),
            ("intermediate_size", self.intermediate_size, 4 * WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, LAYERS),
            ("num_attention_heads", self.num_attention_heads, HEADS),
            ("num_key_value_heads", self.key_value_heads(), HEADS),
            ("head_dim", self.head_dim(), WIDTH),
            ("sliding_window", self.sliding_window.unwrap_or(1), usize::MAX),
            ("sliding_window_pattern", self.sliding_window_pattern.unwrap_or(1), usize::MAX),
        ])?;
        if self.head_dim.is_none() {
            check_multiple("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads)?;
        }
        let heads = self.num_attention_heads;
        check_multiple("num_attention_heads", heads, "num_key_value_heads", self.key_value_heads())?;
        if let Some(types) = &self.layer_types
            && types.len() != self.num_hidden_layers
        {
            return invalid(format!(
                "`layer_types` has {} layers, but `num_hidden_layers` is {}",
                types.len(),
                self.num_hidden_layers
            ));
        }
        check_positive(&[
            ("rms_norm_eps", self.rms_norm_eps),
            ("query_pre_attn_scalar", self.query_pre_attn_scalar.unwrap_or(1.0)),
            ("attn_logit_softcapping", f64::from(self.attn_logit_softcapping.unwrap_or(1.0))),
            ("final_logit_softcapping", f64::from(self.final_logit_softcapping.unwrap_or(1.0))),
        ])
    }

    /// The window of a layer.
    pub(super) fn window(&self, kind: &Kind, layer: usize) -> Result<Option<usize>> {
        let windowed = match (&self.layer_types, &kind.windows) {
            (Some(types), Windows::Upper | Windows::AllBut(_)) => match types[layer].as_str() {
                "sliding_attention" => true,
                "full_attention" => false,
                other => {
                    return invalid(format!(
                        "`layer_types` has `{other}`; supported: full_attention, sliding_attention"
                    ));
                }
            },
            (_, Windows::None) => false,
            (_, Windows::All) => true,
            (None, Windows::Upper) => layer >= self.max_window_layers.unwrap_or(0),
            (None, Windows::AllBut(every)) => {
                !(layer + 1).is_multiple_of(self.sliding_window_pattern.unwrap_or(*every))
            }
        };
        let off = matches!(kind.windows, Windows::Upper) && !self.use_sliding_window;
        Ok(self.sliding_window.filter(|_| windowed && !off))
    }

    /// The schemes of layers that see everything and of those that see a window.
    pub(super) fn schemes(&self, kind: &Kind) -> Result<Vec<Scheme>> {
        let given = |part: Option<&str>| -> Result<RopeParameters> {
            let value = self.rope_parameters.as_ref().map(|all| part.and_then(|part| all.get(part)).unwrap_or(all));
            match value {
                Some(value) => serde_json::from_value(value.clone())
                    .or_else(|error| invalid(format!("`rope_parameters`: {error}"))),
                None => Ok(self.rope_scaling.clone().unwrap_or_default()),
            }
        };
        let by_layer = self.rope_parameters.as_ref().is_some_and(|all| all.get("full_attention").is_some());
        let has_local = self.rope_local_base_freq.is_some();
        let mut full = given(by_layer.then_some("full_attention"))?;
        full.rope_theta = full.rope_theta.or(self.rope_theta);
        full.partial_rotary_factor = full.partial_rotary_factor.or(self.partial_rotary_factor);
        let windowed = match (by_layer, has_local) {
            (true, _) => given(Some("sliding_attention"))?,
            (false, true) => RopeParameters::plain(self.rope_local_base_freq),
            (false, false) => full.clone(),
        };
        let scheme = |parameters: &RopeParameters, window| -> Result<Scheme> {
            let context = RopeContext {
                head_dim: self.head_dim(),
                theta: 10_000.0,
                positions: self.max_position_embeddings,
                original_positions: self.original_max_position_embeddings,
            };
            let visibility = Visibility { causal: true, window, bias: None };
            Ok(Scheme { visibility, rotary: Some(parameters.rotary(&context)?) })
        };
        let window = (0..self.num_hidden_layers).find_map(|layer| self.window(kind, layer).transpose()).transpose()?;
        let mut schemes = vec![scheme(&full, None)?];
        if window.is_some() {
            schemes.push(scheme(&windowed, window)?);
        }
        Ok(schemes)
    }
}
