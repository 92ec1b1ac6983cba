//! GPT-NeoX and Pythia.
//!
//! Black et al., 2022, <https://arxiv.org/abs/2204.06745>; Pythia: Biderman et al., 2023,
//! <https://arxiv.org/abs/2304.01373>.

use serde::Deserialize;
use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Configuration, Fields};
use super::dropout::DropoutFields;
use super::fused;
use super::loaded::LoadedModel;
use super::loader::Loader;
use super::rope::{Layers, RopeContext, RopeFamily, RopeFields};
use super::sizes::{HEADS, LAYERS, VOCABULARY, WIDTH, check, check_multiple, check_positive};
use crate::Result;
use crate::layers::{Activation, Attention, Embedding, FeedForward};
use crate::model::{Block, Entry, Exit, Model, Modules, Residual, Scheme, Stack, Sublayer};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gpt_neox",
    title: "GPT-NeoX (also Pythia)",
    paper: "https://arxiv.org/abs/2204.06745",
    fields: FIELDS,
    layout: Layout::Other(load),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 50_432,
            "hidden_size": 6144,
            "num_hidden_layers": 44,
            "num_attention_heads": 64,
            "intermediate_size": 24_576,
            "hidden_act": "gelu",
            "max_position_embeddings": 2048,
            "layer_norm_eps": 1e-5,
            "use_parallel_residual": true,
            "attention_bias": true,
            "rotary_pct": 0.25,
            "rotary_emb_base": 10_000.0,
            "rope_scaling": null,
            "rope_parameters": null,
            "hidden_dropout": 0.0,
            "attention_dropout": 0.0,
            "tie_word_embeddings": false,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "pad_token_id": null,
        })
    },
    aliases: &[],
};

const DROPOUT: DropoutFields = DropoutFields {
    entry: Some("hidden_dropout"),
    attention: Some("attention_dropout"),
    residual: Some("hidden_dropout"),
    ..DropoutFields::NONE
};

/// `config.json`.
#[derive(Debug, Deserialize)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: Activation,
    layer_norm_eps: f64,
    use_parallel_residual: bool,
    attention_bias: bool,
    tie_word_embeddings: bool,
}

impl Config {
    fn validate(&self) -> Result<()> {
        check(&[
            ("vocab_size", self.vocab_size, VOCABULARY),
            ("hidden_size", self.hidden_size, WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, LAYERS),
            ("num_attention_heads", self.num_attention_heads, HEADS),
            ("intermediate_size", self.intermediate_size, 4 * WIDTH),
        ])?;
        check_multiple("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads)?;
        check_positive(&[("layer_norm_eps", self.layer_norm_eps)])
    }

    fn scheme(&self, rope: &RopeFields) -> Result<Scheme> {
        let head_dim = self.hidden_size / self.num_attention_heads;
        let context = RopeContext { family: RopeFamily::GptNeoX, head_dim };
        Ok(Scheme { rotary: Some(rope.rotary(&context, Layers::Full)?), ..Scheme::causal() })
    }
}

fn load(configuration: &Configuration, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = configuration.parse()?;
    config.validate()?;
    let features = config.hidden_size;
    let prefix = loader.prefix(&["gpt_neox.", ""]);
    // What repositories call `embed_out`, transformers 5 saves as `lm_head`.
    let head = if loader.contains("lm_head.weight") { "lm_head.weight" } else { "embed_out.weight" };
    let (table, head) = loader.embedding_and_head(
        &format!("{prefix}embed_in.weight"),
        head,
        [config.vocab_size, features],
        config.tie_word_embeddings,
    )?;
    let norm = |name: &str| loader.layer_norm(name, features, config.layer_norm_eps);
    let block = |layer: usize| -> Result<Block> {
        let name = format!("{prefix}layers.{layer}");
        let linear = |which: &str, input: usize, output: usize, biased: bool| {
            loader.linear_with(&format!("{name}.{which}"), input, output, biased)
        };
        let joined = linear("attention.query_key_value", features, 3 * features, config.attention_bias)?;
        let (query, key_value) = fused::by_head(&joined, config.num_attention_heads);
        let output = linear("attention.dense", features, features, config.attention_bias)?;
        let inner = config.intermediate_size;
        Ok(Block {
            mixer: Sublayer::before(
                norm(&format!("{name}.input_layernorm"))?,
                Attention::new(query, key_value, output, config.num_attention_heads),
            ),
            cross_attention: None,
            feed_forward: Sublayer::before(
                norm(&format!("{name}.post_attention_layernorm"))?,
                FeedForward {
                    input: linear("mlp.dense_h_to_4h", features, inner, true)?,
                    activation: config.hidden_act,
                    output: linear("mlp.dense_4h_to_h", inner, features, true)?,
                },
            ),
            residual: if config.use_parallel_residual { Residual::Parallel } else { Residual::Sequential },
            scheme: 0,
        })
    };
    let model = Model {
        encoder: None,
        head,
        target_embedding: Embedding::new(table, 1.0),
        decoder: Stack {
            entry: Entry::default(),
            blocks: (0..config.num_hidden_layers).map(block).collect::<Result<_>>()?,
            schemes: vec![config.scheme(&configuration.parse()?)?],
            exit: Exit { norm: Some(norm(&format!("{prefix}final_layer_norm"))?), projection: None },
            dropout: DROPOUT.read(configuration)?,
            modules: Modules::of_outputs(
                "gpt_neox.layers",
                &["attention", "attention.dense"],
                &["mlp", "mlp.dense_4h_to_h"],
            ),
        },
        logit_cap: None,
    };
    Ok(LoadedModel::new(model, None, "GPTNeoXForCausalLM"))
}
