//! Long texts of a page, which are folded.

use crate::caption::one_line;
use crate::token_text::{passive, some_text};

/// Number of characters from which on a text is folded.
const LONG: usize = 300;

/// A text that is folded if it is long.
pub(super) struct Folding {
    /// The whole text, without characters that act on the page.
    pub text: String,
    /// Beginning of a folded text.
    pub beginning: Option<String>,
}

impl Folding {
    /// A text, folded if it is long or has several lines.
    pub fn of(text: &str) -> Self {
        let text = passive(some_text(text));
        let is_long = text.chars().count() > LONG || text.trim_end().contains('\n');
        let beginning = is_long.then(|| {
            let line: String = one_line(&text).chars().take(LONG / 3).collect();
            format!("{line}…")
        });
        Self { text, beginning }
    }
}
