//! T5, with v1.1, FLAN and ByT5.
//!
//! Raffel et al., 2019, <https://arxiv.org/abs/1910.10683>; ByT5: Xue et al., 2021, <https://arxiv.org/abs/2105.13626>.

use std::sync::Arc;

use serde::Deserialize;

use super::dropout::DropoutFields;
use super::sizes::{HEADS, LAYERS, VOCABULARY, WIDTH, check, check_positive, invalid};
use super::{Architecture, LoadedModel, Loader};
use crate::Result;
use crate::checkpoint::Repository;
use crate::layers::{Activation, Attention, DistanceBias, Embedding, FeedForward, Linear, Visibility};
use crate::model::{Block, Dropout, Encoder, Entry, Exit, Model, Residual, Scheme, Stack, Sublayer};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "t5",
    title: "T5 (also v1.1, FLAN-T5, ByT5)",
    paper: "https://arxiv.org/abs/1910.10683",
    load: |repository, loader| {
        let kind = Kind { model_class: "T5ForConditionalGeneration", bias_per_layer: false, scales_output: true };
        load(&kind, repository, loader)
    },
};

const RATE: Option<(&str, f32)> = Some(("dropout_rate", 0.1));

/// Values are dropped everywhere, all at one rate.
const DROPOUT: DropoutFields = DropoutFields { entry: RATE, attention: RATE, inner: RATE, residual: RATE, exit: RATE };

/// What differs between the models of T5's layout.
pub(super) struct Kind {
    /// The class that transformers loads the checkpoint with.
    pub(super) model_class: &'static str,
    /// Every layer has a table of biases, not only the first.
    pub(super) bias_per_layer: bool,
    /// Tied heads see hidden states divided by the root of their width.
    pub(super) scales_output: bool,
}

/// `config.json`.
#[derive(Debug, Deserialize)]
struct Config {
    vocab_size: usize,
    d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_layers: usize,
    num_decoder_layers: Option<usize>,
    num_heads: usize,
    relative_attention_num_buckets: usize,
    /// Not in the configurations of the first models.
    #[serde(default = "max_distance")]
    relative_attention_max_distance: usize,
    #[serde(default = "epsilon")]
    layer_norm_epsilon: f64,
    #[serde(default = "relu")]
    feed_forward_proj: String,
    tie_word_embeddings: Option<bool>,
    decoder_start_token_id: Option<u32>,
    pad_token_id: Option<u32>,
}

fn max_distance() -> usize {
    128
}

fn epsilon() -> f64 {
    1e-6
}

fn relu() -> String {
    "relu".into()
}

impl Config {
    fn validate(&self) -> Result<()> {
        check(&[
            ("vocab_size", self.vocab_size, VOCABULARY),
            ("d_model", self.d_model, WIDTH),
            ("d_kv", self.d_kv, WIDTH),
            ("d_ff", self.d_ff, WIDTH),
            ("num_layers", self.num_layers, LAYERS),
            ("num_decoder_layers", self.decoder_layers(), LAYERS),
            ("num_heads", self.num_heads, HEADS),
            ("relative_attention_num_buckets", self.relative_attention_num_buckets, 1 << 16),
            ("relative_attention_max_distance", self.relative_attention_max_distance, 1 << 24),
            ("d_kv * num_heads", self.d_kv * self.num_heads, WIDTH),
        ])?;
        check_positive(&[("layer_norm_epsilon", self.layer_norm_epsilon)])?;
        if self.relative_attention_num_buckets < 4
            || self.relative_attention_max_distance <= self.relative_attention_num_buckets / 2
        {
            return invalid(format!(
                "`relative_attention_num_buckets` ({}) must be 4 at least, and `relative_attention_max_distance` ({}) above \
                 half of it",
                self.relative_attention_num_buckets, self.relative_attention_max_distance
            ));
        }
        Ok(())
    }

    fn decoder_layers(&self) -> usize {
        self.num_decoder_layers.unwrap_or(self.num_layers)
    }

    fn activation(&self) -> Result<(Activation, bool)> {
        let (gated, name) = match self.feed_forward_proj.strip_prefix("gated-") {
            // The first gated models were trained with the approximation.
            Some("gelu") => (true, "gelu_new"),
            Some(name) => (true, name),
            None => (false, self.feed_forward_proj.as_str()),
        };
        match serde_json::from_value(name.into()) {
            Ok(activation) => Ok((activation, gated)),
            Err(error) => invalid(format!("`feed_forward_proj` is `{}`: {error}", self.feed_forward_proj)),
        }
    }
}

