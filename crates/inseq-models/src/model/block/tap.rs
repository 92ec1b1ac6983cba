//! A block cut at one of its sublayers.

use burn::tensor::Tensor;

use super::super::layer::{LayerStates, Part, Tap, TapPoint};
use super::super::sublayer::{Norms, Sublayer, normed};
use super::{Block, Context, Residual};
use crate::layers::Mixer;

/// The intermediate states of a sublayer on the residual stream.
struct Steps {
    output: Tensor<3>,
    branch: Tensor<3>,
    residual: Tensor<3>,
    stream: Tensor<3>,
}

impl Steps {
    fn of<L>(sublayer: &Sublayer<L>, x: Tensor<3>, inner: impl FnOnce(Tensor<3>) -> Tensor<3>) -> Self {
        let (branch, residual, trace) = sublayer.branch(x, None, |x, _| {
            let y = inner(x);
            (y.clone(), y)
        });
        let stream = normed(sublayer.norms.sum.as_ref(), residual.clone() + branch.clone()).0;
        Self { output: trace.inner, branch, residual, stream }
    }

    fn at(self, point: TapPoint) -> LayerStates {
        match point {
            TapPoint::Output => LayerStates { states: self.output, residual: Some(self.residual) },
            TapPoint::Branch => LayerStates { states: self.branch, residual: Some(self.residual) },
            TapPoint::Stream => LayerStates { states: self.stream, residual: None },
        }
    }
}

impl Block {
    /// The states at one of the block's sublayers, for its input `x` `[batch, position, feature]`.
    pub(in crate::model) fn tapped(&self, Tap { part, point }: Tap, x: Tensor<3>, context: &Context) -> LayerStates {
        let mix = |x: Tensor<3>| self.mix(x, context).0;
        let feed = |x: Tensor<3>| self.feed_forward.inner.forward(x);
        if self.residual == Residual::Parallel {
            let mixed = Steps::of(&self.mixer, x.clone(), mix);
            let fed = Steps::of(&self.feed_forward, x, feed);
            // Each is added to the input with what the other gives.
            let (mut own, other) = if part == Part::FeedForward { (fed, mixed) } else { (mixed, fed) };
            own.residual = own.residual + other.branch;
            return own.at(point);
        }
        let mixed = Steps::of(&self.mixer, x, mix);
        if part == Part::Mixer {
            return mixed.at(point);
        }
        let mut x = mixed.stream;
        if let (Some(cross), Some(_)) = (&self.cross_attention, context.memory) {
            let crossed = Steps::of(cross, x, |x| self.attend_to_memory(x, context).0);
            if part == Part::CrossAttention {
                return crossed.at(point);
            }
            x = crossed.stream;
        }
        Steps::of(&self.feed_forward, x, feed).at(point)
    }

    /// The norms around a sublayer.
    pub(in crate::model) fn norms(&self, part: Part) -> &Norms {
        match (part, &self.cross_attention) {
            (Part::CrossAttention, Some(cross)) => &cross.norms,
            (Part::FeedForward, _) => &self.feed_forward.norms,
            _ => &self.mixer.norms,
        }
    }

    /// The block without the sublayers up to one of them; `None` if none remains.
    pub(in crate::model) fn above(self, part: Part) -> Option<Self> {
        if part == Part::FeedForward || self.residual == Residual::Parallel {
            return None;
        }
        let cross_attention = self.cross_attention.filter(|_| part == Part::Mixer);
        Some(Self { mixer: self.mixer.silent(), cross_attention, ..self })
    }
}

impl Sublayer<Mixer> {
    /// A mixer that adds nothing to the residual stream.
    fn silent(self) -> Self {
        Self { inner: self.inner.silent(), norms: Norms::default() }
    }
}
