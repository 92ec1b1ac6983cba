//! `config.json` of Llama and related models.

use indexmap::IndexSet;
use serde::Deserialize;

use super::kind::{Kind, Windows};
use crate::Result;
use crate::architectures::rope::{Layers, RopeContext, RopeFields};
use crate::architectures::sizes::{
    EXPERTS, HEADS, LAYERS, TAPS, VOCABULARY, WIDTH, check, check_multiple, check_positive, invalid,
};
use crate::layers::{Activation, Visibility};
use crate::model::Scheme;

/// `config.json`. A field that some models of the layout do not have is absent if it is not in their table of fields.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) num_key_value_heads: Option<usize>,
    pub(super) head_dim: Option<usize>,
    /// The field has one of these names.
    #[serde(alias = "hidden_activation", default = "silu")]
    pub(super) hidden_act: Activation,
    #[serde(alias = "norm_eps")]
    pub(super) rms_norm_eps: f64,
    pub(super) sliding_window: Option<usize>,
    #[serde(default)]
    pub(super) use_sliding_window: bool,
    #[serde(default)]
    pub(super) max_window_layers: usize,
    pub(super) sliding_window_pattern: Option<usize>,
    pub(super) layer_types: Option<Vec<String>>,
    /// For each layer, 1 if queries and keys are rotated.
    pub(super) no_rope_layers: Option<Vec<u8>>,
    pub(super) no_rope_layer_interval: Option<usize>,
    #[serde(default)]
    pub(super) attention_bias: bool,
    #[serde(default)]
    pub(super) mlp_bias: bool,
    pub(super) tie_word_embeddings: bool,
    pub(super) query_pre_attn_scalar: Option<f64>,
    pub(super) attn_logit_softcapping: Option<f32>,
    pub(super) final_logit_softcapping: Option<f32>,
    #[serde(default = "one")]
    pub(super) num_local_experts: usize,
    #[serde(default = "one")]
    pub(super) num_experts_per_tok: usize,
    /// Layers with attention, if `layer_types` is absent; by default all layers.
    full_attn_idxs: Option<Vec<usize>>,
    /// Number of positions that a short convolution reads, including its own.
    #[serde(rename = "conv_L_cache", default = "one")]
    pub(super) conv_taps: usize,
    #[serde(default)]
    pub(super) conv_bias: bool,
    /// Whether the inner size is two thirds of `intermediate_size`.
    #[serde(default)]
    block_auto_adjust_ff_dim: bool,
    /// Factor of the inner size, which is then rounded up to the next multiple.
    block_ffn_dim_multiplier: Option<f64>,
    #[serde(default = "one")]
    block_multiple_of: usize,
    pub(super) use_bidirectional_attention: Option<bool>,
}

/// Default number: of experts, the feed-forward itself; of taps, the position itself; of multiples, every size.
fn one() -> usize {
    1
}

