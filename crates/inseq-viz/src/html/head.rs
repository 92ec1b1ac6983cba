//! The frame of every page: its content policy, its style and script, its title and its facts.

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use crate::caption::{one_line, shortened};
use crate::scale::Theme;
use crate::token_text::passive;

/// Style that all pages share.
const STYLE: &str = include_str!("../../templates/report/report.css");

/// Largest number of characters of a title; the rest of it is folded.
const TITLE: usize = 100;

/// What `page.html` shows.
pub(super) struct Head {
    /// Title of the page, in one line.
    pub title: String,
    /// The whole title, if it is long.
    pub whole_title: Option<String>,
    /// Initial theme; `None` takes the theme of the reader's system.
    pub theme: Option<&'static str>,
    /// Facts under the title, each with its name.
    pub facts: Vec<(String, String)>,
    /// Class of the body; empty without one.
    pub class: &'static str,
    pub style: String,
    /// Script at the end of the page; empty without one.
    pub script: String,
    pub policy: String,
}

impl Head {
    /// The frame of a page with a style of its own after the shared one, and a script.
    pub fn new(title: &str, theme: Option<Theme>, style: &str, script: String) -> Self {
        let style = format!("{STYLE}{style}");
        let whole = one_line(title);
        let short = shortened(&whole, TITLE);
        Self {
            whole_title: (short != whole).then(|| passive(title)),
            title: short,
            theme: theme.map(|theme| if theme == Theme::Dark { "dark" } else { "light" }),
            facts: Vec::new(),
            class: "",
            policy: policy(&style, &script),
            style,
            script,
        }
    }

    /// The same frame with facts.
    pub fn facts<N: Into<String>>(self, facts: impl IntoIterator<Item = (N, String)>) -> Self {
        Self { facts: facts.into_iter().map(|(name, fact)| (name.into(), fact)).collect(), ..self }
    }

    /// The same frame with a class of the body.
    pub fn class(self, class: &'static str) -> Self {
        Self { class, ..self }
    }
}

/// The content policy: it allows this style and this script by their digests, and nothing else.
fn policy(style: &str, script: &str) -> String {
    let digest =
        |text: &str| format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        digest(script),
        digest(style)
    )
}
