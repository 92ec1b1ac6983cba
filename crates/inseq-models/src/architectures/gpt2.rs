//! GPT-2, DistilGPT-2 and other checkpoints of this layout.
//!
//! Radford et al., 2019, <https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf>.

use serde::Deserialize;
use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Configuration, Fields};
use super::dropout::DropoutFields;
use super::loaded::LoadedModel;
use super::loader::Loader;
use super::sizes::{
    HEADS, LAYERS, POSITIONS, VOCABULARY, WIDTH, check, check_multiple, check_positive, check_table, invalid,
};
use crate::Result;
use crate::layers::{Activation, Attention, Embedding, FeedForward};
use crate::model::{Block, Entry, Exit, Model, Modules, Residual, Scheme, Stack, Sublayer};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gpt2",
    title: "GPT-2 (also DistilGPT-2)",
    paper: "https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf",
    fields: FIELDS,
    layout: Layout::Other(load),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 50_257,
            "n_positions": 1024,
            "n_embd": 768,
            "n_layer": 12,
            "n_head": 12,
            "n_inner": null,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": 1e-5,
            "scale_attn_weights": true,
            "scale_attn_by_inverse_layer_idx": false,
            "add_cross_attention": false,
            "embd_pdrop": 0.1,
            "attn_pdrop": 0.1,
            "resid_pdrop": 0.1,
            "tie_word_embeddings": true,
            "bos_token_id": 50_256,
            "eos_token_id": 50_256,
            "pad_token_id": null,
        })
    },
    aliases: &[
        ("hidden_size", "n_embd"),
        ("max_position_embeddings", "n_positions"),
        ("num_attention_heads", "n_head"),
        ("num_hidden_layers", "n_layer"),
    ],
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
    n_positions: usize,
    n_embd: usize,
    n_layer: usize,
    n_head: usize,
    n_inner: Option<usize>,
    activation_function: Activation,
    layer_norm_epsilon: f64,
    scale_attn_weights: bool,
    scale_attn_by_inverse_layer_idx: bool,
    add_cross_attention: bool,
    tie_word_embeddings: bool,
}

impl Config {
    fn inner(&self) -> usize {
        self.n_inner.unwrap_or(self.n_embd.saturating_mul(4))
    }

    fn validate(&self) -> Result<()> {
        check(&[
            ("vocab_size", self.vocab_size, VOCABULARY),
            ("n_positions", self.n_positions, POSITIONS),
            ("n_embd", self.n_embd, WIDTH),
            ("n_layer", self.n_layer, LAYERS),
            ("n_head", self.n_head, HEADS),
            ("n_inner", self.inner(), 4 * WIDTH),
        ])?;
        check_multiple("n_embd", self.n_embd, "n_head", self.n_head)?;
        check_table("n_positions", self.n_positions, "n_embd", self.n_embd)?;
        check_positive(&[("layer_norm_epsilon", self.layer_norm_epsilon)])?;
        if self.add_cross_attention {
            return invalid("`add_cross_attention` is true, but there is no encoder to attend to");
        }
        Ok(())
    }
}

fn load(configuration: &Configuration, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = configuration.parse()?;
    config.validate()?;
    let features = config.n_embd;
    let prefix = loader.prefix(&["transformer.", ""]);
    let (table, head) = loader.embedding_and_head(
        &format!("{prefix}wte.weight"),
        "lm_head.weight",
        [config.vocab_size, features],
        config.tie_word_embeddings,
    )?;
    let positions = loader.tensor(&format!("{prefix}wpe.weight"), [config.n_positions, features])?;
    let norm = |name: &str| loader.layer_norm(name, features, config.layer_norm_epsilon);
    let block = |layer: usize| -> Result<Block> {
        let name = format!("{prefix}h.{layer}");
        Ok(Block {
            mixer: Sublayer::before(norm(&format!("{name}.ln_1"))?, attention(&config, loader, &name, layer)?),
            cross_attention: None,
            feed_forward: Sublayer::before(
                norm(&format!("{name}.ln_2"))?,
                FeedForward {
                    input: loader.transposed_linear(&format!("{name}.mlp.c_fc"), features, config.inner())?,
                    activation: config.activation_function,
                    output: loader.transposed_linear(&format!("{name}.mlp.c_proj"), config.inner(), features)?,
                },
            ),
            residual: Residual::Sequential,
            scheme: 0,
        })
    };
    let model = Model {
        encoder: None,
        head,
        target_embedding: Embedding::new(table, 1.0),
        decoder: Stack {
            entry: Entry { positions: Some(positions), ..Entry::default() },
            blocks: (0..config.n_layer).map(block).collect::<Result<_>>()?,
            schemes: vec![Scheme::causal()],
            exit: Exit { norm: Some(norm(&format!("{prefix}ln_f"))?), projection: None },
            dropout: DROPOUT.read(configuration)?,
            modules: Modules::of_outputs("transformer.h", &["attn", "attn.c_proj"], &["mlp", "mlp.c_proj"]),
        },
        logit_cap: None,
    };
    Ok(LoadedModel::new(model, None, "GPT2LMHeadModel"))
}

fn attention(config: &Config, loader: &Loader, name: &str, layer: usize) -> Result<Attention> {
    let features = config.n_embd;
    let fused = loader.transposed_linear(&format!("{name}.attn.c_attn"), features, 3 * features)?;
    let output = loader.transposed_linear(&format!("{name}.attn.c_proj"), features, features)?;
    let mut attention =
        Attention::new(fused.outputs(0..features), fused.outputs(features..3 * features), output, config.n_head);
    if !config.scale_attn_weights {
        attention.scale = 1.0;
    }
    if config.scale_attn_by_inverse_layer_idx {
        attention.scale /= (layer + 1) as f32;
    }
    Ok(attention)
}
