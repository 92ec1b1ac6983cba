//! The part of a block that reads other positions.

mod cotangents;

use std::ops::Range;

use burn::tensor::{Int, Tensor};

use super::{
    Attention, AttentionCotangents, AttentionTrace, GatedPositions, KeyValues, Linear, Mask, Rotation, Rows, Rule,
    ShortConvolution, ShortConvolutionTrace,
};

pub use cotangents::MixerCotangents;

/// The part of a block that reads other positions of the same text.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a layer has one")]
#[non_exhaustive]
pub enum Mixer {
    /// Self-attention: each position reads all positions that it sees.
    Attention(Attention),
    /// A short convolution: each position reads the last few positions.
    ShortConvolution(ShortConvolution),
}

/// Values of the forward that [`Mixer::pullback`] needs.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a layer has one")]
#[non_exhaustive]
pub enum MixerTrace {
    /// Trace of [`Mixer::Attention`].
    Attention(AttentionTrace),
    /// Trace of [`Mixer::ShortConvolution`].
    ShortConvolution(ShortConvolutionTrace),
}

/// Values of earlier positions that later positions read.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a layer has one")]
#[non_exhaustive]
pub enum History {
    /// History of [`Mixer::Attention`].
    Attention(KeyValues),
    /// History of [`Mixer::ShortConvolution`].
    ShortConvolution(GatedPositions),
}

impl From<Attention> for Mixer {
    fn from(attention: Attention) -> Self {
        Self::Attention(attention)
    }
}

impl From<ShortConvolution> for Mixer {
    fn from(convolution: ShortConvolution) -> Self {
        Self::ShortConvolution(convolution)
    }
}

impl MixerTrace {
    /// The trace of some batch entries.
    pub(crate) fn entries(&self, range: &Range<usize>) -> MixerTrace {
        match self {
            Self::Attention(trace) => Self::Attention(trace.entries(range)),
            Self::ShortConvolution(trace) => Self::ShortConvolution(trace.entries(range)),
        }
    }

    /// The history of the first `length` positions of one batch entry.
    pub(crate) fn history(&self, entry: usize, length: usize) -> History {
        match self {
            Self::Attention(trace) => History::Attention(trace.key_values(entry, length)),
            Self::ShortConvolution(trace) => History::ShortConvolution(trace.gated(entry, length)),
        }
    }

    /// The trace with another rule.
    #[must_use]
    pub fn ruled(self, rule: Rule<&MixerTrace>) -> MixerTrace {
        match self {
            Self::Attention(own) => Self::Attention(own.ruled(rule.and_then(MixerTrace::attention))),
            Self::ShortConvolution(own) => {
                Self::ShortConvolution(own.ruled(rule.and_then(MixerTrace::short_convolution)))
            }
        }
    }

    fn attention(&self) -> Option<&AttentionTrace> {
        if let Self::Attention(trace) = self { Some(trace) } else { None }
    }

    fn short_convolution(&self) -> Option<&ShortConvolutionTrace> {
        if let Self::ShortConvolution(trace) = self { Some(trace) } else { None }
    }
}

impl History {
    /// The history of the first `length` positions.
    #[must_use]
    pub fn prefix(&self, length: usize) -> History {
        match self {
            Self::Attention(key_values) => Self::Attention(key_values.prefix(length)),
            Self::ShortConvolution(gated) => Self::ShortConvolution(gated.prefix(length)),
        }
    }

    /// The batch entries of `index`.
    #[must_use]
    pub fn select(self, index: &Tensor<1, Int>) -> History {
        match self {
            Self::Attention(key_values) => Self::Attention(key_values.select(index)),
            Self::ShortConvolution(gated) => Self::ShortConvolution(gated.select(index)),
        }
    }
}

impl Mixer {
    /// Output for `x` `[batch, position, feature]`, and the trace. `dropout` returns the factors of weights of a shape
    /// `[batch, head, query, key]`.
    pub fn forward(
        &self,
        x: Tensor<3>,
        mask: &Mask,
        rotation: Option<&Rotation>,
        dropout: impl FnOnce([usize; 4]) -> Option<Tensor<4>>,
    ) -> (Tensor<3>, MixerTrace) {
        match self {
            Self::Attention(attention) => {
                let [batch, length, _] = x.dims();
                let key_values = attention.key_values(x.clone(), rotation);
                let dropout = dropout([batch, attention.heads, length, length]);
                let (y, trace) = attention.forward(x, &key_values, mask, rotation, dropout);
                (y, MixerTrace::Attention(trace))
            }
            Self::ShortConvolution(convolution) => {
                let (y, trace) = convolution.forward(x);
                (y, MixerTrace::ShortConvolution(trace))
            }
        }
    }

