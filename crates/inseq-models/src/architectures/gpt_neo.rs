//! GPT-Neo.
//!
//! Black et al., 2021, <https://doi.org/10.5281/zenodo.5297715>.

use serde::Deserialize;

use super::dropout::DropoutFields;
use super::sizes::{
    HEADS, LAYERS, POSITIONS, VOCABULARY, WIDTH, check, check_multiple, check_positive, check_table, invalid,
};
use super::{Architecture, LoadedModel, Loader};
use crate::Result;
use crate::checkpoint::Repository;
use crate::layers::{Activation, Attention, Embedding, FeedForward, Visibility};
use crate::model::{Block, Entry, Exit, Model, Residual, Scheme, Stack, Sublayer};

pub(super) const ARCHITECTURE: Architecture =
    Architecture { model_type: "gpt_neo", title: "GPT-Neo", paper: "https://doi.org/10.5281/zenodo.5297715", load };

const DROPOUT: DropoutFields = DropoutFields {
    entry: Some(("embed_dropout", 0.0)),
    attention: Some(("attention_dropout", 0.0)),
    residual: Some(("resid_dropout", 0.0)),
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
    /// Kinds of layers, with how often they are repeated.
    attention_types: Vec<(Vec<String>, usize)>,
    window_size: usize,
    activation_function: Activation,
    layer_norm_epsilon: f64,
    #[serde(default = "yes")]
    tie_word_embeddings: bool,
}

fn yes() -> bool {
    true
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

    /// Whether each layer sees a window.
    fn windowed(&self) -> Result<Vec<bool>> {
        let total = self.attention_types.iter().try_fold(0usize, |sum, (kinds, times)| {
            kinds.len().checked_mul(*times).and_then(|layers| sum.checked_add(layers))
        });
        if total != Some(self.num_layers) {
            return invalid(format!("`attention_types` does not describe `num_layers` ({}) layers", self.num_layers));
        }
        let kinds = self.attention_types.iter().flat_map(|(kinds, times)| std::iter::repeat_n(kinds, *times)).flatten();
        kinds
            .map(|kind| match kind.as_str() {
                "global" => Ok(false),
                "local" => Ok(true),
                other => invalid(format!("`attention_types` has `{other}`; supported: global, local")),
            })
            .collect()
    }
}

fn load(repository: &Repository, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = repository.config()?;
    config.validate()?;
    let windowed = config.windowed()?;
    let features = config.hidden_size;
    let prefix = loader.prefix(&["transformer.", ""], "wte.weight");
    let table = loader.weight(&format!("{prefix}wte.weight"), [config.vocab_size, features])?;
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
            self_attention: Sublayer::before(
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
        head: loader.head("lm_head", &table, config.tie_word_embeddings)?,
        target_embedding: Embedding::new(table, 1.0),
        decoder: Stack {
            entry: Entry { positions: Some(positions), ..Entry::default() },
            blocks: windowed.into_iter().enumerate().map(block).collect::<Result<_>>()?,
            schemes: vec![Scheme::causal(), Scheme { visibility: windows, rotary: None }],
            exit: Exit { norm: Some(norm(&format!("{prefix}ln_f"))?), projection: None },
            dropout: DROPOUT.read(repository)?,
        },
        logit_cap: None,
    };
    Ok(LoadedModel::new(model, None, "GPTNeoForCausalLM"))
}
