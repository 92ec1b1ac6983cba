//! Pictures of attributions: a heat map for the terminal and a page for the browser.
//!
//! Everything here works from `inseq-core` types alone, so a saved result can be looked at without loading a
//! model. Pictures show one score for each pair of tokens: aggregate a granular or multi-dimensional result first.
//!
//! A token is text from a stranger. Nothing here passes a control character, a text-direction override or markup
//! through: [`token_text`] makes what is shown, and each picture escapes it once more for its own format.

#![forbid(unsafe_code)]

mod caption;
mod error;
pub mod html;
mod matrix;
mod number;
pub mod scale;
pub mod terminal;
pub mod token_text;

pub use error::{Error, Result};
