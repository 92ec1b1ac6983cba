//! The encoder-decoder of BART and related models: absolute positions, biased projections, a norm before or after each
//! sublayer. A [`Kind`] holds the differences.

use burn::tensor::Tensor;
use serde::Deserialize;
use serde_json::{Value, json};

use super::configuration::Configuration;
use super::dropout::DropoutFields;
use super::inventory::WithoutHead;
use super::loaded::LoadedModel;
use super::loader::Loader;
use super::sizes::{self, HEADS, LAYERS, POSITIONS, VOCABULARY, WIDTH, check, check_multiple};
use crate::Result;
use crate::layers::{
    Activation, Attention, Embedding, FeedForward, Linear, Norm, Visibility, fairseq_positions, sinusoidal_positions,
};
use crate::model::{
    Block, Dropout, Encoder, Entry, Exit, Model, Modules, Norms, Part, Residual, Scheme, Stack, Sublayer,
};

/// Differences between the models of this layout.
pub(super) struct Kind {
    /// Class of the model in transformers.
    pub(super) model_class: &'static str,
    /// Whether norms are before the sublayers instead of after them, with one more after the last block.
    pub(super) normalized_before: bool,
    /// Whether the embeddings have a norm.
    pub(super) embedding_norm: bool,
    /// Position embeddings.
    pub(super) positions: Positions,
    /// Whether logits have a bias.
    pub(super) logits_bias: bool,
}

/// Position embeddings that are added to token embeddings.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Positions {
    /// A learned table without its first two rows.
    Learned,
    /// The table of [`sinusoidal_positions`], or the checkpoint's copy of it.
    Sinusoidal,
    /// The table of [`fairseq_positions`], starting after the padding id.
    Fairseq,
}

/// The fields of all models of this layout, with their most common defaults.
pub(super) fn fields() -> Value {
    json!({
        "vocab_size": 50_265,
        "max_position_embeddings": 1024,
        "encoder_layers": 12,
        "encoder_ffn_dim": 4096,
        "encoder_attention_heads": 16,
        "decoder_layers": 12,
        "decoder_ffn_dim": 4096,
        "decoder_attention_heads": 16,
        "activation_function": "gelu",
        "d_model": 1024,
        "scale_embedding": false,
        "dropout": 0.1,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "tie_word_embeddings": true,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 1,
    })
}

/// Other names of fields.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("hidden_size", "d_model"),
    ("num_hidden_layers", "encoder_layers"),
    ("num_attention_heads", "encoder_attention_heads"),
];

const RATE: Option<&str> = Some("dropout");

const DROPOUT: DropoutFields = DropoutFields {
    entry: RATE,
    attention: Some("attention_dropout"),
    inner: Some("activation_dropout"),
    residual: RATE,
    exit: None,
    ..DropoutFields::NONE
};

/// `config.json`.
#[derive(Debug, Deserialize)]
struct Config {
    vocab_size: usize,
    /// Used only for Marian.
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
    scale_embedding: bool,
    /// False only in some Marian models.
    #[serde(default = "yes")]
    share_encoder_decoder_embeddings: bool,
    tie_word_embeddings: bool,
}

fn yes() -> bool {
    true
}

impl Config {
    fn validate(&self) -> Result<()> {
        check(&[
            ("vocab_size", self.vocab_size, VOCABULARY),
            ("decoder_vocab_size", self.target_vocabulary(), VOCABULARY),
            ("max_position_embeddings", self.max_position_embeddings, POSITIONS),
            ("encoder_layers", self.encoder_layers, LAYERS),
            ("encoder_ffn_dim", self.encoder_ffn_dim, WIDTH),
            ("encoder_attention_heads", self.encoder_attention_heads, HEADS),
            ("decoder_layers", self.decoder_layers, LAYERS),
            ("decoder_ffn_dim", self.decoder_ffn_dim, WIDTH),
            ("decoder_attention_heads", self.decoder_attention_heads, HEADS),
            ("d_model", self.d_model, WIDTH),
        ])?;
        check_multiple("d_model", self.d_model, "encoder_attention_heads", self.encoder_attention_heads)?;
        check_multiple("d_model", self.d_model, "decoder_attention_heads", self.decoder_attention_heads)?;
        sizes::check_table("max_position_embeddings", self.max_position_embeddings, "d_model", self.d_model)
    }

