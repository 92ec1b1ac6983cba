//! The page around the texts: its data, and the colours of scores.

use std::fmt::Write as _;

use askama::Template;
use inseq_core::Info;
use serde::Serialize;

use super::data::Summary;
use super::head::Head;
use crate::Result;
use crate::scale::{Rgb, Scale, Theme};
use crate::token_text::is_active;

/// Number of levels of a scale with a colour class; odd, so that a diverging scale has a level for 0.
const LEVELS: usize = 33;

#[derive(Template)]
#[template(path = "report/report.html")]
pub(super) struct Page<'a> {
    pub head: Head,
    pub summaries: &'a [Summary],
    pub texts: Vec<String>,
    pub data: String,
}

/// Facts about the whole result for the page's script.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    pub info: &'a Info,
    pub contributors: usize,
    pub range: Range,
    pub view: &'static str,
    pub summaries: &'a [Summary],
}

/// The ends of the colour scale, if given.
#[derive(Serialize)]
pub(super) struct Range {
    pub min: Option<f32>,
    pub max: Option<f32>,
}

/// JSON for a `script` element of a page: it cannot end the element, open a comment, or reorder the
/// source of the page for a human reader.
pub(super) fn island(data: &impl Serialize) -> Result<String> {
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

/// The class of the colour of a score; empty for NaN.
pub(super) fn level(scale: Scale, score: f32) -> String {
    let prefix = if scale.is_diverging() { 'd' } else { 's' };
    let class = |position: f32| format!("{prefix}{}", (position * (LEVELS - 1) as f32).round() as usize);
    scale.position(score).map(class).unwrap_or_default()
}

/// A class for each level of both scales, with its background and text colour on light and on dark pages.
pub(super) fn scale_rules() -> Result<String> {
    let mut rules = String::new();
    for (prefix, scale) in [('s', Scale::new(0.0, 1.0)?), ('d', Scale::new(-1.0, 1.0)?)] {
        let (light, dark) = (scale.palette(Theme::Light), scale.palette(Theme::Dark));
        for level in 0..LEVELS {
            let position = level as f32 / (LEVELS - 1) as f32;
            let (light, dark) = (light.at(position), dark.at(position));
            rule(
                &mut rules,
                &format!(".{prefix}{level}"),
                &[("background", light, dark), ("color", light.ink(), dark.ink()), ("stroke", light, dark)],
            );
            let strength = if scale.is_diverging() { (2.0 * position - 1.0).abs() } else { position };
            if strength < crate::scale::FAINT {
                rule(
                    &mut rules,
                    &format!(".cell.{prefix}{level},td.{prefix}{level}"),
                    &[("color", light.quiet_ink(), dark.quiet_ink())],
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