/// Loads a checkpoint of T5's layout.
pub(super) fn load(kind: &Kind, repository: &Repository, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = repository.config()?;
    config.validate()?;
    let shape = [config.vocab_size, config.d_model];
    let names = ["shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"];
    let table = loader.weight(loader.first(&names), shape)?;
    let head = loader.head("lm_head", &table, false)?;
    let dropout = DROPOUT.read(repository)?;
    let mut decoder = stack(kind, &config, loader, "decoder", dropout)?;
    if kind.scales_output && config.tie_word_embeddings != Some(false) {
        let scale = (config.d_model as f32).powf(-0.5);
        decoder.exit.norm = decoder.exit.norm.map(|norm| norm.scaled(scale));
    }
    let model = Model {
        encoder: Some(Encoder {
            embedding: Embedding::new(table.clone(), 1.0),
            stack: stack(kind, &config, loader, "encoder", dropout)?,
        }),
        target_embedding: Embedding::new(table, 1.0),
        decoder,
        head,
        logit_cap: None,
    };
    Ok(LoadedModel::new(
        model,
        Some(config.decoder_start_token_id.or(config.pad_token_id).unwrap_or(0)),
        kind.model_class,
    ))
}

fn stack(kind: &Kind, config: &Config, loader: &Loader, side: &str, dropout: Dropout) -> Result<Stack> {
    let decoder = side == "decoder";
    let layers = if decoder { config.decoder_layers() } else { config.num_layers };
    let scheme = |layer: usize| -> Result<Scheme> {
        let name = format!("{side}.block.{layer}.layer.0.SelfAttention.relative_attention_bias.weight");
        let table = loader.values(&name, &[config.relative_attention_num_buckets, config.num_heads])?;
        let bias = DistanceBias::Buckets {
            table: Arc::from(table),
            heads: config.num_heads,
            max_distance: config.relative_attention_max_distance,
            bidirectional: !decoder,
        };
        Ok(Scheme { visibility: Visibility { causal: decoder, window: None, bias: Some(bias) }, rotary: None })
    };
    let schemes = if kind.bias_per_layer { layers } else { 1 };
    let norm = |name: &str| loader.rms_norm(name, config.d_model, config.layer_norm_epsilon, 0.0);
    let block = |layer: usize| -> Result<Block> {
        let name = format!("{side}.block.{layer}.layer");
        let feed_forward = format!("{name}.{}", if decoder { 2 } else { 1 });
        let attention = |index: usize, which: &str| -> Result<Sublayer<Attention>> {
            let name = format!("{name}.{index}");
            Ok(Sublayer::before(
                norm(&format!("{name}.layer_norm"))?,
                attention(config, loader, &format!("{name}.{which}"))?,
            ))
        };
        Ok(Block {
            self_attention: attention(0, "SelfAttention")?,
            cross_attention: decoder.then(|| attention(1, "EncDecAttention")).transpose()?,
            feed_forward: Sublayer::before(
                norm(&format!("{feed_forward}.layer_norm"))?,
                dense(config, loader, &format!("{feed_forward}.DenseReluDense"))?,
            ),
            residual: Residual::Sequential,
            scheme: if kind.bias_per_layer { layer } else { 0 },
        })
    };
    Ok(Stack {
        entry: Entry::default(),
        blocks: (0..layers).map(block).collect::<Result<_>>()?,
        schemes: (0..schemes).map(scheme).collect::<Result<_>>()?,
        exit: Exit { norm: Some(norm(&format!("{side}.final_layer_norm"))?), projection: None },
        dropout,
    })
}

fn attention(config: &Config, loader: &Loader, name: &str) -> Result<Attention> {
    let inner = config.d_kv * config.num_heads;
    let [key, value] = ["k", "v"].map(|which| format!("{name}.{which}"));
    let query = loader.linear_with(&format!("{name}.q"), config.d_model, inner, false)?;
    let key_value = loader.key_value([&key, &value], config.d_model, inner, false)?;
    let output = loader.linear_with(&format!("{name}.o"), inner, config.d_model, false)?;
    // The scale is part of the initialization.
    Ok(Attention { scale: 1.0, ..Attention::new(query, key_value, output, config.num_heads) })
}

fn dense(config: &Config, loader: &Loader, name: &str) -> Result<FeedForward> {
    let (activation, gated) = config.activation()?;
    let input = |which: &str| loader.linear_with(&format!("{name}.{which}"), config.d_model, config.d_ff, false);
    Ok(FeedForward {
        input: if gated { Linear::concatenate(vec![input("wi_0")?, input("wi_1")?]) } else { input("wi")? },
        activation,
        output: loader.linear_with(&format!("{name}.wo"), config.d_ff, config.d_model, false)?,
    })
}
