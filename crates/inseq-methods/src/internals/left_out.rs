//! Layers that cannot take anything from a position.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use inseq_models::layers::LeftOutValues;
use inseq_models::model::{LayerView, Model, Part, Side, Source, ranges_of_rows};
use inseq_models::parallel::{processors, side_by_side};

use crate::Result;

/// Whose values are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LeftOut {
    /// Those of the encoder's self-attention.
    Encoder,
    /// Those of the decoder's self-attention.
    Decoder,
    /// Those of the cross-attention.
    Cross,
}

impl LeftOut {
    /// The stack of the layers.
    pub(super) fn side(self) -> Side {
        match self {
            Self::Encoder => Side::Encoder,
            Self::Decoder | Self::Cross => Side::Decoder,
        }
    }

    /// The attention.
    fn part(self) -> Part {
        match self {
            Self::Encoder | Self::Decoder => Part::Mixer,
            Self::Cross => Part::CrossAttention,
        }
    }
}

/// Which values are left out, and whose states are asked for without them.
#[derive(Clone, Debug)]
pub(super) struct LeftOutRequest<'a> {
    /// Whose values.
    pub(super) which: LeftOut,
    /// The spans of positions that are left out, one at a time; the states of a part are there at once.
    pub(super) parts: Vec<&'a [Range<usize>]>,
    /// Heads that lose the values, by layer. A layer without such heads is not run.
    pub(super) heads: Vec<Vec<usize>>,
    /// The positions whose states are asked for.
    pub(super) wanted: Range<usize>,
}

/// Rows of all processors from which layers' pieces are worked on rather than kept for more.
const MOST_KEPT: usize = 1 << 13;

/// A layer as the text runs through it.
struct Layer<'a> {
    view: LayerView<'a>,
    /// `[1, position, feature]`: what was prepared of the layer's states.
    states: Tensor<3>,
}

impl<'a> Layer<'a> {
    fn new(view: LayerView<'a>, prepare: impl Fn(Tensor<3>) -> Tensor<3>) -> Option<Self> {
        let states = prepare(compared(&view, view.output()?));
        Some(Self { view, states })
    }
}

/// What becomes of a layer's output before it is compared.
fn compared(view: &LayerView, output: Tensor<3>) -> Tensor<3> {
    if view.is_last() { view.read_out(output) } else { output }
}

/// Some of the spans of a request in one layer.
struct Piece<'a> {
    request: usize,
    heads: &'a [usize],
    layer: Arc<Layer<'a>>,
    /// Weights of the attention that the request is about.
    weights: Tensor<4>,
    left_out: LeftOutValues<'a>,
}

/// The pieces of layers that wait to be worked on together.
struct Pieces<'a, P, M, E> {
    requests: &'a [LeftOutRequest<'a>],
    waiting: Vec<Piece<'a>>,
    rows: usize,
    device: Device,
    prepare: P,
    measure: M,
    each: E,
}

impl<'a, T, P, M, E> Pieces<'a, P, M, E>
where
    T: Send,
    P: Fn(Tensor<3>) -> Tensor<3>,
    M: Fn(Tensor<3>, Tensor<3>) -> T + Sync,
    E: FnMut(usize, usize, &LeftOutValues, T) -> Result<()>,
{
    /// What the requests want of a layer waits from now on.
    fn take(&mut self, view: LayerView<'a>) -> Result<()> {
        let Some(layer) = Layer::new(view, &self.prepare) else { return Ok(()) };
        let layer = Arc::new(layer);
        for (index, request) in self.requests.iter().enumerate() {
            let heads = request.heads.get(layer.view.index()).map(Vec::as_slice).unwrap_or_default();
            if request.which.side() != layer.view.side() || heads.is_empty() {
                continue;
            }
            let Some(weights) = layer.view.attention_weights(request.which.part()) else { continue };
            let of = |spans| LeftOutValues::new(spans, request.wanted.clone(), request.which == LeftOut::Decoder);
            for &spans in &request.parts {
                let rows: Vec<usize> = of(spans).queries.iter().map(ExactSizeIterator::len).collect();
                self.rows += rows.iter().sum::<usize>();
                self.waiting.extend(ranges_of_rows(&rows, &self.device).into_iter().map(|part| Piece {
                    request: index,
                    heads,
                    layer: Arc::clone(&layer),
                    weights: weights.clone(),
                    left_out: of(&spans[part]),
                }));
            }
        }
        drop(layer);
        if self.rows >= MOST_KEPT * processors(&self.device) { self.work() } else { Ok(()) }
    }

    /// Works on all that wait.
    fn work(&mut self) -> Result<()> {
        let pieces = std::mem::take(&mut self.waiting);
        self.rows = 0;
        // A device that does its work by itself does one piece after the other.
        let at_once = if processors(&self.device) == 0 { 1 } else { pieces.len().max(1) };
        for pieces in pieces.chunks(at_once) {
            let measured = side_by_side(pieces, |Piece { request, heads, layer, weights, left_out }| {
                let part = self.requests[*request].which.part();
                let output = layer.view.without_values(part, weights, left_out, heads)?;
                Some((self.measure)(compared(&layer.view, output), left_out.of_rows(layer.states.clone())))
            });
            for (piece, measured) in pieces.iter().zip(measured) {
                if let Some(measured) = measured {
                    (self.each)(piece.request, piece.layer.view.index(), &piece.left_out, measured)?;
                }
            }
        }
        Ok(())
    }
}

/// Runs one text, and each layer again for every span of positions whose values it cannot take; every layer by itself, on the
/// states of the text as it is.
///
/// `measure` gets a layer's states without values and what `prepare` makes of those that it has otherwise, both
/// `[1, row, feature]`; those of the last layer are the stack's output. `each` gets a request's index, a layer's, what its
/// rows are, and what was measured of them.
///
/// # Errors
/// The first that `each` returns.
pub(super) fn left_out_values<T: Send>(
    model: &Model,
    (source, target): (Option<&Source>, Tensor<3>),
    requests: &[LeftOutRequest],
    prepare: impl Fn(Tensor<3>) -> Tensor<3>,
    measure: impl Fn(Tensor<3>, Tensor<3>) -> T + Sync,
    each: impl FnMut(usize, usize, &LeftOutValues, T) -> Result<()>,
) -> Result<()> {
    let device = model.device();
    let mut pieces = Pieces { requests, waiting: Vec::new(), rows: 0, device, prepare, measure, each };
    model.walk(source, target, |view| pieces.take(view))?;
    pieces.work()
}
