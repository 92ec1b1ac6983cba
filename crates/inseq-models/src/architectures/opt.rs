//! OPT and Galactica.
//!
//! Zhang et al., 2022, <https://arxiv.org/abs/2205.01068>; Galactica: Taylor et al., 2022,
//! <https://arxiv.org/abs/2211.09085>.

use serde::Deserialize;
use serde_json::json;

use super::architecture::{Architecture, Layout};
use super::configuration::{Configuration, Fields};
use super::dropout::DropoutFields;
use super::loaded::LoadedModel;
use super::loader::Loader;
use super::sizes::{HEADS, LAYERS, POSITIONS, VOCABULARY, WIDTH, check, check_multiple, check_table};
use crate::Result;
use crate::layers::{Activation, Attention, Embedding, FeedForward, Norm, NormKind};
use crate::model::{Block, Entry, Exit, Model, Modules, Norms, Part, Residual, Scheme, Stack, Sublayer};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "opt",
    title: "OPT (also Galactica)",
    paper: "https://arxiv.org/abs/2205.01068",
    fields: FIELDS,
    layout: Layout::Other(load),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 50_272,
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "ffn_dim": 3072,
            "max_position_embeddings": 2048,
            "num_attention_heads": 12,
            "do_layer_norm_before": true,
            "_remove_final_layer_norm": false,
            "word_embed_proj_dim": null,
            "activation_function": "relu",
            "enable_bias": true,
            "layer_norm_elementwise_affine": true,
            "dropout": 0.1,
            "attention_dropout": 0.0,
            "tie_word_embeddings": true,
            "bos_token_id": 2,
            "eos_token_id": 2,
            "pad_token_id": 1,
        })
    },
    aliases: &[],
};

const DROPOUT: DropoutFields =
    DropoutFields { attention: Some("attention_dropout"), residual: Some("dropout"), ..DropoutFields::NONE };

/// `config.json`.
#[derive(Debug, Deserialize)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    ffn_dim: usize,
    max_position_embeddings: usize,
    num_attention_heads: usize,
    do_layer_norm_before: bool,
    #[serde(rename = "_remove_final_layer_norm")]
    remove_final_layer_norm: bool,
    word_embed_proj_dim: Option<usize>,
    activation_function: Activation,
    enable_bias: bool,
    layer_norm_elementwise_affine: bool,
    tie_word_embeddings: bool,
}

impl Config {
    fn embedded(&self) -> usize {
        self.word_embed_proj_dim.unwrap_or(self.hidden_size)
    }

    fn validate(&self) -> Result<()> {
        check(&[
            ("vocab_size", self.vocab_size, VOCABULARY),
            ("hidden_size", self.hidden_size, WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, LAYERS),
            ("ffn_dim", self.ffn_dim, 4 * WIDTH),
            ("max_position_embeddings", self.max_position_embeddings, POSITIONS),
            ("num_attention_heads", self.num_attention_heads, HEADS),
            ("word_embed_proj_dim", self.embedded(), WIDTH),
        ])?;
        check_multiple("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads)?;
        check_table("max_position_embeddings", self.max_position_embeddings, "hidden_size", self.hidden_size)
    }
}

fn load(configuration: &Configuration, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = configuration.parse()?;
    config.validate()?;
    let (features, embedded) = (config.hidden_size, config.embedded());
    let prefix = loader.prefix(&["model.decoder.", "decoder."]);
    let (table, head) = loader.embedding_and_head(
        &format!("{prefix}embed_tokens.weight"),
        "lm_head.weight",
        [config.vocab_size, embedded],
        config.tie_word_embeddings,
    )?;
    // The first two rows are not used.
    let rows = config.max_position_embeddings + 2;
    let positions = loader.tensor(&format!("{prefix}embed_positions.weight"), [rows, features])?.narrow(0, 2, rows - 2);
    let projection = |name: &str, input: usize, output: usize| {
        let projected = embedded != features;
        projected.then(|| loader.linear_with(&format!("{prefix}{name}"), input, output, false)).transpose()
    };
    let last_norm = config.do_layer_norm_before && !config.remove_final_layer_norm;
    let model = Model {
        encoder: None,
        head,
        target_embedding: Embedding::new(table, 1.0),
        decoder: Stack {
            entry: Entry {
                projection: projection("project_in", embedded, features)?,
                positions: Some(positions),
                ..Entry::default()
            },
            blocks: (0..config.num_hidden_layers)
                .map(|layer| block(&config, loader, &format!("{prefix}layers.{layer}")))
                .collect::<Result<_>>()?,
            schemes: vec![Scheme::causal()],
            exit: Exit {
                norm: last_norm.then(|| norm(&config, loader, &format!("{prefix}final_layer_norm"))).transpose()?,
                projection: projection("project_out", features, embedded)?,
            },
            dropout: DROPOUT.read(configuration)?,
            modules: modules(&config),
        },
        logit_cap: None,
    };
    Ok(LoadedModel::new(model, None, "OPTForCausalLM"))
}

fn modules(config: &Config) -> Modules {
    let mut modules = Modules::of_outputs("model.decoder.layers", &["self_attn", "self_attn.out_proj"], &["fc2"]);
    if !config.do_layer_norm_before {
        modules.inner.extend([("self_attn_layer_norm", Some(Part::Mixer.stream())), ("final_layer_norm", None)]);
    }
    modules
}

fn norm(config: &Config, loader: &Loader, name: &str) -> Result<Norm> {
    const EPSILON: f64 = 1e-5;
    let features = config.hidden_size;
    if config.layer_norm_elementwise_affine {
        return loader.layer_norm(name, features, EPSILON);
    }
    Ok(Norm::new(NormKind::Layer, loader.computed(vec![1.0; features], [features]), None, EPSILON))
}

fn block(config: &Config, loader: &Loader, name: &str) -> Result<Block> {
    let features = config.hidden_size;
    let linear = |which: &str, input: usize, output: usize| {
        loader.linear_with(&format!("{name}.{which}"), input, output, config.enable_bias)
    };
    let norms = |which: &str| -> Result<Norms> {
        let norm = norm(config, loader, &format!("{name}.{which}"))?;
        Ok(if config.do_layer_norm_before { Norms::before(norm) } else { Norms::after(norm) })
    };
    let [key, value] = ["k_proj", "v_proj"].map(|which| format!("{name}.self_attn.{which}"));
    let attention = Attention::new(
        linear("self_attn.q_proj", features, features)?,
        loader.key_value([&key, &value], features, features, config.enable_bias)?,
        linear("self_attn.out_proj", features, features)?,
        config.num_attention_heads,
    );
    let feed_forward = FeedForward {
        input: linear("fc1", features, config.ffn_dim)?,
        activation: config.activation_function,
        output: linear("fc2", config.ffn_dim, features)?,
    };
    Ok(Block {
        mixer: Sublayer::new(norms("self_attn_layer_norm")?, attention),
        cross_attention: None,
        feed_forward: Sublayer::new(norms("final_layer_norm")?, feed_forward),
        residual: Residual::Sequential,
        scheme: 0,
    })
}
