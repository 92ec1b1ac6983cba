//! T5, including v1.1, FLAN and ByT5.
//!
//! Raffel et al., 2019, <https://arxiv.org/abs/1910.10683>; ByT5: Xue et al., 2021, <https://arxiv.org/abs/2105.13626>.

use std::sync::Arc;

use inseq_core::mismatch;
use serde::Deserialize;
use serde_json::{Value, json};

use super::architecture::{Architecture, Layout};
use super::configuration::{Configuration, Fields, with};
use super::dropout::DropoutFields;
use super::inventory::WithoutHead;
use super::loaded::LoadedModel;
use super::loader::Loader;
use super::sizes::{HEADS, LAYERS, VOCABULARY, WIDTH, check, check_positive, invalid};
use crate::Result;
use crate::layers::{Activation, Attention, DistanceBias, Embedding, FeedForward, Linear, Visibility};
use crate::model::{Block, Dropout, Encoder, Entry, Exit, Model, Modules, Part, Residual, Scheme, Stack, Sublayer};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "t5",
    title: "T5 (also v1.1, FLAN-T5, ByT5)",
    paper: "https://arxiv.org/abs/1910.10683",
    fields: FIELDS,
    layout: Layout::Other(|configuration, loader| {
        let kind = Kind { model_class: "T5ForConditionalGeneration", bias_per_layer: false, scale: Scale::Configured };
        load(&kind, configuration, loader)
    }),
};

const FIELDS: Fields = Fields {
    defaults: || {
        with(
            fields(),
            json!({
                "scale_decoder_outputs": null,
            }),
        )
    },
    aliases: ALIASES,
};

/// The fields of all models of this layout, with T5's defaults.
pub(super) fn fields() -> Value {
    json!({
        "vocab_size": 32_128,
        "d_model": 512,
        "d_kv": 64,
        "d_ff": 2048,
        "num_layers": 6,
        "num_heads": 8,
        "feed_forward_proj": "relu",
        "num_decoder_layers": null,
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128,
        "dropout_rate": 0.1,
        "layer_norm_epsilon": 1e-6,
        "is_gated_act": null,
        "dense_act_fn": null,
        "tie_word_embeddings": null,
        "bos_token_id": null,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "decoder_start_token_id": null,
    })
}

/// Other names of fields.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("hidden_size", "d_model"),
    ("num_attention_heads", "num_heads"),
    ("num_hidden_layers", "num_layers"),
    ("head_dim", "d_kv"),
];

const RATE: Option<&str> = Some("dropout_rate");

/// All places have the same dropout rate.
const DROPOUT: DropoutFields =
    DropoutFields { entry: RATE, attention: RATE, inner: RATE, residual: RATE, exit: RATE, jitter: None };

/// Differences between the models of T5's layout.
pub(super) struct Kind {
    /// Class of the model in transformers.
    pub(super) model_class: &'static str,
    /// Whether every layer has its own table of biases, not only the first one.
    pub(super) bias_per_layer: bool,
    /// Whether the hidden states are divided by the root of their width before the head, as for tied heads.
    pub(super) scale: Scale,
}

