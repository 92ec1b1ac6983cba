//! How far a call has come.

use std::ops::ControlFlow;

/// How far a call has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Texts are being generated.
    Generating {
        /// Texts that are generated together: all of the call, or a stretch of them where there are many.
        texts: usize,
        /// Tokens so far.
        tokens: usize,
    },
    /// Steps are being attributed.
    Attributing {
        /// Work that is done, or has turned out not to be needed: steps, as often as there are forwards.
        done: usize,
        /// The most work that the texts which are known so far can take, in the same unit: those of the whole call, or of the
        /// stretches of texts up to this one where there are many.
        total: usize,
        /// The texts being attributed, as generated.
        texts: Vec<String>,
    },
}

/// Called as the work goes on; `Break` stops the call with [`crate::Error::Cancelled`].
pub type ProgressCallback<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;
