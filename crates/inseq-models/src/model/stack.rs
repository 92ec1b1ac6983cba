//! An encoder or a decoder.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor};

use super::dropout::{Dropout, LayerNoise, Place};
use super::kept::Blocks;
use super::sublayer::{normed, normed_pullback, times, times_pullback};
use super::{Block, Modules};
use crate::layers::{Linear, Mask, Norm, NormTrace, Rotary, Rotation, Rows, Visibility};

/// An encoder or a decoder: an entry, blocks, and an exit.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Maps embeddings to the input of the first block.
    pub entry: Entry,
    /// Blocks, from the input up.
    pub blocks: Vec<Block>,
    /// Position schemes of the self-attention; each block refers to one.
    pub schemes: Vec<Scheme>,
    /// Maps the output of the last block to that of the stack.
    pub exit: Exit,
    /// Dropout rates of training.
    pub dropout: Dropout,
    /// Names of its blocks and their modules in transformers.
    pub modules: Modules,
}

/// The map from embeddings to the input of the first block: `norm(input_norm(project(x * scale)) + positions)`.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Factor of the embeddings that is not part of the lookup.
    pub scale: f32,
    /// Projection to the width of the blocks.
    pub projection: Option<Linear>,
    /// Norm before positions are added.
    pub input_norm: Option<Norm>,
    /// Position embeddings that are added, `[position, feature]`.
    pub positions: Option<Tensor<2>>,
    /// Id of the token that has no position in a text that is given to an encoder as ids, or that a model writes. In a source text,
    /// and among tokens that are appended together, the tokens after it have the positions that they would have without it.
    pub unplaced: Option<u32>,
    /// Norm of the sum.
    pub norm: Option<Norm>,
}

impl Default for Entry {
    fn default() -> Self {
        Self { scale: 1.0, projection: None, input_norm: None, positions: None, unplaced: None, norm: None }
    }
}

/// The map from the last block's output to the stack's output: `project(norm(x))`.
#[derive(Clone, Debug, Default)]
pub struct Exit {
    /// Norm of the last block's output.
    pub norm: Option<Norm>,
    /// Projection to the width of the head.
    pub projection: Option<Linear>,
}

/// Position scheme of a layer's self-attention.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scheme {
    /// Visible positions, and the bias by distance.
    pub visibility: Visibility,
    /// Rotations of queries and keys.
    pub rotary: Option<Rotary>,
}

impl Scheme {
    /// A causal mask without a window, a bias or rotations.
    pub fn causal() -> Self {
        Self { visibility: Visibility { causal: true, ..Visibility::default() }, rotary: None }
    }
}

/// Values of a stack's forward that the pullback needs.
#[derive(Clone, Debug, Default)]
pub(super) struct StackTrace {
    pub(super) entry_input_norm: Option<NormTrace>,
    pub(super) entry_norm: Option<NormTrace>,
    pub(super) blocks: Blocks,
    /// Number of positions; 0 for a stack that has not run.
    pub(super) length: usize,
    pub(super) exit_norm: Option<NormTrace>,
    /// Dropout noise of the forward, and the factors of the stack's input and output.
    pub(super) noise: Option<LayerNoise>,
    pub(super) dropout: [Option<Tensor<3>>; 2],
}

impl StackTrace {
    /// Applies dropout to `x` at one end of the stack and keeps the factors.
    fn dropped(&mut self, end: usize, place: Place, x: Tensor<3>) -> Tensor<3> {
        self.dropout[end] = self.noise.and_then(|noise| noise.values(place, &x));
        times(x, self.dropout[end].as_ref())
    }
}

impl StackTrace {
    /// Whether a pullback runs blocks again.
    pub(super) fn is_run_again(&self) -> bool {
        matches!(self.blocks, Blocks::Again { .. })
    }

    /// The trace of some batch entries.
    pub(super) fn entries(&self, range: &Range<usize>) -> StackTrace {
        let norm = |norm: &Option<NormTrace>| norm.as_ref().map(|norm| norm.entries(range));
        StackTrace {
            entry_input_norm: norm(&self.entry_input_norm),
            entry_norm: norm(&self.entry_norm),
            blocks: self.blocks.entries(range),
            length: self.length,
            exit_norm: norm(&self.exit_norm),
            noise: self.noise,
            dropout: self
                .dropout
                .each_ref()
                .map(|factors| factors.as_ref().map(|factors| factors.clone().narrow(0, range.start, range.len()))),
        }
    }
}

/// Mask and rotation of each of a stack's schemes for one forward.
pub(super) struct Attending(Vec<(Mask, Option<Rotation>)>);

impl Attending {
    pub(super) fn of(&self, block: &Block) -> (&Mask, Option<&Rotation>) {
        let (mask, rotation) = &self.0[block.scheme];
        (mask, rotation.as_ref())
    }
}

impl Stack {
    /// Whether texts of `a` and of `b` positions have the same rotary frequencies.
    pub fn rotates_alike(&self, a: usize, b: usize) -> bool {
        self.rotaries().all(|rotary| rotary.rotates_alike(a, b))
    }

    /// Whether generation computes the keys of all positions again when a text grows from `before` to `after` positions.
    pub fn renews_keys(&self, before: usize, after: usize) -> bool {
        self.rotaries().any(|rotary| rotary.renews_keys(before, after))
    }

