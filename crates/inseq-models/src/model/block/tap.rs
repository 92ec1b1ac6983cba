//! A block cut at one of its sublayers.

use burn::tensor::Tensor;

use super::super::layer::{LayerStates, Part, Tap, TapPoint};
use super::super::sublayer::{Norms, Sublayer, SublayerStates};
use super::{Block, Context, Residual};
use crate::layers::Mixer;

impl Block {
    /// The states at one of the block's sublayers, for its input `x` `[batch, position, feature]`; `None` where there is no such
    /// sublayer.
    pub(in crate::model) fn tapped(
        &self,
        Tap { part, point }: Tap,
        x: Tensor<3>,
        context: &Context,
    ) -> Option<LayerStates> {
        let (_, trace) = self.forward(x, &Context { states: true, ..context.clone() });
        let SublayerStates { residual, given, branch, after, .. } = trace.states(part)?.clone();
        Some(match point {
            TapPoint::Output => LayerStates { states: given, residual: Some(residual) },
            TapPoint::Branch => LayerStates { states: branch, residual: Some(residual) },
            TapPoint::Stream => LayerStates { states: after, residual: None },
        })
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
