//! GPT-Neo.
//!
//! Black et al., 2021, <https://doi.org/10.5281/zenodo.5297715>.

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
use crate::layers::{Activation, Attention, Embedding, FeedForward, Visibility};
use crate::model::{Block, Entry, Exit, Model, Modules, Residual, Scheme, Stack, Sublayer};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    model_type: "gpt_neo",
    title: "GPT-Neo",
    paper: "https://doi.org/10.5281/zenodo.5297715",
    fields: FIELDS,
    layout: Layout::Other(load),
};

const FIELDS: Fields = Fields {
    defaults: || {
        json!({
            "vocab_size": 50_257,
            "max_position_embeddings": 2048,
            "hidden_size": 2048,
            "num_layers": 24,
            "num_heads": 16,
            "intermediate_size": null,
            "attention_types": null,
            "attention_layers": null,
            "window_size": 256,
            "activation_function": "gelu_new",
            "layer_norm_epsilon": 1e-5,
            "embed_dropout": 0.0,
            "attention_dropout": 0.0,
            "resid_dropout": 0.0,
            "tie_word_embeddings": true,
            "bos_token_id": 50_256,
            "eos_token_id": 50_256,
            "pad_token_id": null,
        })
    },
    aliases: &[("num_attention_heads", "num_heads"), ("num_hidden_layers", "num_layers")],
};

const DROPOUT: DropoutFields = DropoutFields {
    entry: Some("embed_dropout"),
    attention: Some("attention_dropout"),
    residual: Some("resid_dropout"),
    ..DropoutFields::NONE
};

/// `config.json`.
#[derive(Debug, Deserialize)]
struct Config {
    vocab_size: usize,
    max_position_embeddings: usize,
    hidden_size: usize,
    num_layers: usize,
    num_heads: usize,
    intermediate_size: Option<usize>,
    /// Kinds of layers, with their number of repetitions.
    attention_types: Option<Vec<(Vec<String>, usize)>>,
    /// Kind of each layer; takes precedence over `attention_types`.
    attention_layers: Option<Vec<String>>,
    window_size: usize,
    activation_function: Activation,
    layer_norm_epsilon: f64,
    tie_word_embeddings: bool,
}

impl Config {
    fn inner(&self) -> usize {
        self.intermediate_size.unwrap_or(self.hidden_size.saturating_mul(4))
    }

    fn validate(&self) -> Result<()> {
        check(&[
            ("vocab_size", self.vocab_size, VOCABULARY),
            ("max_position_embeddings", self.max_position_embeddings, POSITIONS),
            ("hidden_size", self.hidden_size, WIDTH),
            ("num_layers", self.num_layers, LAYERS),
            ("num_heads", self.num_heads, HEADS),
            ("intermediate_size", self.inner(), 4 * WIDTH),
            ("window_size", self.window_size, usize::MAX),
        ])?;
        check_multiple("hidden_size", self.hidden_size, "num_heads", self.num_heads)?;
        check_table("max_position_embeddings", self.max_position_embeddings, "hidden_size", self.hidden_size)?;
        check_positive(&[("layer_norm_epsilon", self.layer_norm_epsilon)])
    }

    /// The kind of each layer.
    fn kinds(&self) -> Result<Vec<String>> {
        if let Some(kinds) = &self.attention_layers {
            if kinds.len() != self.num_layers {
                let (found, layers) = (kinds.len(), self.num_layers);
                return invalid(format!("`attention_layers` has {found} layers, but `num_layers` is {layers}"));
            }
            return Ok(kinds.clone());
        }
        let default = || vec![(vec!["global".to_string(), "local".to_string()], 12)];
        let types = self.attention_types.clone().unwrap_or_else(default);
        let total = types.iter().try_fold(0usize, |sum, (kinds, times)| {
            kinds.len().checked_mul(*times).and_then(|layers| sum.checked_add(layers))
        });
        if total != Some(self.num_layers) {
            return invalid(format!("`attention_types` does not describe `num_layers` ({}) layers", self.num_layers));
        }
        Ok(types.iter().flat_map(|(kinds, times)| std::iter::repeat_n(kinds, *times)).flatten().cloned().collect())
    }

    /// For each layer, whether it has a window.
    fn windowed(&self) -> Result<Vec<bool>> {
        let windowed = self.kinds()?.into_iter().map(|kind| match kind.as_str() {
            "global" => Ok(false),
            "local" => Ok(true),
            other => invalid(format!("a layer of `attention_types` is `{other}`; supported: global, local")),
        });
        windowed.collect()
    }
}

fn load(configuration: &Configuration, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = configuration.parse()?;
    config.validate()?;
    let windowed = config.windowed()?;
    let features = config.hidden_size;
    let prefix = loader.prefix(&["transformer.", ""]);
    let (table, head) = loader.embedding_and_head(
        &format!("{prefix}wte.weight"),
        "lm_head.weight",
        [config.vocab_size, features],
        config.tie_word_embeddings,
    )?;
    let positions = loader.tensor(&format!("{prefix}wpe.weight"), [config.max_position_embeddings, features])?;
    let norm = |name: &str| loader.layer_norm(name, features, config.layer_norm_epsilon);
    let block = |(layer, windowed): (usize, bool)| -> Result<Block> {
        let name = format!("{prefix}h.{layer}");
        let attention = format!("{name}.attn.attention");
        let [key, value] = ["k_proj", "v_proj"].map(|which| format!("{attention}.{which}"));
        let query = loader.linear_with(&format!("{attention}.q_proj"), features, features, false)?;
        let key_value = loader.key_value([&key, &value], features, features, false)?;
        let output = loader.linear(&format!("{attention}.out_proj"), features, features)?;
        Ok(Block {
            mixer: Sublayer::before(
                norm(&format!("{name}.ln_1"))?,
                // Scores are not scaled.
                Attention { scale: 1.0, ..Attention::new(query, key_value, output, config.num_heads) },
            ),
            cross_attention: None,
            feed_forward: Sublayer::before(
                norm(&format!("{name}.ln_2"))?,
                FeedForward {
                    input: loader.linear(&format!("{name}.mlp.c_fc"), features, config.inner())?,
                    activation: config.activation_function,
                    output: loader.linear(&format!("{name}.mlp.c_proj"), config.inner(), features)?,
                },
            ),
            residual: Residual::Sequential,
            scheme: usize::from(windowed),
        })
    };
    let windows = Visibility { causal: true, window: Some(config.window_size), bias: None };
    let model = Model {
        encoder: None,
        head,
        target_embedding: Embedding::new(table, 1.0),
        decoder: Stack {
            entry: Entry { positions: Some(positions), ..Entry::default() },
            blocks: windowed.into_iter().enumerate().map(block).collect::<Result<_>>()?,
            schemes: vec![Scheme::causal(), Scheme { visibility: windows, rotary: None }],
            exit: Exit { norm: Some(norm(&format!("{prefix}ln_f"))?), projection: None },
            dropout: DROPOUT.read(configuration)?,
            modules: Modules::of_outputs(
                "transformer.h",
                &["attn", "attn.attention", "attn.attention.out_proj"],
                &["mlp", "mlp.c_proj"],
            ),
        },
        logit_cap: None,
    };
    Ok(LoadedModel::new(model, None, "GPTNeoForCausalLM"))
}
