//! A heat map for the terminal: input tokens down, generated tokens across.
//!
//! Rows are the source tokens, then the target tokens that were there before, then the step scores. A map wider than
//! the terminal is cut into blocks of columns, one below the other; no line ever wraps.
//!
//! ```
//! use inseq_core::{AttributionKind, SequenceAttribution, Token};
//! use inseq_viz::terminal::{self, TerminalOptions};
//! # use ndarray::array;
//!
//! let attribution = SequenceAttribution {
//!     source: vec![Token::new("▁Hello", 5), Token::new("</s>", 0)],
//!     target: vec![Token::new("<pad>", 1), Token::new("▁Bonjour", 7), Token::new("</s>", 0)],
//!     source_attributions: Some(array![[0.9, 0.2], [0.1, 0.3]].into_dyn()),
//!     target_attributions: None,
//!     step_scores: Default::default(),
//!     sequence_scores: Default::default(),
//!     attr_pos_start: 1,
//!     attr_pos_end: 3,
//!     kind: AttributionKind::Coarse,
//! };
//! let picture = terminal::render_sequence(&attribution, &TerminalOptions::default())?;
//! assert!(picture.contains("Bonjour"));
//! # Ok::<(), inseq_viz::Error>(())
//! ```

mod grid;
mod labels;
mod options;
mod paint;

use inseq_core::{AttributionResult, SequenceAttribution};

pub use options::{ColorSupport, TerminalOptions};

use crate::Result;
use crate::caption;
use crate::matrix::Matrix;
use grid::Grid;

/// Draws every text of a result, under a line that says how it was made.
///
/// # Errors
///
/// [`Error::NotCoarse`](crate::Error::NotCoarse) for a result that must be aggregated first,
/// [`Error::Shape`](crate::Error::Shape) and [`Error::Positions`](crate::Error::Positions) for one that does not fit
/// together, [`Error::Range`](crate::Error::Range) for an empty range of values.
pub fn render(result: &AttributionResult, options: &TerminalOptions) -> Result<String> {
    let mut picture = String::new();
    let title = options.title.clone().or_else(|| caption::line(&result.info));
    let count = result.sequences.len();
    for (index, sequence) in result.sequences.iter().enumerate() {
        if index > 0 {
            picture.push('\n');
        }
        let matrix = Matrix::new(sequence, index)?;
        let title = title.as_deref().filter(|_| index == 0);
        let ordinal = (count > 1).then(|| format!("text {} of {count}", index + 1));
        picture.push_str(&Grid::new(matrix, options)?.draw(title, ordinal.as_deref()));
    }
    Ok(picture)
}

/// Draws one text.
///
/// # Errors
///
/// Those of [`render`].
pub fn render_sequence(attribution: &SequenceAttribution, options: &TerminalOptions) -> Result<String> {
    let matrix = Matrix::new(attribution, 0)?;
    Ok(Grid::new(matrix, options)?.draw(options.title.as_deref(), None))
}
