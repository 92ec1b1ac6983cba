//! Pictures of attributions: for the terminal, the browser and a paper.
//!
//! This crate needs only the types of `inseq-core`, so it can draw a saved result without a
//! model. [`View`] chooses the picture. Most views show one score for each pair of tokens: aggregate a granular or
//! multi-dimensional result first, or use [`View::Granular`] or a page.
//!
//! A token is untrusted text. No picture contains its control characters, text-direction overrides or markup:
//! [`token_text`] makes the shown text, and each picture escapes this text again for its own format.

#![forbid(unsafe_code)]

mod caption;
mod context;
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
mod texts;
pub mod token_text;
mod view;

pub use error::{Error, Result};
pub use steps::warnings;
pub use texts::Texts;
pub use view::{Granular, Step, View, ViewOptions, Wrap};
