//! The decoder of Llama and related models: RMS norms, rotary positions, grouped heads, a gated
//! feed-forward. A [`Kind`] holds the differences.

mod config;
mod kind;

use burn::tensor::Tensor;
use serde_json::{Value, json};

use super::configuration::{Configuration, with};
use super::dropout::DropoutFields;
use super::loaded::LoadedModel;
use super::loader::Loader;
use crate::Result;
use crate::layers::{Activation, Attention, Embedding, Experts, Feed, FeedForward, Linear, Norm, ShortConvolution};
use crate::model::{Block, Entry, Exit, Model, Norms, Residual, Stack, Sublayer};
use config::Config;

pub use super::rope::RopeFamily;
pub use kind::{FeedKind, Kind, Names, NormPlaces, QueryKeyNorms, Windows};

/// A missing field means no dropout at this place.
const DROPOUT: DropoutFields = DropoutFields {
    attention: Some("attention_dropout"),
    residual: Some("resid_pdrop"),
    jitter: Some("router_jitter_noise"),
    ..DropoutFields::NONE
};

/// The fields of all models of this layout, with Llama's defaults.
pub(super) fn fields() -> Value {
    json!({
        "vocab_size": 32_000,
        "hidden_size": 4096,
        "intermediate_size": 11_008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": null,
        "head_dim": null,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 2048,
        "rope_theta": 10_000.0,
        "original_max_position_embeddings": null,
        "partial_rotary_factor": null,
        "rope_scaling": null,
        "rope_parameters": null,
        "attention_dropout": 0.0,
        "tie_word_embeddings": false,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": null,
    })
}

/// The fields of Llama with their defaults, and those of `own`, an object, added or replaced.
pub fn llama_fields(own: Value) -> Value {
    let llama = json!({
        "hidden_act": "silu",
        "attention_bias": false,
        "mlp_bias": false,
    });
    with(with(fields(), llama), own)
}

/// Loads a checkpoint of this layout.
pub(super) fn load(kind: &Kind, configuration: &Configuration, loader: &Loader) -> Result<LoadedModel> {
    let config: Config = configuration.parse()?;
    config.validate()?;
    let (schemes, of_layer) = config.schemes(kind, &configuration.parse()?)?;
    let prefix = loader.prefix(&["model.", ""]);
    let (table, head) = loader.embedding_and_head(
        &format!("{prefix}embed_tokens.weight"),
        "lm_head.weight",
        [config.vocab_size, config.hidden_size],
        config.tie_word_embeddings,
    )?;
    let builder = Builder { kind, config: &config, loader };
    let model = Model {
        encoder: None,
        head,
        target_embedding: builder.embedding(table),
        decoder: Stack {
            entry: Entry::default(),
            blocks: of_layer
                .into_iter()
                .enumerate()
                .map(|(layer, scheme)| builder.block(&format!("{prefix}layers.{layer}"), layer, scheme))
                .collect::<Result<_>>()?,
            schemes,
            exit: Exit {
                norm: Some(builder.norm(&format!("{prefix}{}", kind.names.last), config.hidden_size)?),
                projection: None,
            },
            dropout: DROPOUT.read(configuration)?,
            modules: kind.modules(),
        },
        logit_cap: config.final_logit_softcapping,
    };
    Ok(LoadedModel::new(model, None, kind.model_class))
}

/// Builds the blocks of a model.
struct Builder<'a> {
    kind: &'a Kind,
    config: &'a Config,
    loader: &'a Loader<'a>,
}

