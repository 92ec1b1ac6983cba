//! GPT-J.
//!
//! Wang & Komatsuzaki, 2021, <https://github.com/kingoflolz/mesh-transformer-jax>.

use serde::Deserialize;
use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Configuration, Fields};
use super::dropout::DropoutFields;
use super::fused;
use super::loaded::LoadedModel;
use super::loader::Loader;
use super::sizes::{HEADS, LAYERS, VOCABULARY, WIDTH, check, check_multiple, check_positive, invalid};
use crate::Result;
use crate::layers::{Activation, Attention, Embedding, FeedForward, Linear, Rotary};
use crate::model::{Block, Entry, Exit, Model, Modules, Residual, Scheme, Stack, Sublayer};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gptj",
    title: "GPT-J",
    paper: "https://github.com/kingoflolz/mesh-transformer-jax",
    fields: FIELDS,
    layout: Layout::Other(load),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 50_400,
            "n_embd": 4096,
            "n_layer": 28,
            "n_head": 16,
            "n_inner": null,
            "rotary_dim": 64,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": 1e-5,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
            "resid_pdrop": 0.0,
            "tie_word_embeddings": false,
            "bos_token_id": 50_256,
            "eos_token_id": 50_256,
            "pad_token_id": null,
        })
    },
    aliases: &[("hidden_size", "n_embd"), ("num_attention_heads", "n_head"), ("num_hidden_layers", "n_layer")],
};

const DROPOUT: DropoutFields = DropoutFields {
    entry: Some("embd_pdrop"),
    attention: Some("attn_pdrop"),
    residual: Some("resid_pdrop"),
    ..DropoutFields::NONE
};

/// `config.json`.
#[derive(Debug, Deserialize)]
struct Config {
    vocab_size: usize,
    n_embd: usize,
    n_layer: usize,
    n_head: usize,
    n_inner: Option<usize>,
    /// Number of rotated features; null means all.
    rotary_dim: Option<usize>,
    activation_function: Activation,
    layer_norm_epsilon: f64,
    tie_word_embeddings: bool,
}

impl Config {
    fn inner(&self) -> usize {
        self.n_inner.unwrap_or(self.n_embd.saturating_mul(4))
    }

    fn rotated(&self) -> usize {
        self.rotary_dim.unwrap_or(self.n_embd / self.n_head)
    }

    fn validate(&self) -> Result<()> {
        check(&[
            ("vocab_size", self.vocab_size, VOCABULARY),
            ("n_embd", self.n_embd, WIDTH),
            ("n_layer", self.n_layer, LAYERS),
            ("n_head", self.n_head, HEADS),
            ("n_inner", self.inner(), 4 * WIDTH),
        ])?;
        check_multiple("n_embd", self.n_embd, "n_head", self.n_head)?;
        let head_dim = self.n_embd / self.n_head;
        if self.rotated() > head_dim || !self.rotated().is_multiple_of(2) {
            return invalid(format!("`rotary_dim` ({}) must be even and at most {head_dim}", self.rotated()));
        }
        check_positive(&[("layer_norm_epsilon", self.layer_norm_epsilon)])
    }
}

fn load(configuration: &Configuration, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = configuration.parse()?;
    config.validate()?;
    let features = config.n_embd;
    let prefix = loader.prefix(&["transformer.", ""]);
    let (table, mut head) = loader.embedding_and_head(
        &format!("{prefix}wte.weight"),
        "lm_head.weight",
        [config.vocab_size, features],
        config.tie_word_embeddings,
    )?;
    let norm = |name: &str| loader.layer_norm(name, features, config.layer_norm_epsilon);
    let block = |layer: usize| -> Result<Block> {
        let name = format!("{prefix}h.{layer}");
        let projection =
            |which: &str| loader.linear_with(&format!("{name}.attn.{which}_proj"), features, features, false);
        let apart = |layer: Linear| fused::partners_apart(&layer, config.n_head, config.rotated());
        let (query, key, value) = (apart(projection("q")?), apart(projection("k")?), projection("v")?);
        // One norm for both branches.
        let norm = norm(&format!("{name}.ln_1"))?;
        Ok(Block {
            mixer: Sublayer::before(
                norm.clone(),
                Attention::new(query, Linear::concatenate(vec![key, value]), projection("out")?, config.n_head),
            ),
            cross_attention: None,
            feed_forward: Sublayer::before(
                norm,
                FeedForward {
                    input: loader.linear(&format!("{name}.mlp.fc_in"), features, config.inner())?,
                    activation: config.activation_function,
                    output: loader.linear(&format!("{name}.mlp.fc_out"), config.inner(), features)?,
                },
            ),
            residual: Residual::Parallel,
            scheme: 0,
        })
    };
    if loader.contains("lm_head.bias") {
        head = head.with_bias(loader.tensor("lm_head.bias", [config.vocab_size])?);
    }
    let rotary = (config.rotated() > 0).then(|| Rotary::new(config.rotated(), 10_000.0));
    let model = Model {
        encoder: None,
        head,
        target_embedding: Embedding::new(table, 1.0),
        decoder: Stack {
            entry: Entry::default(),
            blocks: (0..config.n_layer).map(block).collect::<Result<_>>()?,
            schemes: vec![Scheme { rotary, ..Scheme::causal() }],
            exit: Exit { norm: Some(norm(&format!("{prefix}ln_f"))?), projection: None },
            dropout: DROPOUT.read(configuration)?,
            modules: Modules::of_outputs("transformer.h", &["attn", "attn.out_proj"], &["mlp", "mlp.fc_out"]),
        },
        logit_cap: None,
    };
    Ok(LoadedModel::new(model, None, "GPTJForCausalLM"))
}
