//! A page of the influence of a context. It has no script: context-sensitive tokens are links to their cues, and long texts are
//! folded.

use askama::Template;
use inseq_core::ContextAttribution;

use super::HtmlOptions;
use super::page::{level, policy, scale_rules};
use crate::Result;
use crate::caption::one_line;
use crate::context::{Cues, Picture, Scored};
use crate::scale::Theme;
use crate::token_text::{is_active, spaces_before};

/// Number of characters from which on a text is folded.
const LONG_TEXT: usize = 300;

/// Number of tokens from which on a scored context is folded.
const LONG_CONTEXT: usize = 120;

/// Largest number of cues that are named beside the name of a context.
const NAMED: usize = 6;

#[derive(Template)]
#[template(path = "context/context.html")]
struct Page {
    title: String,
    theme: Option<&'static str>,
    facts: Vec<(&'static str, String)>,
    policy: String,
    style: String,
    passages: Vec<Passage>,
    hint: &'static str,
    output: Vec<TokenPart>,
    cues: Vec<CuePart>,
}

/// A text without scores.
struct Passage {
    name: &'static str,
    text: String,
    /// Beginning of a folded text.
    beginning: Option<String>,
}

/// A token with its score.
struct TokenPart {
    text: String,
    /// Whether a space is before the token.
    space: bool,
    /// Class of its colour.
    class: String,
    score: String,
    /// Whether the token stands out.
    is_salient: bool,
    /// Number of the section of its cues, from 1.
    cue: Option<usize>,
}

/// A context-sensitive token.
struct CuePart {
    token: String,
    score: String,
    contrast: Option<String>,
    contexts: Vec<ContextPart>,
}

/// A context of a context-sensitive token.
struct ContextPart {
    name: &'static str,
    /// The strongest cues, with their scores.
    strongest: String,
    is_long: bool,
    tokens: Vec<TokenPart>,
}

/// Renders the influence of a context as a page.
///
/// # Errors
/// The numbers of scores and tokens differ.
pub fn render_context(attribution: &ContextAttribution, options: &HtmlOptions) -> Result<String> {
    let picture = Picture::of(attribution)?;
    let style = format!(
        "{}{}{}",
        include_str!("../../templates/report/report.css"),
        include_str!("../../templates/context/context.css"),
        scale_rules()?
    );
    let mut output = parts(&picture.output);
    for (rank, &index) in picture.selected.iter().enumerate() {
        if let Some(token) = output.get_mut(index) {
            token.cue = Some(rank + 1);
        }
    }
    let title = options.view.title.as_deref().unwrap_or("What the context changed");
    let page = Page {
        title: one_line(title),
        theme: options.theme.map(|theme| if theme == Theme::Dark { "dark" } else { "light" }),
        facts: picture.facts,
        policy: policy(&style, ""),
        style,
        passages: picture.texts.into_iter().map(|(name, text)| passage(name, text)).collect(),
        hint: match picture.cues.is_empty() {
            true => "No token is context-sensitive.",
            false => "Underlined tokens depend on the context, and lead to its cues.",
        },
        output,
        cues: picture.cues.iter().map(cue).collect(),
    };
    Ok(page.render()?)
}

fn passage(name: &'static str, text: &str) -> Passage {
    let text: String =
        text.chars().map(|character| if is_active(character) { '\u{fffd}' } else { character }).collect();
    let is_long = text.chars().count() > LONG_TEXT || text.contains('\n');
    let beginning = is_long.then(|| {
        let line: String = one_line(&text).chars().take(LONG_TEXT / 3).collect();
        format!("{line}…")
    });
    Passage { name, text, beginning }
}

fn cue(cues: &Cues) -> CuePart {
    let contexts = cues.contexts.iter().map(|(name, scored)| ContextPart {
        name,
        strongest: strongest(scored),
        is_long: scored.tokens.len() > LONG_CONTEXT,
        tokens: parts(scored),
    });
    CuePart {
        token: cues.token.running().to_owned(),
        score: cues.score.clone(),
        contrast: cues.contrast.as_ref().map(|contrast| contrast.running().to_owned()),
        contexts: contexts.collect(),
    }
}

/// The tokens that stand out, with their scores.
fn strongest(scored: &Scored) -> String {
    let named = scored
        .salient
        .iter()
        .take(NAMED)
        .map(|&index| format!("{} {}", scored.tokens[index].running(), scored.number.write(scored.scores[index])));
    named.collect::<Vec<_>>().join(", ")
}

fn parts(scored: &Scored) -> Vec<TokenPart> {
    let spaces = spaces_before(&scored.tokens);
    let part = |(index, token): (usize, &crate::token_text::TokenText)| TokenPart {
        text: token.running().to_owned(),
        space: index > 0 && spaces[index],
        class: level(scored.scale, scored.scores[index]),
        score: scored.number.write(scored.scores[index]),
        is_salient: scored.salient.contains(&index),
        cue: None,
    };
    scored.tokens.iter().enumerate().map(part).collect()
}
