//! Marian: the translation models of Helsinki-NLP (opus-mt).
//!
//! Junczys-Dowmunt et al., 2018, <https://arxiv.org/abs/1804.00344>.

use serde::Deserialize;

use super::{Architecture, LoadedModel, Loader};
use crate::checkpoint::Repository;
use crate::layers::{Activation, Attention, Embedding, FeedForward, Linear, Visibility, sinusoidal_positions};
use crate::model::{Block, Encoder, Entry, Exit, Model, Norms, Residual, Scheme, Stack, Sublayer};
use crate::{Error, Result};

pub(super) const ARCHITECTURE: Architecture =
    Architecture { model_type: "marian", title: "Marian (opus-mt)", paper: "https://arxiv.org/abs/1804.00344", load };

/// `config.json`, with transformers' defaults.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    vocab_size: usize,
    decoder_vocab_size: Option<usize>,
    max_position_embeddings: usize,
    encoder_layers: usize,
    encoder_ffn_dim: usize,
    encoder_attention_heads: usize,
    decoder_layers: usize,
    decoder_ffn_dim: usize,
    decoder_attention_heads: usize,
    activation_function: Activation,
    d_model: usize,
    decoder_start_token_id: Option<u32>,
    pad_token_id: u32,
    scale_embedding: bool,
    share_encoder_decoder_embeddings: bool,
    tie_word_embeddings: bool,
    normalize_before: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            vocab_size: 58101,
            decoder_vocab_size: None,
            max_position_embeddings: 1024,
            encoder_layers: 12,
            encoder_ffn_dim: 4096,
            encoder_attention_heads: 16,
            decoder_layers: 12,
            decoder_ffn_dim: 4096,
            decoder_attention_heads: 16,
            activation_function: Activation::Gelu,
            d_model: 1024,
            decoder_start_token_id: Some(58100),
            pad_token_id: 58100,
            scale_embedding: false,
            share_encoder_decoder_embeddings: true,
            tie_word_embeddings: true,
            normalize_before: false,
        }
    }
}

/// Sizes beyond which a configuration is a mistake or an attack; every one is far above any published model.
const MOST: usize = 1 << 24;

impl Config {
    fn validate(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::Checkpoint { file: "config.json".into(), message });
        let sizes = [
            ("vocab_size", self.vocab_size, MOST),
            ("decoder_vocab_size", self.target_vocabulary(), MOST),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 20),
            ("encoder_layers", self.encoder_layers, 1000),
            ("encoder_ffn_dim", self.encoder_ffn_dim, 1 << 20),
            ("encoder_attention_heads", self.encoder_attention_heads, 1 << 12),
            ("decoder_layers", self.decoder_layers, 1000),
            ("decoder_ffn_dim", self.decoder_ffn_dim, 1 << 20),
            ("decoder_attention_heads", self.decoder_attention_heads, 1 << 12),
            ("d_model", self.d_model, 1 << 16),
        ];
        for (name, value, most) in sizes {
            if value == 0 || value > most {
                return invalid(format!("`{name}` must lie between 1 and {most}, found {value}"));
            }
        }
        let heads = [
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("decoder_attention_heads", self.decoder_attention_heads),
        ];
        for (name, heads) in heads {
            if !self.d_model.is_multiple_of(heads) {
                return invalid(format!("`d_model` ({}) is not a multiple of `{name}` ({heads})", self.d_model));
            }
        }
        if self.max_position_embeddings * self.d_model > 1 << 28 {
            return invalid(format!(
                "`max_position_embeddings` ({}) times `d_model` ({}) is larger than any model's",
                self.max_position_embeddings, self.d_model
            ));
        }
        if self.normalize_before {
            return invalid("`normalize_before` is true, which no Marian model in transformers has".into());
        }
        Ok(())
    }

    fn target_vocabulary(&self) -> usize {
        self.decoder_vocab_size.unwrap_or(self.vocab_size)
    }
}

