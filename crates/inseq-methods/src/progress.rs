//! Progress of a call.

use std::ops::ControlFlow;

/// Progress of a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// Texts are being generated.
    Generating {
        /// Number of texts that are generated together: all texts of the call, or a range of many texts.
        texts: usize,
        /// Number of generated tokens so far.
        tokens: usize,
    },
    /// Steps are being attributed.
    Attributing {
        /// Finished work, including work that was not needed: the number of steps times forwards.
        done: usize,
        /// Upper bound of the work for the known texts, in the same unit: for the whole call or, for many texts, for the
        /// ranges of texts up to the current one.
        total: usize,
        /// The targets of the texts that are being attributed.
        texts: Vec<String>,
    },
}

/// Progress callback; `Break` stops the call with [`crate::Error::Cancelled`].
pub type ProgressCallback<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;