    fn target_vocabulary(&self) -> usize {
        let own = self.decoder_vocab_size.filter(|_| !self.share_encoder_decoder_embeddings);
        own.unwrap_or(self.vocab_size)
    }
}

/// Loads a checkpoint of this layout.
pub(super) fn load(kind: &Kind, configuration: &Configuration, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = configuration.parse()?;
    config.validate()?;
    let features = config.d_model;
    let scale = if config.scale_embedding { (features as f32).sqrt() } else { 1.0 };
    let target = config.target_vocabulary();
    let prefix = loader.prefix(&["model.", ""]);
    let (source_table, target_table, mut head) = tables(&config, loader, prefix)?;
    if kind.logits_bias && loader.contains("final_logits_bias") {
        head = head.with_bias(loader.tensor("final_logits_bias", [1, target])?.reshape([target]));
    }
    let dropout = DROPOUT.read(configuration)?;
    let padding = configuration.token("pad_token_id");
    let stack = |side: Side| Builder { kind, config: &config, loader, prefix, side, dropout, padding }.stack();
    let model = Model {
        encoder: Some(Encoder { embedding: Embedding::new(source_table, scale), stack: stack(Side::Encoder)? }),
        target_embedding: Embedding::new(target_table, scale),
        decoder: stack(Side::Decoder)?,
        head,
        logit_cap: None,
    };
    let start = configuration.token("decoder_start_token_id").or(padding);
    Ok(LoadedModel::new(
        model,
        Some(start.map_or_else(
            || sizes::invalid("`decoder_start_token_id` is missing, and there is no `pad_token_id` to take for it"),
            Ok,
        )?),
        kind.model_class,
    ))
}

/// Embeddings of the source and of the target, and the head.
fn tables(config: &Config, loader: &Loader, prefix: &str) -> Result<(Tensor<2>, Tensor<2>, Linear)> {
    let [shared, encoder, decoder] =
        ["shared", "encoder.embed_tokens", "decoder.embed_tokens"].map(|name| format!("{prefix}{name}.weight"));
    let (head, tied) = ("lm_head.weight", config.tie_word_embeddings);
    let [source, target] = [config.vocab_size, config.target_vocabulary()].map(|rows| [rows, config.d_model]);
    if !config.share_encoder_decoder_embeddings {
        let source = loader.weight(&encoder, source)?;
        let (target, head) = loader.embedding_and_head(&decoder, head, target, tied)?;
        return Ok((source, target, head));
    }
    let names: [&str; 4] = [&shared, &encoder, &decoder, head];
    let names = &names[..if tied { 4 } else { 3 }];
    let tables = loader.tables(names, source, if tied { names } else { &[] })?;
    let head = match tied {
        true => Linear::new(tables[3].table.clone(), None),
        false => loader.untied_head(head, source, WithoutHead::New)?,
    };
    Ok((tables[1].table.clone(), tables[2].table.clone(), head))
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Encoder,
    Decoder,
}

/// Builds one of the two stacks.
struct Builder<'a> {
    kind: &'a Kind,
    config: &'a Config,
    loader: &'a Loader<'a>,
    prefix: &'a str,
    side: Side,
    dropout: Dropout,
    padding: Option<u32>,
}

