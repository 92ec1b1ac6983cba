//! Texts divided into pieces whose steps one forward can serve.
//!
//! A forward serves every step of a text because no state depends on later tokens. Rotary frequencies that depend on the
//! length of a text (LongRoPE, dynamic NTK) break this: a step uses the frequencies of the text before it; all tokens of a span use
//! those of the text before its last one. A piece of the text therefore ends where the frequencies change.

use std::borrow::Cow;

use inseq_models::model::Model;
use ndarray::{Array, ArrayD, ArrayView, ArrayViewD, Axis, RemoveAxis, Slice, concatenate};

use crate::Result;
use crate::engine::{Steps, TextSteps};
use crate::method::{Attributions, Method};

/// Steps of a text with the same frequencies.
pub(crate) struct Piece<'a> {
    /// Index of the text.
    pub(crate) text: usize,
    /// The text with only these steps, which include steps that the method needs in addition to the requested ones.
    pub(crate) steps: Cow<'a, TextSteps>,
    /// The requested steps among these.
    asked: Vec<usize>,
}

impl Piece<'_> {
    /// The attributions of the requested steps of the piece.
    pub(crate) fn of_asked(&self, attributions: Attributions) -> Attributions {
        match self.asked.len() == self.steps.steps.len() {
            true => attributions,
            false => attributions.of_steps(&self.asked),
        }
    }
}

/// The pieces of texts, in order for each text, for a method that also attributes the target if it is `attributed`.
pub(crate) fn pieces<'a>(
    model: &Model,
    method: &dyn Method,
    attributed: bool,
    texts: &'a [TextSteps],
) -> Vec<Piece<'a>> {
    let of_text = |(text, own): (usize, &'a TextSteps)| {
        let needed = if own.steps.is_empty() { Steps::default() } else { method.needed_steps(own, attributed) };
        let pieces =
            needed.alike(|a, b| model.decoder.rotates_alike(a.end - 1, b.end - 1)).into_iter().filter_map(|range| {
                let steps = needed.some(range);
                let asked = own.steps.among(&steps);
                if asked.is_empty() {
                    return None;
                }
                let steps = match steps == own.steps {
                    true => Cow::Borrowed(own),
                    false => Cow::Owned(TextSteps { steps, ..own.clone() }),
                };
                Some(Piece { text, steps, asked })
            });
        pieces.collect::<Vec<_>>()
    };
    texts.iter().enumerate().flat_map(of_text).collect()
}

/// Batches of at most `size` pieces: pieces with the same frequencies and similar lengths, to keep the padding small. Earlier
/// pieces of a text come first.
pub(crate) fn batches<'p, 'a>(model: &Model, pieces: &'p [Piece<'a>], size: usize) -> Vec<Vec<&'p Piece<'a>>> {
    let mut order: Vec<&Piece> = pieces.iter().collect();
    order.sort_by_key(|piece| (piece.steps.steps.end(), piece.steps.source.len()));
    let seen = |piece: &Piece| piece.steps.seen();
    let alike = order.chunk_by(|a, b| model.decoder.rotates_alike(seen(a), seen(b)));
    alike.flat_map(|alike| alike.chunks(size)).map(<[_]>::to_vec).collect()
}

/// Joins the attributions of the pieces of a text.
///
/// # Errors
/// The scores of the pieces have different axes.
pub(crate) fn joined(mut pieces: Vec<Attributions>) -> Result<Attributions> {
    let Some(mut last) = pieces.pop() else { return Ok(Attributions::default()) };
    if pieces.is_empty() {
        return Ok(last);
    }
    pieces.push(last.clone());
    let side = |of: fn(&Attributions) -> &Option<ArrayD<f32>>| -> Result<Option<ArrayD<f32>>> {
        let Some(arrays) = pieces.iter().map(|piece| of(piece).as_ref()).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        // Later pieces see more.
        let rows = arrays.iter().map(|array| array.shape()[0]).max().unwrap_or(0);
        let arrays = arrays.into_iter().map(|array| {
            let mut shape = array.raw_dim();
            shape[0] = rows;
            let mut whole = ArrayD::from_elem(shape, f32::NAN);
            whole.slice_axis_mut(Axis(0), Slice::from(..array.shape()[0])).assign(array);
            whole
        });
        let arrays: Vec<ArrayD<f32>> = arrays.collect();
        let views: Vec<ArrayViewD<f32>> = arrays.iter().map(|array| array.view()).collect();
        joined_along(Axis(1), &views).map(Some)
    };
    (last.source, last.target) = (side(|piece| &piece.source)?, side(|piece| &piece.target)?);
    for (index, (_, scores)) in last.step_scores.iter_mut().enumerate() {
        let each: Vec<_> = pieces.iter().filter_map(|piece| piece.step_scores.get(index)).map(|s| s.1.view()).collect();
        *scores = joined_along(Axis(0), &each)?;
    }
    Ok(last)
}

fn joined_along<D: RemoveAxis>(axis: Axis, arrays: &[ArrayView<f32, D>]) -> Result<Array<f32, D>> {
    concatenate(axis, arrays)
        .map_err(|error| inseq_core::Error::Invalid(format!("scores of a text's pieces do not join: {error}")).into())
}