/// Activation of models without this field.
fn silu() -> Activation {
    Activation::Silu
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
            ("intermediate_size, adjusted", self.inner_size(), 4 * WIDTH),
            ("conv_L_cache", self.conv_taps, TAPS),
            ("block_multiple_of", self.block_multiple_of, WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, LAYERS),
            ("num_attention_heads", self.num_attention_heads, HEADS),
            ("num_key_value_heads", self.key_value_heads(), HEADS),
            ("head_dim", self.head_dim(), WIDTH),
            ("sliding_window_pattern", self.sliding_window_pattern.unwrap_or(1), usize::MAX),
            ("no_rope_layer_interval", self.no_rope_layer_interval.unwrap_or(1), usize::MAX),
            ("num_local_experts", self.num_local_experts, EXPERTS),
            ("num_experts_per_tok", self.num_experts_per_tok, self.num_local_experts),
        ])?;
        if self.head_dim.is_none() {
            check_multiple("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads)?;
        }
        let heads = self.num_attention_heads;
        check_multiple("num_attention_heads", heads, "num_key_value_heads", self.key_value_heads())?;
        let lists = [
            ("layer_types", self.layer_types.as_ref().map(Vec::len)),
            ("no_rope_layers", self.no_rope_layers.as_ref().map(Vec::len)),
        ];
        if let Some((name, Some(count))) =
            lists.into_iter().find(|(_, count)| count.is_some_and(|count| count != self.num_hidden_layers))
        {
            let layers = self.num_hidden_layers;
            return invalid(format!("`{name}` has {count} layers, but `num_hidden_layers` is {layers}"));
        }
        if self.use_bidirectional_attention == Some(true) {
            return invalid(
                "`use_bidirectional_attention` is true, but only models that see no later token are supported",
            );
        }
        check_positive(&[
            ("rms_norm_eps", self.rms_norm_eps),
            ("block_ffn_dim_multiplier", self.block_ffn_dim_multiplier.unwrap_or(1.0)),
            ("query_pre_attn_scalar", self.query_pre_attn_scalar.unwrap_or(1.0)),
            ("attn_logit_softcapping", f64::from(self.attn_logit_softcapping.unwrap_or(1.0))),
            ("final_logit_softcapping", f64::from(self.final_logit_softcapping.unwrap_or(1.0))),
        ])
    }

    /// Whether a layer has a short convolution instead of a self-attention.
    ///
    /// # Errors
    /// `layer_types` has an unknown type for the layer.
    pub(super) fn is_convolution(&self, kind: &Kind, layer: usize) -> Result<bool> {
        match &self.layer_types {
            _ if !kind.convolutions => Ok(false),
            None => Ok(self.full_attn_idxs.as_ref().is_some_and(|layers| !layers.contains(&layer))),
            Some(types) => match types[layer].as_str() {
                "conv" => Ok(true),
                "full_attention" => Ok(false),
                other => invalid(format!("`layer_types` has `{other}`; supported: conv, full_attention")),
            },
        }
    }

    /// Size of the feed-forward's inner layer.
    pub(super) fn inner_size(&self) -> usize {
        if !self.block_auto_adjust_ff_dim {
            return self.intermediate_size;
        }
        let size = (2.0 * self.intermediate_size as f64 / 3.0) as usize;
        match self.block_ffn_dim_multiplier {
            Some(times) => {
                ((times * size as f64) as usize).checked_next_multiple_of(self.block_multiple_of).unwrap_or(usize::MAX)
            }
            None => size,
        }
    }

    /// The window of a layer.
    fn window(&self, kind: &Kind, layer: usize) -> Result<Option<usize>> {
        let windowed = match (&self.layer_types, &kind.windows) {
            (_, Windows::None) => false,
            (_, Windows::All) => true,
            (Some(types), _) => match types[layer].as_str() {
                "sliding_attention" => true,
                "full_attention" => false,
                other => {
                    return invalid(format!(
                        "`layer_types` has `{other}`; supported: full_attention, sliding_attention"
                    ));
                }
            },
            (None, Windows::Upper) => layer >= self.max_window_layers,
            (None, Windows::Unrotated) => !self.rotates(layer),
            (None, Windows::AllBut(every)) => {
                !(layer + 1).is_multiple_of(self.sliding_window_pattern.unwrap_or(*every))
            }
        };
        let off = matches!(kind.windows, Windows::Upper | Windows::Unrotated) && !self.use_sliding_window;
        match self.sliding_window.filter(|_| windowed && !off) {
            Some(0) => invalid("`sliding_window` must be at least 1 where layers have windows, found 0"),
            window => Ok(window),
        }
    }

    /// Whether a layer rotates queries and keys.
    fn rotates(&self, layer: usize) -> bool {
        match (&self.no_rope_layers, self.no_rope_layer_interval) {
            (Some(rotated), _) => rotated[layer] != 0,
            (None, Some(every)) => !(layer + 1).is_multiple_of(every),
            (None, None) => true,
        }
    }

    /// The position schemes (mask and rotation), and the index of each layer's scheme.
    pub(super) fn schemes(&self, kind: &Kind, rope: &RopeFields) -> Result<(Vec<Scheme>, Vec<usize>)> {
        let context = RopeContext { family: kind.rope, head_dim: self.head_dim() };
        let scheme = |&(window, rotates): &(Option<usize>, bool)| -> Result<Scheme> {
            let layers = if window.is_some() { Layers::Windowed } else { Layers::Full };
            let visibility = Visibility { causal: true, window, bias: None };
            Ok(Scheme { visibility, rotary: rotates.then(|| rope.rotary(&context, layers)).transpose()? })
        };
        let mut sights = IndexSet::new();
        let of_layer = (0..self.num_hidden_layers)
            .map(|layer| Ok(sights.insert_full((self.window(kind, layer)?, self.rotates(layer))).0))
            .collect::<Result<_>>()?;
        Ok((sights.iter().map(scheme).collect::<Result<_>>()?, of_layer))
    }
}
