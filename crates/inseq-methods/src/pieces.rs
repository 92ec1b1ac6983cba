//! Texts cut into steps that one forward can serve.
//!
//! A forward serves every step of a text because no state depends on what comes after it. Rotary frequencies that depend on the
//! length of a text (LongRoPE, dynamic NTK) break this: a step sees those of the text before it. Its piece of the text ends where
//! the frequencies change.

use std::borrow::Cow;

use inseq_models::model::Model;
use ndarray::{Array, ArrayD, ArrayView, ArrayViewD, Axis, RemoveAxis, Slice, concatenate};

use crate::engine::TextSteps;
use crate::method::Attributions;
use crate::{Error, Result};

/// Steps of a text whose frequencies are the same.
pub(crate) struct Piece<'a> {
    /// Which of the texts it is of.
    pub(crate) text: usize,
    /// The text with these steps alone.
    pub(crate) steps: Cow<'a, TextSteps>,
}

/// The pieces of texts, those of each in order.
pub(crate) fn pieces<'a>(model: &Model, texts: &'a [TextSteps]) -> Vec<Piece<'a>> {
    let of_text = |(text, whole): (usize, &'a TextSteps)| {
        // The step at a position sees as many positions.
        let positions: Vec<usize> = whole.steps.clone().collect();
        let alike = positions.chunk_by(|&a, &b| model.decoder.rotates_alike(a, b));
        let pieces = alike.map(|positions| {
            let steps = positions[0]..positions[0] + positions.len();
            let steps = match steps == whole.steps {
                true => Cow::Borrowed(whole),
                false => Cow::Owned(TextSteps { steps, ..whole.clone() }),
            };
            Piece { text, steps }
        });
        pieces.collect::<Vec<_>>()
    };
    texts.iter().enumerate().flat_map(of_text).collect()
}

/// Pieces that go through the model together, at most `size` of them: those that rotate alike, of like lengths, so that little of
/// a batch is padding. Of a text, earlier pieces come first.
pub(crate) fn batches<'p, 'a>(model: &Model, pieces: &'p [Piece<'a>], size: usize) -> Vec<Vec<&'p Piece<'a>>> {
    let mut order: Vec<&Piece> = pieces.iter().collect();
    order.sort_by_key(|piece| (piece.steps.steps.end, piece.steps.source.len()));
    let seen = |piece: &Piece| piece.steps.steps.end - 1;
    let alike = order.chunk_by(|a, b| model.decoder.rotates_alike(seen(a), seen(b)));
    alike.flat_map(|alike| alike.chunks(size)).map(<[_]>::to_vec).collect()
}

/// What a method gives for a text, from what it gives for its pieces.
///
/// # Errors
/// When the pieces' scores have other axes.
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
        .map_err(|error| Error::Argument(format!("scores of a text's pieces do not join: {error}")))
}