fn load(repository: &Repository, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = repository.config()?;
    config.validate()?;
    let features = config.d_model;
    let scale = if config.scale_embedding { (features as f32).sqrt() } else { 1.0 };
    let (source, target) = (config.vocab_size, config.target_vocabulary());
    let (source_table, target_table) = if config.share_encoder_decoder_embeddings {
        let names = ["model.shared.weight", "model.encoder.embed_tokens.weight", "lm_head.weight"];
        let shared = loader.tensor(loader.first(&names), [source, features])?;
        (shared.clone(), shared)
    } else {
        (
            loader.tensor("model.encoder.embed_tokens.weight", [source, features])?,
            loader.tensor("model.decoder.embed_tokens.weight", [target, features])?,
        )
    };
    let head = if config.tie_word_embeddings || !loader.contains("lm_head.weight") {
        target_table.clone()
    } else {
        loader.tensor("lm_head.weight", [target, features])?
    };
    let bias = if loader.contains("final_logits_bias") {
        loader.tensor("final_logits_bias", [1, target])?.reshape([target])
    } else {
        loader.zeros([target])
    };
    // Files that have the table have it rounded to their type, and the model was run with it.
    let positions = |stack: &str| {
        let shape = [config.max_position_embeddings, features];
        let name = format!("model.{stack}.embed_positions.weight");
        if loader.contains(&name) {
            loader.tensor(&name, shape)
        } else {
            Ok(loader.computed(sinusoidal_positions(shape[0], features), shape))
        }
    };
    let stack = |name: &str, layers: usize, heads: usize, inner: usize, cross: bool| -> Result<Stack> {
        let blocks = (0..layers).map(|i| {
            let name = format!("model.{name}.layers.{i}");
            block(loader, &name, &config, heads, inner, cross)
        });
        let visibility = Visibility { causal: cross, ..Visibility::default() };
        Ok(Stack {
            entry: Entry { positions: Some(positions(name)?), ..Entry::default() },
            blocks: blocks.collect::<Result<_>>()?,
            schemes: vec![Scheme { visibility, rotary: None }],
            exit: Exit::default(),
        })
    };
    let (heads, inner) = (config.encoder_attention_heads, config.encoder_ffn_dim);
    let encoder = stack("encoder", config.encoder_layers, heads, inner, false)?;
    let (heads, inner) = (config.decoder_attention_heads, config.decoder_ffn_dim);
    let decoder = stack("decoder", config.decoder_layers, heads, inner, true)?;
    let model = Model {
        encoder: Some(Encoder { embedding: Embedding::new(source_table, scale), stack: encoder }),
        target_embedding: Embedding::new(target_table, scale),
        decoder,
        head: Linear::new(head, Some(bias)),
        logit_cap: None,
    };
    Ok(LoadedModel {
        model,
        decoder_start: Some(config.decoder_start_token_id.unwrap_or(config.pad_token_id)),
        model_class: "MarianMTModel".into(),
    })
}

fn block(loader: &Loader, name: &str, config: &Config, heads: usize, inner: usize, cross: bool) -> Result<Block> {
    const EPSILON: f64 = 1e-5;
    let features = config.d_model;
    let attention = |part: &str| -> Result<Sublayer<Attention>> {
        let linear = |which: &str| loader.linear(&format!("{name}.{part}.{which}_proj"), features, features);
        let inner = Attention {
            query: linear("q")?,
            key_value: Linear::concatenate(vec![linear("k")?, linear("v")?]),
            output: linear("out")?,
            heads,
            key_value_heads: heads,
            soft_cap: None,
            norms: None,
            scale: ((features / heads) as f32).powf(-0.5),
        };
        Ok(Sublayer {
            inner,
            norms: Norms::after(loader.layer_norm(&format!("{name}.{part}_layer_norm"), features, EPSILON)?),
        })
    };
    Ok(Block {
        self_attention: attention("self_attn")?,
        cross_attention: if cross { Some(attention("encoder_attn")?) } else { None },
        feed_forward: Sublayer {
            inner: FeedForward {
                input: loader.linear(&format!("{name}.fc1"), features, inner)?,
                activation: config.activation_function,
                output: loader.linear(&format!("{name}.fc2"), inner, features)?,
            },
            norms: Norms::after(loader.layer_norm(&format!("{name}.final_layer_norm"), features, EPSILON)?),
        },
        residual: Residual::Sequential,
        scheme: 0,
    })
}
