//! Pictures of attributions: for the terminal, the browser and a paper.
//!
//! Everything here works from `inseq-core` types alone, so a saved result can be looked at without loading a
//! model. [`View`] says which picture; most show one score for each pair of tokens: aggregate a granular or
//! multi-dimensional result first, or look at it with [`View::Granular`] or in a page.
//!
//! A token is text from a stranger. Nothing here passes a control character, a text-direction override or markup
//! through: [`token_text`] makes what is shown, and each picture escapes it once more for its own format.

#![forbid(unsafe_code)]

mod caption;
mod error;
#[cfg(feature = "figure")]
pub mod figure;
pub mod html;
mod matrix;
mod number;
mod panel;
pub mod scale;
mod steps;
pub mod terminal;
pub mod token_text;
mod view;

pub use error::{Error, Result};
pub use steps::warnings;
pub use view::{Granular, Step, View, ViewOptions, Wrap};
