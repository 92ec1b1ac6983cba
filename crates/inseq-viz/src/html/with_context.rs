//! A page of the influence of a context. It needs no script: context-sensitive tokens are links to their cues, and long texts are
//! folded. Its script lets the reader choose a theme.

use askama::Template;
use inseq_core::ContextAttribution;

use super::HtmlOptions;
use super::folding::Folding;
use super::head::Head;
use super::page::{level, scale_rules};
use super::script::themes_script;
use crate::Result;
use crate::context::{Cues, Picture, Scored};
use crate::token_text::spaces_before;

/// Number of tokens from which on a scored context is folded.
const LONG_CONTEXT: usize = 120;

/// Largest number of cues that are named beside the name of a context.
const NAMED: usize = 6;

#[derive(Template)]
#[template(path = "context/context.html")]
struct Page {
    head: Head,
    passages: Vec<Passage>,
    hint: String,
    output: Vec<TokenPart>,
    cues: Vec<CuePart>,
}

/// A text without scores.
struct Passage {
    name: &'static str,
    folding: Folding,
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
    let mut output = parts(&picture.output);
    for (rank, &index) in picture.selected.iter().enumerate() {
        if let Some(token) = output.get_mut(index) {
            token.cue = Some(rank + 1);
        }
    }
    let title = options.view.title.as_deref().unwrap_or("What the context changed");
    let style = format!("{}{}", include_str!("../../templates/context/context.css"), scale_rules()?);
    let page = Page {
        head: Head::new(title, options.theme, &style, themes_script()).facts(picture.facts).class("context"),
        passages: picture.texts.into_iter().map(|(name, text)| Passage { name, folding: Folding::of(text) }).collect(),
        hint: picture
            .nothing
            .unwrap_or_else(|| "Underlined tokens depend on the context, and lead to its cues.".to_owned()),
        output,
        cues: picture.cues.iter().map(cue).collect(),
    };
    Ok(page.render()?)
}

fn cue(cues: &Cues) -> CuePart {
    let contexts = cues.contexts.iter().map(|(name, scored)| ContextPart {
        name,
        strongest: strongest(scored),
        is_long: scored.tokens.len() > LONG_CONTEXT,
        tokens: parts(scored),
    });
    CuePart {
        token: cues.token.alone().to_owned(),
        score: cues.score.clone(),
        contrast: cues.contrast.as_ref().map(|contrast| contrast.alone().to_owned()),
        contexts: contexts.collect(),
    }
}

/// The tokens that stand out, with their scores.
fn strongest(scored: &Scored) -> String {
    let named = scored
        .salient
        .iter()
        .take(NAMED)
        .map(|&index| format!("{} {}", scored.tokens[index].alone(), scored.number.write(scored.scores[index])));
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