impl Builder<'_> {
    fn embedding(&self, table: Tensor<2>) -> Embedding {
        let scale = if self.kind.scales_embeddings { (self.config.hidden_size as f32).sqrt() } else { 1.0 };
        Embedding::new(table, scale)
    }

    fn norm(&self, name: &str, features: usize) -> Result<Norm> {
        self.loader.rms_norm(name, features, self.config.rms_norm_eps, self.kind.gain_offset)
    }

    fn norms(&self, before: &str, after: &str) -> Result<Norms> {
        let norm = |name: &str| self.norm(name, self.config.hidden_size).map(Some);
        Ok(match self.kind.norms {
            NormPlaces::Before => Norms { input: norm(before)?, ..Norms::default() },
            NormPlaces::Around => Norms { input: norm(before)?, output: norm(after)?, ..Norms::default() },
            NormPlaces::Behind => Norms { output: norm(after)?, ..Norms::default() },
        })
    }

    fn block(&self, name: &str, layer: usize, scheme: usize) -> Result<Block> {
        let named = |part: &str| format!("{name}.{part}");
        let [before_mixer, before_feed] = match self.kind.norms {
            NormPlaces::Before => self.kind.names.before,
            NormPlaces::Around | NormPlaces::Behind => ["input_layernorm", "pre_feedforward_layernorm"],
        };
        let mixer = if self.config.is_convolution(self.kind, layer)? {
            self.convolution(&named("conv"))?.into()
        } else {
            self.attention(&named("self_attn"))?.into()
        };
        Ok(Block {
            mixer: Sublayer {
                inner: mixer,
                norms: self.norms(&named(before_mixer), &named("post_attention_layernorm"))?,
            },
            cross_attention: None,
            feed_forward: Sublayer {
                inner: self.feed(name)?,
                norms: self.norms(&named(before_feed), &named("post_feedforward_layernorm"))?,
            },
            residual: Residual::Sequential,
            scheme,
        })
    }

    fn attention(&self, name: &str) -> Result<Attention> {
        let (config, loader) = (self.config, self.loader);
        let (features, head_dim) = (config.hidden_size, config.head_dim());
        let [inner, key_value_inner] = [config.num_attention_heads, config.key_value_heads()].map(|n| n * head_dim);
        let biased = self.kind.query_key_value_bias || config.attention_bias;
        let (query, key_value) = if self.kind.joined_query_key_value {
            let all = inner + 2 * key_value_inner;
            let joined = loader.linear_with(&format!("{name}.qkv_proj"), features, all, false)?;
            (joined.outputs(0..inner), joined.outputs(inner..all))
        } else {
            let [key, value] = ["k_proj", "v_proj"].map(|which| format!("{name}.{which}"));
            (
                loader.linear_with(&format!("{name}.q_proj"), features, inner, biased)?,
                loader.key_value([&key, &value], features, key_value_inner, biased)?,
            )
        };
        let output = loader.linear_with(
            &format!("{name}.{}", self.kind.names.attention_output),
            inner,
            features,
            config.attention_bias,
        )?;
        let mut attention = Attention::new(query, key_value, output, config.num_attention_heads);
        if let Some(scalar) = config.query_pre_attn_scalar {
            attention.scale = scalar.powf(-0.5) as f32;
        }
        attention.soft_cap = config.attn_logit_softcapping;
        let norm = |which: &str, heads: usize| {
            let name = format!("{name}.{which}");
            match self.kind.query_key_norms {
                QueryKeyNorms::None => Ok(None),
                QueryKeyNorms::Heads => self.norm(&name, head_dim).map(|norm| Some(norm.grouped(heads))),
                QueryKeyNorms::Whole => self.norm(&name, heads * head_dim).map(Some),
            }
        };
        let [query, key] = self.kind.names.query_key_norms;
        let norms = [norm(query, config.num_attention_heads)?, norm(key, config.key_value_heads())?];
        attention.norms = if let [Some(query), Some(key)] = norms { Some([query, key]) } else { None };
        Ok(attention)
    }

    /// The short convolution of a block.
    fn convolution(&self, name: &str) -> Result<ShortConvolution> {
        let (config, loader, features) = (self.config, self.loader, self.config.hidden_size);
        let (taps, biased) = (config.conv_taps, config.conv_bias);
        let named = |part: &str| format!("{name}.{part}");
        let stored = loader.linear_with(&named("in_proj"), features, 3 * features, biased)?;
        let weights = loader.tensor(&named("conv.weight"), [features, 1, taps])?;
        Ok(ShortConvolution {
            // A file has the gates of the output before the values.
            input: stored.outputs((0..features).chain(2 * features..3 * features).chain(features..2 * features)),
            taps: weights.reshape([features, taps]).transpose(),
            bias: biased.then(|| loader.tensor(&named("conv.bias"), [features])).transpose()?,
            output: loader.linear_with(&named("out_proj"), features, features, biased)?,
        })
    }

    /// The feed-forward of a block.
    fn feed(&self, block: &str) -> Result<Feed> {
        let (config, loader) = (self.config, self.loader);
        let (features, inner) = (config.hidden_size, config.inner_size());
        let linear = |name: &str, input: usize, output: usize| loader.linear_with(name, input, output, config.mlp_bias);
        if self.kind.feed == FeedKind::Experts {
            return self.experts(block).map(Feed::Experts);
        }
        let Names { feed, gated: [gate, up, down], .. } = self.kind.names;
        let named = |part: &str| format!("{block}.{feed}.{part}");
        let input = match self.kind.feed {
            FeedKind::Joined => linear(&named("gate_up_proj"), features, 2 * inner)?,
            _ => {
                let [gate, up] = [gate, up].map(|part| linear(&named(part), features, inner));
                Linear::concatenate(vec![gate?, up?])
            }
        };
        let output = linear(&named(down), inner, features)?;
        Ok(FeedForward { input, activation: self.activation(), output }.into())
    }

    /// The experts of a block: in separate tensors, or all in two tensors, as in the memory of transformers 5.
    fn experts(&self, block: &str) -> Result<Experts> {
        let (config, loader) = (self.config, self.loader);
        let (features, inner, count) = (config.hidden_size, config.intermediate_size, config.num_local_experts);
        let name = loader.prefix(&[&format!("{block}.mlp."), &format!("{block}.block_sparse_moe.")]).to_owned();
        let joined = format!("{name}experts.gate_up_proj");
        let router = loader.linear_with(&format!("{name}gate"), features, count, false)?;
        let activation = self.activation();
        let experts = if loader.contains(&joined) {
            let inputs = loader.weight(&joined, [count, 2 * inner, features])?;
            let outputs = loader.weight(&format!("{name}experts.down_proj"), [count, features, inner])?;
            let of = |all: &Tensor<3>, expert| Linear::new(all.clone().narrow(0, expert, 1).squeeze_dim(0), None);
            let expert = |expert| FeedForward { input: of(&inputs, expert), activation, output: of(&outputs, expert) };
            (0..count).map(expert).collect()
        } else {
            let expert = |expert: usize| {
                let linear = |part: &str, input, output| {
                    loader.linear_with(&format!("{name}experts.{expert}.{part}"), input, output, false)
                };
                let input = Linear::concatenate(vec![linear("w1", features, inner)?, linear("w3", features, inner)?]);
                Ok(FeedForward { input, activation, output: linear("w2", inner, features)? })
            };
            (0..count).map(expert).collect::<Result<_>>()?
        };
        Ok(Experts { router, experts, chosen: config.num_experts_per_tok })
    }

    fn activation(&self) -> Activation {
        match self.config.hidden_act {
            Activation::Gelu if self.kind.approximates_gelu => Activation::GeluTanh,
            activation => activation,
        }
    }
}
