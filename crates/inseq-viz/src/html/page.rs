//! The page around the texts: its style, its script, its data and the policy that allows nothing else.

use std::fmt::Write as _;

use askama::Template;
use base64::Engine as _;
use inseq_core::{SequenceAttribution, Token};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::view::{self, LEVELS};
use crate::Result;
use crate::scale::{Rgb, Scale, Theme};
use crate::token_text::is_active;

#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    pub title: String,
    pub theme: Option<&'static str>,
    pub facts: Vec<(&'static str, String)>,
    pub texts: Vec<view::Text>,
    pub policy: String,
    pub style: String,
    pub script: &'static str,
    pub data: String,
}

/// What the page's script knows, and what it offers to download.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    pub info: &'a Map<String, Value>,
    pub contributors: usize,
    pub texts: Vec<TextData<'a>>,
}

/// One text with its scores as they are; names as in the result's own file format.
#[derive(Serialize)]
pub(super) struct TextData<'a> {
    source: &'a [Token],
    target: &'a [Token],
    attr_pos_start: usize,
    attr_pos_end: usize,
    source_attributions: Option<Vec<Scores>>,
    target_attributions: Option<Vec<Scores>>,
    step_scores: indexmap::IndexMap<&'a str, Scores>,
}

impl<'a> TextData<'a> {
    pub fn new(attribution: &'a SequenceAttribution) -> Self {
        let rows = |scores: &Option<ndarray::ArrayD<f32>>| {
            scores.as_ref().map(|scores| scores.outer_iter().map(|row| Scores(row.iter().copied().collect())).collect())
        };
        Self {
            source: &attribution.source,
            target: &attribution.target,
            attr_pos_start: attribution.attr_pos_start,
            attr_pos_end: attribution.attr_pos_end,
            source_attributions: rows(&attribution.source_attributions),
            target_attributions: rows(&attribution.target_attributions),
            step_scores: attribution
                .step_scores
                .iter()
                .map(|(name, scores)| (name.as_str(), Scores(scores.to_vec())))
                .collect(),
        }
    }
}

/// Scores in JSON, which has neither NaN nor infinity: NaN is null, an infinity the largest number with its sign.
struct Scores(Vec<f32>);

impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|&score| (!score.is_nan()).then(|| score.clamp(f32::MIN, f32::MAX))))
    }
}

/// JSON that a page may hold in a `script` element: nothing in it can end the element or open a comment, or reorder the
/// page's source for somebody who reads it.
pub(super) fn island(data: &Data) -> Result<String> {
    let json = serde_json::to_string(data)?;
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        // All of these stand inside strings, where JSON has another spelling for them.
        if matches!(character, '<' | '>' | '&') || is_active(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(character);
        }
    }
    Ok(safe)
}

/// The content policy: this style and this script by their digests, and nothing from anywhere.
pub(super) fn policy(style: &str, script: &str) -> String {
    let digest =
        |text: &str| format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        digest(script),
        digest(style)
    )
}

/// A class for each level of the scales in use, with its ground and ink on light and on dark pages.
pub(super) fn scale_rules(has_sequential: bool, has_diverging: bool) -> Result<String> {
    let mut rules = String::new();
    for (prefix, is_used, scale) in
        [('s', has_sequential, Scale::new(0.0, 1.0)?), ('d', has_diverging, Scale::new(-1.0, 1.0)?)]
    {
        if !is_used {
            continue;
        }
        let (light, dark) = (scale.palette(Theme::Light), scale.palette(Theme::Dark));
        for level in 0..LEVELS {
            let position = level as f32 / (LEVELS - 1) as f32;
            let (light, dark) = (light.at(position), dark.at(position));
            rule(
                &mut rules,
                &format!(".{prefix}{level}"),
                &[("background", light, dark), ("color", light.ink(), dark.ink())],
            );
            let strength = if scale.is_diverging() { (2.0 * position - 1.0).abs() } else { position };
            if strength < crate::scale::FAINT {
                rule(&mut rules, &format!("td.{prefix}{level}"), &[("color", light.quiet_ink(), dark.quiet_ink())]);
                // In running text every token has some score; only those that matter are worth a colour.
                let _ = writeln!(
                    rules,
                    ".token.{prefix}{level}{{background:none;color:inherit}}.token.special.{prefix}{level}{{color:var(--muted)}}"
                );
            }
        }
    }
    Ok(rules)
}

fn rule(rules: &mut String, selector: &str, properties: &[(&str, Rgb, Rgb)]) {
    let hex = |color: Rgb| format!("#{:02x}{:02x}{:02x}", color.0, color.1, color.2);
    let _ = write!(rules, "{selector}{{");
    for (name, light, dark) in properties {
        // Browsers that do not know light-dark() keep the light colour.
        let _ = write!(rules, "{name}:{};{name}:light-dark({},{});", hex(*light), hex(*light), hex(*dark));
    }
    rules.push_str("}\n");
}
