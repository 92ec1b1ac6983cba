//! Differences between Llama and related models.

use crate::architectures::rope::RopeFamily;
use crate::model::{Modules, Part};

/// Differences between the models of this layout.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Class of the model in transformers.
    pub model_class: &'static str,
    /// Whether queries, keys and values have biases and the output has none. In other models `attention_bias` determines all four
    /// biases.
    pub query_key_value_bias: bool,
    /// Norms of queries and keys.
    pub query_key_norms: QueryKeyNorms,
    /// Places of each sublayer's norms.
    pub norms: NormPlaces,
    /// Added to the stored gains of norms.
    pub gain_offset: f32,
    /// Whether embeddings are scaled by the root of their width.
    pub scales_embeddings: bool,
    /// Whether `gelu` in `config.json` means its approximation.
    pub approximates_gelu: bool,
    /// Whether queries, keys and values share one weight.
    pub joined_query_key_value: bool,
    /// Kind of feed-forward.
    pub feed: FeedKind,
    /// Layers with a window.
    pub windows: Windows,
    /// Fields of `config.json` for the rotation.
    pub rope: RopeFamily,
    /// Whether layers with the type `conv` in `layer_types` have a short convolution instead of a self-attention.
    pub convolutions: bool,
    /// Names of tensors.
    pub names: Names,
}

/// The names of tensors that differ between models.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Norms before mixer and feed-forward, if these are the only norms.
    pub before: [&'static str; 2],
    /// The last norm.
    pub last: &'static str,
    /// Output projection of the attention.
    pub attention_output: &'static str,
    /// Norms of queries and keys.
    pub query_key_norms: [&'static str; 2],
    /// The feed-forward.
    pub feed: &'static str,
    /// Gate, up and output projections of the feed-forward.
    pub gated: [&'static str; 3],
    /// The attention, and its output, as modules of a block.
    pub attention_modules: [&'static str; 2],
    /// The feed-forward, and its output, as modules of a block.
    pub feed_modules: [&'static str; 2],
}

impl Names {
    /// The names of Llama.
    pub const LLAMA: Names = Names {
        // The second norm's name tells where it was in the first models: after the attention, and before what follows.
        before: ["input_layernorm", "post_attention_layernorm"],
        last: "norm",
        attention_output: "o_proj",
        query_key_norms: ["q_norm", "k_norm"],
        feed: "mlp",
        gated: ["gate_proj", "up_proj", "down_proj"],
        attention_modules: ["self_attn", "self_attn.o_proj"],
        feed_modules: ["mlp", "mlp.down_proj"],
    };
}

/// Kind of feed-forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedKind {
    /// One network with separate weights of gate and up projection.
    Gated,
    /// One network with one weight for gate and up projection.
    Joined,
    /// Experts, `num_experts_per_tok` of `num_local_experts`.
    Experts,
}

/// Norms of queries and keys before the rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKeyNorms {
    /// No norms.
    None,
    /// One norm per head.
    Heads,
    /// One norm over all heads.
    Whole,
}

/// Places of a sublayer's norms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlaces {
    /// `x + f(norm(x))`.
    Before,
    /// `x + norm(f(norm(x)))`.
    Around,
    /// `x + norm(f(x))`.
    Behind,
}

/// Layers that see only `sliding_window` positions, if `layer_types` is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    /// No layers.
    None,
    /// All layers, if there is a `sliding_window`.
    All,
    /// The layers from `max_window_layers` on, if `use_sliding_window` is true.
    Upper,
    /// The layers without rotation, if `use_sliding_window` is true.
    Unrotated,
    /// All layers except every n-th; `sliding_window_pattern` replaces the default n.
    AllBut(usize),
}

impl Kind {
    /// The kind of Llama.
    pub const LLAMA: Kind = Kind {
        model_class: "LlamaForCausalLM",
        query_key_value_bias: false,
        query_key_norms: QueryKeyNorms::None,
        norms: NormPlaces::Before,
        gain_offset: 0.0,
        scales_embeddings: false,
        approximates_gelu: false,
        joined_query_key_value: false,
        feed: FeedKind::Gated,
        windows: Windows::None,
        rope: RopeFamily::Llama,
        convolutions: false,
        names: Names::LLAMA,
    };

    pub(super) fn modules(&self) -> Modules {
        let Names { attention_modules, feed_modules, .. } = self.names;
        let with = |mixer: &[&'static str]| Modules::of_outputs("model.layers", mixer, &feed_modules);
        let mut modules = Modules { convolution: with(&["conv", "conv.out_proj"]).inner, ..with(&attention_modules) };
        if self.norms != NormPlaces::Before {
            modules.inner.extend([
                ("post_attention_layernorm", Some(Part::Mixer.branch())),
                ("post_feedforward_layernorm", Some(Part::FeedForward.branch())),
            ]);
        }
        modules
    }
}