    /// Output for the positions `x` `[batch, position, feature]` after those of `history`; adds them to `history`.
    pub fn step(
        &self,
        x: Tensor<3>,
        history: &mut Option<History>,
        mask: &Mask,
        rotation: Option<&Rotation>,
    ) -> Tensor<3> {
        match self {
            Self::Attention(attention) => {
                let earlier = match history.take() {
                    Some(History::Attention(key_values)) => Some(key_values),
                    _ => None,
                };
                let all = attention.key_values(x.clone(), rotation).after(earlier);
                let y = attention.forward(x, &all, mask, rotation, None).0;
                *history = Some(History::Attention(all));
                y
            }
            Self::ShortConvolution(convolution) => {
                let mut gated = match history.take() {
                    Some(History::ShortConvolution(gated)) => Some(gated),
                    _ => None,
                };
                let y = convolution.step(x, &mut gated);
                *history = gated.map(History::ShortConvolution);
                y
            }
        }
    }

    /// Pulls cotangents of the output in `rows` back to the input; zeros for a trace of another kind.
    pub fn pullback(&self, cotangent: Tensor<4>, trace: &MixerTrace, rows: &Rows) -> MixerCotangents {
        match (self, trace) {
            (Self::Attention(attention), MixerTrace::Attention(trace)) => {
                let AttentionCotangents { queries, memory } = attention.pullback(cotangent, trace, rows);
                let rows = if trace.is_causal() { rows.reached() } else { Rows::prefix(memory.dims()[2]) };
                MixerCotangents { own: queries, reached: memory, rows }
            }
            (Self::ShortConvolution(convolution), MixerTrace::ShortConvolution(trace)) => {
                convolution.pullback(cotangent, trace, rows)
            }
            _ => {
                let (own, reached) = (cotangent.zeros_like(), rows.reached());
                MixerCotangents { reached: rows.among_reached(own.clone()), own, rows: reached }
            }
        }
    }

    /// The weights `[batch, head, query, key]` of a forward, whose rows sum to 1; `None` if the mixer has no weights.
    pub fn weights(&self, trace: &MixerTrace) -> Option<Tensor<4>> {
        match (self, trace) {
            (Self::Attention(attention), MixerTrace::Attention(trace)) => Some(attention.weights(trace)),
            _ => None,
        }
    }

    /// Number of heads with [weights](Self::weights); 0 if the mixer has no weights.
    pub fn heads(&self) -> usize {
        match self {
            Self::Attention(attention) => attention.heads,
            Self::ShortConvolution(_) => 0,
        }
    }

    /// Size of the last axis of the input.
    pub fn features(&self) -> usize {
        match self {
            Self::Attention(attention) => attention.query.input_size(),
            Self::ShortConvolution(convolution) => convolution.features(),
        }
    }

    /// Number of inner values per position.
    pub fn inner_size(&self) -> usize {
        match self {
            Self::Attention(attention) => attention.output.input_size() + attention.key_value.output_size(),
            Self::ShortConvolution(convolution) => convolution.input.output_size() + convolution.output.input_size(),
        }
    }

    /// Number of values per position of the widest product.
    pub fn widest_row(&self) -> usize {
        match self {
            Self::Attention(attention) => attention.key_value.output_size(),
            Self::ShortConvolution(convolution) => convolution.input.output_size(),
        }
    }

    /// A mixer whose output is zero.
    #[must_use]
    pub fn silent(self) -> Mixer {
        match self {
            Self::Attention(attention) => {
                Self::Attention(Attention { output: Linear::zeros_like(&attention.output), ..attention })
            }
            Self::ShortConvolution(convolution) => Self::ShortConvolution(ShortConvolution {
                output: Linear::zeros_like(&convolution.output),
                ..convolution
            }),
        }
    }
}
