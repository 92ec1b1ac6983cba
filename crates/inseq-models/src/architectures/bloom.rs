//! BLOOM.
//!
//! BigScience Workshop, 2022, <https://arxiv.org/abs/2211.05100>.

use serde::Deserialize;
use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Configuration, Fields};
use super::dropout::DropoutFields;
use super::fused;
use super::loaded::LoadedModel;
use super::loader::Loader;
use super::sizes::{HEADS, LAYERS, VOCABULARY, WIDTH, check, check_multiple, check_positive};
use crate::Result;
use crate::layers::{Activation, Attention, DistanceBias, Embedding, FeedForward, Visibility};
use crate::model::{Block, Entry, Exit, Model, Modules, Norms, Part, Residual, Scheme, Stack, Sublayer};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "bloom",
    title: "BLOOM",
    paper: "https://arxiv.org/abs/2211.05100",
    fields: FIELDS,
    layout: Layout::Other(load),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 250_880,
            "hidden_size": 64,
            "n_layer": 2,
            "n_head": 8,
            "layer_norm_epsilon": 1e-5,
            "apply_residual_connection_post_layernorm": false,
            "hidden_dropout": 0.0,
            "attention_dropout": 0.0,
            "tie_word_embeddings": true,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": null,
        })
    },
    aliases: &[("n_embed", "hidden_size"), ("num_hidden_layers", "n_layer"), ("num_attention_heads", "n_head")],
};

const DROPOUT: DropoutFields =
    DropoutFields { attention: Some("attention_dropout"), residual: Some("hidden_dropout"), ..DropoutFields::NONE };

/// `config.json`.
#[derive(Debug, Deserialize)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    n_layer: usize,
    n_head: usize,
    layer_norm_epsilon: f64,
    apply_residual_connection_post_layernorm: bool,
    tie_word_embeddings: bool,
}

impl Config {
    fn validate(&self) -> Result<()> {
        check(&[
            ("vocab_size", self.vocab_size, VOCABULARY),
            ("hidden_size", self.hidden_size, WIDTH),
            ("n_layer", self.n_layer, LAYERS),
            ("n_head", self.n_head, HEADS),
        ])?;
        check_multiple("hidden_size", self.hidden_size, "n_head", self.n_head)?;
        check_positive(&[("layer_norm_epsilon", self.layer_norm_epsilon)])
    }
}

fn load(configuration: &Configuration, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = configuration.parse()?;
    config.validate()?;
    let features = config.hidden_size;
    let prefix = loader.prefix(&["transformer.", ""]);
    let (table, head) = loader.embedding_and_head(
        &format!("{prefix}word_embeddings.weight"),
        "lm_head.weight",
        [config.vocab_size, features],
        config.tie_word_embeddings,
    )?;
    let norm = |name: &str| loader.layer_norm(name, features, config.layer_norm_epsilon);
    let norms = |name: &str| -> Result<Norms> {
        let adds_to_normed = config.apply_residual_connection_post_layernorm;
        Ok(Norms { adds_to_normed, ..Norms::before(norm(name)?) })
    };
    let block = |layer: usize| -> Result<Block> {
        let name = format!("{prefix}h.{layer}");
        let joined = loader.linear(&format!("{name}.self_attention.query_key_value"), features, 3 * features)?;
        let (query, key_value) = fused::by_head(&joined, config.n_head);
        let output = loader.linear(&format!("{name}.self_attention.dense"), features, features)?;
        Ok(Block {
            mixer: Sublayer {
                inner: Attention::new(query, key_value, output, config.n_head).into(),
                norms: norms(&format!("{name}.input_layernorm"))?,
            },
            cross_attention: None,
            feed_forward: Sublayer {
                norms: norms(&format!("{name}.post_attention_layernorm"))?,
                inner: FeedForward {
                    input: loader.linear(&format!("{name}.mlp.dense_h_to_4h"), features, 4 * features)?,
                    activation: Activation::GeluTanh,
                    output: loader.linear(&format!("{name}.mlp.dense_4h_to_h"), 4 * features, features)?,
                }
                .into(),
            },
            residual: Residual::Sequential,
            scheme: 0,
        })
    };
    let bias = DistanceBias::Linear(slopes(config.n_head).into());
    let visibility = Visibility { causal: true, window: None, bias: Some(bias) };
    let model = Model {
        encoder: None,
        head,
        target_embedding: Embedding::new(table, 1.0),
        decoder: Stack {
            entry: Entry { norm: Some(norm(&format!("{prefix}word_embeddings_layernorm"))?), ..Entry::default() },
            blocks: (0..config.n_layer).map(block).collect::<Result<_>>()?,
            schemes: vec![Scheme { visibility, rotary: None }],
            exit: Exit { norm: Some(norm(&format!("{prefix}ln_f"))?), projection: None },
            dropout: DROPOUT.read(configuration)?,
            modules: Modules {
                blocks: "transformer.h",
                // Attention and network add the residual stream themselves.
                inner: vec![
                    ("self_attention", Some(Part::Mixer.stream())),
                    ("mlp", None),
                    ("self_attention.dense", Some(Part::Mixer.output())),
                    ("mlp.dense_4h_to_h", Some(Part::FeedForward.output())),
                ],
                ..Modules::default()
            },
        },
        logit_cap: None,
    };
    Ok(LoadedModel::new(model, None, "BloomForCausalLM"))
}

/// The slopes of ALiBi: powers that decrease from head to head. If the number of heads is not a power of two, the rest comes from
/// every other slope of the next power of two.
pub(super) fn slopes(heads: usize) -> Vec<f32> {
    let powers = |count: usize| {
        let base = 2f64.powf(-8.0 / count as f64);
        (1..=count).map(move |i| base.powi(i as i32) as f32)
    };
    let whole = 1 << heads.ilog2();
    powers(whole).chain(powers(2 * whole).step_by(2)).take(heads).collect()
}
