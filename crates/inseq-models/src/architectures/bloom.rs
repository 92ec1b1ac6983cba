//! BLOOM.
//!
//! BigScience Workshop, 2022, <https://arxiv.org/abs/2211.05100>.

use serde::Deserialize;

use super::dropout::DropoutFields;
use super::sizes::{HEADS, LAYERS, VOCABULARY, WIDTH, check, check_multiple, check_positive};
use super::{Architecture, LoadedModel, Loader, fused};
use crate::Result;
use crate::checkpoint::Repository;
use crate::layers::{Activation, Attention, DistanceBias, Embedding, FeedForward, Visibility};
use crate::model::{Block, Entry, Exit, Model, Norms, Residual, Scheme, Stack, Sublayer};

pub(super) const ARCHITECTURE: Architecture =
    Architecture { model_type: "bloom", title: "BLOOM", paper: "https://arxiv.org/abs/2211.05100", load };

const DROPOUT: DropoutFields = DropoutFields {
    attention: Some(("attention_dropout", 0.0)),
    residual: Some(("hidden_dropout", 0.0)),
    ..DropoutFields::NONE
};

/// `config.json`.
#[derive(Debug, Deserialize)]
struct Config {
    vocab_size: usize,
    #[serde(alias = "n_embed")]
    hidden_size: usize,
    #[serde(alias = "num_hidden_layers")]
    n_layer: usize,
    #[serde(alias = "num_attention_heads")]
    n_head: usize,
    layer_norm_epsilon: f64,
    #[serde(default)]
    apply_residual_connection_post_layernorm: bool,
    #[serde(default = "yes")]
    tie_word_embeddings: bool,
}

fn yes() -> bool {
    true
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

fn load(repository: &Repository, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = repository.config()?;
    config.validate()?;
    let features = config.hidden_size;
    let prefix = loader.prefix(&["transformer.", ""], "word_embeddings.weight");
    let table = loader.weight(&format!("{prefix}word_embeddings.weight"), [config.vocab_size, features])?;
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
            self_attention: Sublayer {
                inner: Attention::new(query, key_value, output, config.n_head),
                norms: norms(&format!("{name}.input_layernorm"))?,
            },
            cross_attention: None,
            feed_forward: Sublayer {
                norms: norms(&format!("{name}.post_attention_layernorm"))?,
                inner: FeedForward {
                    input: loader.linear(&format!("{name}.mlp.dense_h_to_4h"), features, 4 * features)?,
                    activation: Activation::GeluTanh,
                    output: loader.linear(&format!("{name}.mlp.dense_4h_to_h"), 4 * features, features)?,
                },
            },
            residual: Residual::Sequential,
            scheme: 0,
        })
    };
    let bias = DistanceBias::Linear(slopes(config.n_head).into());
    let visibility = Visibility { causal: true, window: None, bias: Some(bias) };
    let model = Model {
        encoder: None,
        head: loader.head("lm_head", &table, config.tie_word_embeddings)?,
        target_embedding: Embedding::new(table, 1.0),
        decoder: Stack {
            entry: Entry { norm: Some(norm(&format!("{prefix}word_embeddings_layernorm"))?), ..Entry::default() },
            blocks: (0..config.n_layer).map(block).collect::<Result<_>>()?,
            schemes: vec![Scheme { visibility, rotary: None }],
            exit: Exit { norm: Some(norm(&format!("{prefix}ln_f"))?), projection: None },
            dropout: DROPOUT.read(repository)?,
        },
        logit_cap: None,
    };
    Ok(LoadedModel::new(model, None, "BloomForCausalLM"))
}

/// The slopes of ALiBi: powers that fall from head to head, for a number of heads that is no power of two filled up with
/// every other one of twice as many.
pub(super) fn slopes(heads: usize) -> Vec<f32> {
    let powers = |count: usize| {
        let base = 2f64.powf(-8.0 / count as f64);
        (1..=count).map(move |i| base.powi(i as i32) as f32)
    };
    let whole = 1 << heads.ilog2();
    powers(whole).chain(powers(2 * whole).step_by(2)).take(heads).collect()
}