impl Builder<'_> {
    fn stack(&self) -> Result<Stack> {
        let (stack, layers) = match self.side {
            Side::Encoder => ("encoder", self.config.encoder_layers),
            Side::Decoder => ("decoder", self.config.decoder_layers),
        };
        let prefix = format!("{}{stack}", self.prefix);
        let norm = |name: &str, present: bool| present.then(|| self.norm(&format!("{prefix}.{name}"))).transpose();
        let visibility = Visibility { causal: self.side == Side::Decoder, ..Visibility::default() };
        Ok(Stack {
            entry: Entry {
                positions: Some(self.positions(&prefix)?),
                unplaced: self.padding.filter(|_| self.kind.positions == Positions::Fairseq),
                norm: norm("layernorm_embedding", self.kind.embedding_norm)?,
                ..Entry::default()
            },
            blocks: (0..layers).map(|i| self.block(&format!("{prefix}.layers.{i}"))).collect::<Result<_>>()?,
            schemes: vec![Scheme { visibility, rotary: None }],
            exit: Exit { norm: norm("layer_norm", self.kind.normalized_before)?, projection: None },
            dropout: self.dropout,
            modules: self.modules(),
        })
    }

    fn modules(&self) -> Modules {
        let blocks = match self.side {
            Side::Encoder => "model.encoder.layers",
            Side::Decoder => "model.decoder.layers",
        };
        let mut attentions = vec![("self_attn", "self_attn.out_proj", "self_attn_layer_norm", Part::Mixer)];
        if self.side == Side::Decoder {
            attentions.push(("encoder_attn", "encoder_attn.out_proj", "encoder_attn_layer_norm", Part::CrossAttention));
        }
        let mut inner = Vec::new();
        for (attention, projection, norm, part) in attentions {
            inner.extend([(attention, Some(part.output())), (projection, Some(part.output()))]);
            inner.extend((!self.kind.normalized_before).then_some((norm, Some(part.stream()))));
        }
        inner.push(("fc2", Some(Part::FeedForward.output())));
        inner.extend((!self.kind.normalized_before).then_some(("final_layer_norm", None)));
        Modules { blocks, inner, ..Modules::default() }
    }

    fn positions(&self, prefix: &str) -> Result<Tensor<2>> {
        let Config { max_position_embeddings: count, d_model: features, .. } = *self.config;
        let name = format!("{prefix}.embed_positions.weight");
        match self.kind.positions {
            Positions::Learned => Ok(self.loader.tensor(&name, [count + 2, features])?.narrow(0, 2, count)),
            // Files that have the table have it rounded to their type, and the model was run with it.
            Positions::Sinusoidal if self.loader.contains(&name) => self.loader.tensor(&name, [count, features]),
            Positions::Sinusoidal => Ok(self.loader.computed(sinusoidal_positions(count, features), [count, features])),
            Positions::Fairseq => {
                let first = self.padding.map_or(0, |padding| padding as usize + 1);
                sizes::check(&[("pad_token_id", first.max(1), VOCABULARY)])?;
                Ok(self.loader.computed(fairseq_positions(first, count, features), [count, features]))
            }
        }
    }

    fn norm(&self, name: &str) -> Result<Norm> {
        self.loader.layer_norm(name, self.config.d_model, 1e-5)
    }

    fn norms(&self, name: &str) -> Result<Norms> {
        let norm = self.norm(name)?;
        Ok(if self.kind.normalized_before { Norms::before(norm) } else { Norms::after(norm) })
    }

    fn block(&self, name: &str) -> Result<Block> {
        let (inner, heads) = match self.side {
            Side::Encoder => (self.config.encoder_ffn_dim, self.config.encoder_attention_heads),
            Side::Decoder => (self.config.decoder_ffn_dim, self.config.decoder_attention_heads),
        };
        let (loader, features) = (self.loader, self.config.d_model);
        let attention = |part: &str| -> Result<Sublayer<Attention>> {
            let name = format!("{name}.{part}");
            let [key, value] = ["k_proj", "v_proj"].map(|which| format!("{name}.{which}"));
            let inner = Attention::new(
                loader.linear(&format!("{name}.q_proj"), features, features)?,
                loader.key_value([&key, &value], features, features, true)?,
                loader.linear(&format!("{name}.out_proj"), features, features)?,
                heads,
            );
            Ok(Sublayer { inner, norms: self.norms(&format!("{name}_layer_norm"))? })
        };
        Ok(Block {
            mixer: attention("self_attn")?.into(),
            cross_attention: (self.side == Side::Decoder).then(|| attention("encoder_attn")).transpose()?,
            feed_forward: Sublayer {
                inner: FeedForward {
                    input: loader.linear(&format!("{name}.fc1"), features, inner)?,
                    activation: self.config.activation_function,
                    output: loader.linear(&format!("{name}.fc2"), inner, features)?,
                }
                .into(),
                norms: self.norms(&format!("{name}.final_layer_norm"))?,
            },
            residual: Residual::Sequential,
            scheme: 0,
        })
    }
}
