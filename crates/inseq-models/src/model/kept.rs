//! The kept traces of a forward's blocks.

use std::ops::Range;

use burn::tensor::Tensor;

use super::{Block, BlockTrace, Context};

/// Traces of a stack's blocks for the pullback.
#[derive(Clone, Debug)]
pub(super) enum Blocks {
    /// The traces of all blocks.
    Kept(Vec<BlockTrace>),
    /// The inputs of every `stride`-th block, from which the blocks up to the next kept input are run again.
    Again {
        /// Number of blocks from one input to the next.
        stride: usize,
        /// Inputs `[batch, position, feature]`, from the lowest block up.
        inputs: Vec<Tensor<3>>,
        /// Number of blocks that have run.
        count: usize,
    },
}

impl Default for Blocks {
    fn default() -> Self {
        Self::Kept(Vec::new())
    }
}

impl Blocks {
    /// No blocks yet; with a stride, only the input of every `stride`-th block will be kept.
    pub(super) fn new(stride: Option<usize>) -> Self {
        match stride {
            Some(stride) => Self::Again { stride, inputs: Vec::new(), count: 0 },
            None => Self::default(),
        }
    }

    /// Runs the next block.
    pub(super) fn take(&mut self, block: &Block, x: Tensor<3>, context: &Context) -> Tensor<3> {
        match self {
            Self::Kept(traces) => {
                let (y, trace) = block.forward(x, context);
                traces.push(trace);
                y
            }
            Self::Again { stride, inputs, count } => {
                if *count % *stride == 0 {
                    inputs.push(x.clone());
                }
                *count += 1;
                block.forward(x, context).0
            }
        }
    }

    /// The traces of all blocks, if they are kept.
    pub(super) fn kept(&self) -> &[BlockTrace] {
        match self {
            Self::Kept(traces) => traces,
            Self::Again { .. } => &[],
        }
    }

    /// Ranges of blocks whose traces exist at the same time, from the input up.
    pub(super) fn ranges(&self) -> Vec<Range<usize>> {
        match self {
            Self::Kept(traces) => std::iter::once(0..traces.len()).collect(),
            // A stack of no blocks has one range all the same, at whose ends it is entered and left.
            Self::Again { stride, count, .. } => {
                let starts = (0..(*count).max(1)).step_by(*stride);
                starts.map(|start| start..(start + stride).min(*count)).collect()
            }
        }
    }

    /// The traces of some batch entries.
    pub(super) fn entries(&self, range: &Range<usize>) -> Self {
        match self {
            Self::Kept(traces) => Self::Kept(traces.iter().map(|trace| trace.entries(range)).collect()),
            Self::Again { stride, inputs, count } => Self::Again {
                stride: *stride,
                inputs: inputs.iter().map(|x| x.clone().narrow(0, range.start, range.len())).collect(),
                count: *count,
            },
        }
    }
}