    fn rotaries(&self) -> impl Iterator<Item = &Rotary> {
        self.schemes.iter().filter_map(|scheme| scheme.rotary.as_ref())
    }

    /// Number of positions; `None` without a limit.
    pub fn max_positions(&self) -> Option<usize> {
        self.entry.positions.as_ref().map(|positions| positions.dims()[0])
    }

    /// Masks and rotations of queries at `queries` over keys at `0..queries.end`, of which `lengths` (empty: all) are not
    /// padding. Rotations are those of a text with `text` positions.
    pub(super) fn attending(
        &self,
        queries: Range<usize>,
        text: usize,
        lengths: &[usize],
        device: &Device,
    ) -> Attending {
        let each = self.schemes.iter().map(|scheme| {
            let mask = Mask::new(&scheme.visibility, queries.clone(), queries.end, lengths, device);
            (mask, scheme.rotary.as_ref().map(|rotary| rotary.rotation(queries.clone(), text, device)))
        });
        Attending(each.collect())
    }

    /// Position embeddings of tokens `[row, token]`, row-major, of the positions `start..`: `[1 or row, token, feature]`; `None`
    /// if the entry adds none.
    pub(super) fn placed(&self, tokens: &[u32], rows: usize, start: usize) -> Option<Tensor<3>> {
        let positions = self.entry.positions.as_ref()?;
        let new = tokens.len() / rows.max(1);
        if !tokens.iter().any(|token| self.entry.unplaced == Some(*token)) {
            return self.places(start, new);
        }
        let [count, features] = positions.dims();
        let nowhere = Tensor::zeros([1, features], (&positions.device(), positions.dtype()));
        let places = tokens.chunks(new.max(1)).flat_map(|row| {
            row.iter().scan(start, |next, token| {
                if self.entry.unplaced == Some(*token) {
                    return Some(count as i64);
                }
                *next += 1;
                Some(*next as i64 - 1)
            })
        });
        let places: Vec<i64> = places.collect();
        let places = Tensor::<1, Int>::from_data(places.as_slice(), &positions.device());
        let table = Tensor::cat(vec![positions.clone(), nowhere], 0);
        Some(table.select(0, places).reshape([rows, new, features]))
    }

    /// Position embeddings of the positions `start..start + new`, `[1, token, feature]`; `None` if the entry adds none.
    pub(super) fn places(&self, start: usize, new: usize) -> Option<Tensor<3>> {
        self.entry.positions.as_ref().map(|positions| positions.clone().narrow(0, start, new).unsqueeze::<3>())
    }

    /// Maps embeddings `[batch, position, feature]` to the first block's input; `places` holds the position embeddings.
    pub(super) fn enter(&self, x: Tensor<3>, places: Option<Tensor<3>>, trace: &mut StackTrace) -> Tensor<3> {
        let Entry { scale, projection, input_norm, norm, .. } = &self.entry;
        let x = if *scale == 1.0 { x } else { x * *scale };
        let x = match projection {
            Some(projection) => projection.forward(x),
            None => x,
        };
        let (x, input_norm) = normed(input_norm.as_ref(), x);
        trace.entry_input_norm = input_norm;
        let x = match places {
            Some(places) => x + places,
            None => x,
        };
        let (x, norm) = normed(norm.as_ref(), x);
        trace.entry_norm = norm;
        trace.dropped(0, Place::Entry, x)
    }

    /// Maps the last block's output to the stack's output.
    pub(super) fn leave(&self, x: Tensor<3>, trace: &mut StackTrace) -> Tensor<3> {
        let (x, norm) = normed(self.exit.norm.as_ref(), x);
        trace.exit_norm = norm;
        let x = trace.dropped(1, Place::Exit, x);
        match &self.exit.projection {
            Some(projection) => projection.forward(x),
            None => x,
        }
    }

    /// Pulls cotangents of the first block's input back to the embeddings.
    pub(super) fn enter_pullback(&self, cotangent: Tensor<4>, trace: &StackTrace, rows: &Rows) -> Tensor<4> {
        let cotangent = times_pullback(cotangent, trace.dropout[0].as_ref(), rows);
        let x = normed_pullback(self.entry.norm.as_ref(), trace.entry_norm.as_ref(), cotangent, rows);
        let x = normed_pullback(self.entry.input_norm.as_ref(), trace.entry_input_norm.as_ref(), x, rows);
        let x = match &self.entry.projection {
            Some(projection) => projection.pullback(x),
            None => x,
        };
        if self.entry.scale == 1.0 { x } else { x * self.entry.scale }
    }

    /// Pulls cotangents of the stack's output back to the last block's output.
    pub(super) fn leave_pullback(&self, cotangent: Tensor<4>, trace: &StackTrace, rows: &Rows) -> Tensor<4> {
        let x = match &self.exit.projection {
            Some(projection) => projection.pullback(cotangent),
            None => cotangent,
        };
        let x = times_pullback(x, trace.dropout[1].as_ref(), rows);
        normed_pullback(self.exit.norm.as_ref(), trace.exit_norm.as_ref(), x, rows)
    }
}
