//! Places inside a model, and their names.

use burn::tensor::Tensor;

use crate::layers::Mixer;

/// A place inside a model; [`Model::states_at`](crate::model::Model::states_at) returns its states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The stack.
    pub side: Side,
    /// The block, counted from the input up.
    pub block: usize,
    /// The place in the block; `None` is the block's output.
    pub tap: Option<Tap>,
}

/// One of a model's two stacks; there is no third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The encoder.
    Encoder,
    /// The decoder.
    Decoder,
}

/// A place in a block. A sublayer `f` turns the residual stream `x` into `sum(x + output(f(input(x))))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// The sublayer.
    pub part: Part,
    /// The place around the sublayer.
    pub point: TapPoint,
}

/// A sublayer of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The sublayer that reads other positions.
    Mixer,
    /// Attention to the encoder's output.
    CrossAttention,
    /// The position-wise network.
    FeedForward,
}

/// A place around a sublayer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TapPoint {
    /// `f(input(x))`: the output of the sublayer.
    Output,
    /// `output(f(input(x)))`: the term that is added to the residual stream.
    Branch,
    /// `sum(x + output(f(input(x))))`: the residual stream after the sublayer.
    Stream,
}

impl Part {
    /// The output of the sublayer.
    pub const fn output(self) -> Tap {
        Tap { part: self, point: TapPoint::Output }
    }

    /// The term that is added to the residual stream.
    pub const fn branch(self) -> Tap {
        Tap { part: self, point: TapPoint::Branch }
    }

    /// The residual stream after the sublayer.
    pub const fn stream(self) -> Tap {
        Tap { part: self, point: TapPoint::Stream }
    }
}

impl Layer {
    /// Whether states at the layer are later added to a residual stream.
    pub fn has_residual(self) -> bool {
        self.tap.is_some_and(|tap| tap.point != TapPoint::Stream)
    }
}

/// Names of a stack's blocks and their modules in transformers.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    /// Name of the list of blocks, such as `transformer.h`.
    pub blocks: &'static str,
    /// Modules of a block, with the places of their outputs; `None` is the block's output.
    pub inner: Vec<(&'static str, Option<Tap>)>,
    /// Modules of a block whose mixer is a convolution.
    pub convolution: Vec<(&'static str, Option<Tap>)>,
}

impl Modules {
    /// Modules of blocks with these names: the mixer and its last module, the feed-forward and its last module. Their outputs are the
    /// outputs of the sublayers.
    pub fn of_outputs(blocks: &'static str, mixer: &[&'static str], feed_forward: &[&'static str]) -> Self {
        let named = |names: &[&'static str], part: Part| -> Vec<_> {
            names.iter().map(|name| (*name, Some(part.output()))).collect()
        };
        let inner = [named(mixer, Part::Mixer), named(feed_forward, Part::FeedForward)].concat();
        Self { blocks, inner, ..Self::default() }
    }

    /// The modules of a block with this mixer.
    pub(super) fn of(&self, mixer: &Mixer) -> &[(&'static str, Option<Tap>)] {
        match mixer {
            Mixer::Attention(_) => &self.inner,
            Mixer::ShortConvolution(_) => &self.convolution,
        }
    }
}

/// States at a layer.
#[derive(Clone, Debug)]
pub struct LayerStates {
    /// States, `[batch, position, feature]`.
    pub states: Tensor<3>,
    /// Residual stream that the states are later added to, `[batch, position, feature]`; `None` if the states are the whole
    /// residual stream.
    pub residual: Option<Tensor<3>>,
}

impl Side {
    /// `encoder` or `decoder`.
    pub fn name(self) -> &'static str {
        match self {
            Side::Encoder => "encoder",
            Side::Decoder => "decoder",
        }
    }
}