/// Whether the hidden states are divided by the root of their width before the head.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Never.
    Never,
    /// By `scale_decoder_outputs`, which transformers 5 saves beside a `tie_word_embeddings` that is always true. If it
    /// is absent: unless `tie_word_embeddings` is false.
    Configured,
    /// Unless `tie_word_embeddings` is false or the checkpoint has a separate head: transformers 5 saves `true` even if the head is
    /// not tied, and saves no other field about it.
    TiedInFact,
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
    relative_attention_max_distance: usize,
    layer_norm_epsilon: f64,
    feed_forward_proj: String,
    /// By default derived from `feed_forward_proj`.
    is_gated_act: Option<bool>,
    dense_act_fn: Option<String>,
    tie_word_embeddings: Option<bool>,
    scale_decoder_outputs: Option<bool>,
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
            ("d_kv * num_heads", self.d_kv.saturating_mul(self.num_heads), WIDTH),
        ])?;
        check_positive(&[("layer_norm_epsilon", self.layer_norm_epsilon)])?;
        if self.relative_attention_num_buckets < 4
            || self.relative_attention_max_distance < self.relative_attention_num_buckets / 2
        {
            return invalid(format!(
                "`relative_attention_num_buckets` ({}) must be 4 at least, and `relative_attention_max_distance` ({}) half \
                 of it at least",
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
        let (field, name) = match &self.dense_act_fn {
            Some(name) => ("dense_act_fn", name.as_str()),
            None => ("feed_forward_proj", name),
        };
        match mismatch::read(&name.into()) {
            Ok(activation) => Ok((activation, self.is_gated_act.unwrap_or(gated))),
            Err(error) => invalid(format!("`{field}` asks for `{name}`: {error}")),
        }
    }

    /// Whether a separate head is expected although `tie_word_embeddings` is true. Transformers 5 saves `true` for every
    /// model of this layout; for a T5 it also saves `scale_decoder_outputs`, which is false if the head is not tied.
    fn may_have_own_head(&self, scale: Scale) -> bool {
        match scale {
            Scale::Configured => self.scale_decoder_outputs == Some(false),
            Scale::Never | Scale::TiedInFact => true,
        }
    }

    /// Whether the hidden states are divided by the root of their width before the head; `tied` is true if the head is the embeddings.
    fn scales(&self, scale: Scale, tied: bool) -> bool {
        match (scale, self.tie_word_embeddings) {
            (Scale::Never, _) => false,
            (Scale::Configured, configured) => self.scale_decoder_outputs.unwrap_or(configured != Some(false)),
            (Scale::TiedInFact, None) => true,
            (Scale::TiedInFact, Some(configured)) => configured && tied,
        }
    }
}

/// Loads a checkpoint of T5's layout.
pub(super) fn load(kind: &Kind, configuration: &Configuration, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = configuration.parse()?;
    config.validate()?;
    let shape = [config.vocab_size, config.d_model];
    let names = ["shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"];
    // Files say that heads are not tied of models whose head is not scaled, though theirs may be one with the embeddings.
    let own_head = config.tie_word_embeddings == Some(false);
    let one = match own_head {
        true => &[][..],
        false if config.may_have_own_head(kind.scale) => &names[..3],
        false => &names[..],
    };
    let tables = loader.tables(&names[..if own_head { 3 } else { 4 }], shape, one)?;
    let (head, tied) = if own_head {
        (loader.untied_head(names[3], shape, WithoutHead::Embeddings)?, false)
    } else {
        (Linear::new(tables[3].table.clone(), None), !tables[3].differs)
    };
    let dropout = DROPOUT.read(configuration)?;
    let mut decoder = stack(kind, &config, loader, "decoder", dropout)?;
    if config.scales(kind.scale, tied) {
        let scale = (config.d_model as f32).powf(-0.5);
        decoder.exit.norm = decoder.exit.norm.map(|norm| norm.scaled(scale));
    }
    let model = Model {
        encoder: Some(Encoder {
            embedding: Embedding::new(tables[1].table.clone(), 1.0),
            stack: stack(kind, &config, loader, "encoder", dropout)?,
        }),
        target_embedding: Embedding::new(tables[2].table.clone(), 1.0),
        decoder,
        head,
        logit_cap: None,
    };
    let start = configuration.token("decoder_start_token_id").or(configuration.token("pad_token_id")).unwrap_or(0);
    Ok(LoadedModel::new(model, Some(start), kind.model_class))
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
            mixer: attention(0, "SelfAttention")?.into(),
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
        modules: modules(decoder),
    })
}

fn modules(decoder: bool) -> Modules {
    let (attention, feed_forward) = (Part::Mixer, Some(Part::FeedForward.output()));
    let mut inner = vec![
        ("layer.0", Some(attention.stream())),
        ("layer.0.SelfAttention", Some(attention.output())),
        ("layer.0.SelfAttention.o", Some(attention.output())),
    ];
    if !decoder {
        inner.extend([
            ("layer.1", None),
            ("layer.1.DenseReluDense", feed_forward),
            ("layer.1.DenseReluDense.wo", feed_forward),
        ]);
        return Modules { blocks: "encoder.block", inner, ..Modules::default() };
    }
    let attention = Part::CrossAttention;
    inner.extend([
        ("layer.1", Some(attention.stream())),
        ("layer.1.EncDecAttention", Some(attention.output())),
        ("layer.1.EncDecAttention.o", Some(attention.output())),
        ("layer.2", None),
        ("layer.2.DenseReluDense", feed_forward),
        ("layer.2.DenseReluDense.wo", feed_forward),
    ]);
    Modules { blocks: "decoder.block", inner, ..Modules::default() }
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
