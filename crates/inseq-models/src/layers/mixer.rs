//! What a block takes of its own other positions.

use std::ops::Range;

use burn::tensor::{Int, Tensor};

use super::{
    Attention, AttentionCotangents, AttentionTrace, GatedPositions, KeyValues, Linear, Mask, Rotation, Rows,
    ShortConvolution, ShortConvolutionTrace,
};

/// The part of a block that mixes its own positions.
#[derive(Clone, Debug)]
pub enum Mixer {
    /// Each position takes of all that it sees.
    Attention(Attention),
    /// Each position takes of the last few.
    ShortConvolution(ShortConvolution),
}

/// What [`Mixer::pullback`] needs of the forward.
#[derive(Clone, Debug)]
pub enum MixerTrace {
    /// Of [`Mixer::Attention`].
    Attention(AttentionTrace),
    /// Of [`Mixer::ShortConvolution`].
    ShortConvolution(ShortConvolutionTrace),
}

/// What later positions take of earlier ones.
#[derive(Clone, Debug)]
pub enum History {
    /// Of [`Mixer::Attention`].
    Attention(KeyValues),
    /// Of [`Mixer::ShortConvolution`].
    ShortConvolution(GatedPositions),
}

/// Where [`Mixer::pullback`] leads.
#[derive(Clone, Debug)]
pub struct MixerCotangents {
    /// To the mixing positions' own input, in the rows that came in.
    pub own: Tensor<4>,
    /// To the input of the positions that they take something of, in `rows`.
    pub reached: Tensor<4>,
    /// The rows that those that came in reach.
    pub rows: Rows,
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
    /// Of some batch entries.
    pub(crate) fn entries(&self, range: &Range<usize>) -> MixerTrace {
        match self {
            Self::Attention(trace) => Self::Attention(trace.entries(range)),
            Self::ShortConvolution(trace) => Self::ShortConvolution(trace.entries(range)),
        }
    }

    /// What positions after the first `length` of one batch entry take of them.
    pub(crate) fn history(&self, entry: usize, length: usize) -> History {
        match self {
            Self::Attention(trace) => History::Attention(trace.key_values(entry, length)),
            Self::ShortConvolution(trace) => History::ShortConvolution(trace.gated(entry, length)),
        }
    }

    /// The trace with difference quotients to a baseline in the place of derivatives, for everything that is not linear.
    pub fn rescaled(&self, baseline: &MixerTrace) -> MixerTrace {
        match (self, baseline) {
            (Self::Attention(own), Self::Attention(baseline)) => Self::Attention(own.rescaled(baseline)),
            (Self::ShortConvolution(own), Self::ShortConvolution(baseline)) => {
                Self::ShortConvolution(own.rescaled(baseline))
            }
            _ => self.clone(),
        }
    }
}

impl History {
    /// What the first `length` positions leave.
    pub fn prefix(&self, length: usize) -> History {
        match self {
            Self::Attention(key_values) => Self::Attention(key_values.prefix(length)),
            Self::ShortConvolution(gated) => Self::ShortConvolution(gated.prefix(length)),
        }
    }

    /// The batch entries of `index`.
    pub fn select(self, index: &Tensor<1, Int>) -> History {
        match self {
            Self::Attention(key_values) => Self::Attention(key_values.select(index)),
            Self::ShortConvolution(gated) => Self::ShortConvolution(gated.select(index)),
        }
    }
}

impl Mixer {
    /// The output for `x` `[batch, position, feature]`, with the trace. `dropout` gives what weights of a shape
    /// `[batch, head, query, key]` are multiplied by.
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

    /// The output for the positions `x` `[batch, position, feature]` that come after those of `history`, which takes them up.
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

    /// Cotangents of the output in `rows` to those of the input; of a trace of another kind, zeros.
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

    /// The weights `[batch, head, query, key]` of a forward, whose rows sum to 1; `None` where the mixer has none.
    pub fn weights(&self, trace: &MixerTrace) -> Option<Tensor<4>> {
        match (self, trace) {
            (Self::Attention(attention), MixerTrace::Attention(trace)) => Some(attention.weights(trace)),
            _ => None,
        }
    }

    /// The heads that have [weights](Self::weights); 0 where the mixer has none.
    pub fn heads(&self) -> usize {
        match self {
            Self::Attention(attention) => attention.heads,
            Self::ShortConvolution(_) => 0,
        }
    }

    /// Size of the input's last axis.
    pub fn features(&self) -> usize {
        match self {
            Self::Attention(attention) => attention.query.input_size(),
            Self::ShortConvolution(convolution) => convolution.features(),
        }
    }

    /// Values that a position takes between the first layer and the last.
    pub fn inner_size(&self) -> usize {
        match self {
            Self::Attention(attention) => attention.output.input_size() + attention.key_value.output_size(),
            Self::ShortConvolution(convolution) => convolution.input.output_size() + convolution.output.input_size(),
        }
    }

    /// Values of the widest product for a position.
    pub fn widest_row(&self) -> usize {
        match self {
            Self::Attention(attention) => attention.key_value.output_size(),
            Self::ShortConvolution(convolution) => convolution.input.output_size(),
        }
    }

    /// A mixer that gives zeros.
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
