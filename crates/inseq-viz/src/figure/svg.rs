//! Writes a drawing as SVG. Text is outlines, each glyph once, so it looks the same everywhere and is sharp at any size.

use std::collections::HashMap;
use std::fmt::Write as _;

use askama::Template;

use super::drawing::{Anchor, Drawing, Mark, number};
use super::fonts::{Fonts, Shaped};
use crate::Result;
use crate::scale::Rgb;

#[derive(Template)]
#[template(path = "figure.svg")]
struct Svg<'a> {
    width: String,
    height: String,
    title: &'a str,
    glyphs: Vec<(String, String)>,
    marks: Vec<Shape>,
}

/// An element of SVG.
enum Shape {
    Rect { x: String, y: String, width: String, height: String, radius: Option<String>, fill: String },
    Text { transform: String, fill: String, glyphs: Vec<(String, String, String)> },
    Path { path: String, stroke: String, width: String, opacity: Option<String> },
}

/// Writes a drawing.
pub(super) fn write(drawing: &Drawing, fonts: &Fonts) -> Result<String> {
    let mut names: HashMap<(usize, u16), usize> = HashMap::new();
    let mut glyphs = Vec::new();
    let mut marks = vec![Shape::Rect {
        x: number(0.0),
        y: number(0.0),
        width: number(drawing.width),
        height: number(drawing.height),
        radius: None,
        fill: hex(drawing.background),
    }];
    for mark in &drawing.marks {
        match mark {
            Mark::Rect { x, y, width, height, radius, color } => marks.push(Shape::Rect {
                x: number(*x),
                y: number(*y),
                width: number(*width),
                height: number(*height),
                radius: (*radius > 0.0).then(|| number(*radius)),
                fill: hex(*color),
            }),
            Mark::Line { from, to, width, color } => marks.push(Shape::Path {
                path: format!("M{} {}L{} {}", number(from.0), number(from.1), number(to.0), number(to.1)),
                stroke: hex(*color),
                width: number(*width),
                opacity: None,
            }),
            Mark::Link { from, to, width, opacity, color } => {
                let middle = number((from.0 + to.0) / 2.0);
                let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
                marks.push(Shape::Path {
                    path: format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"),
                    stroke: hex(*color),
                    width: number(*width),
                    opacity: (*opacity < 1.0).then(|| number(*opacity)),
                });
            }
            Mark::Text { x, y, text, size, anchor, turn, color } => {
                let shaped = fonts.shape(text);
                let shift = before(&shaped, *anchor) * size;
                for (file, units, run) in by_file(&shaped, fonts) {
                    let scale = size / units;
                    let mut uses = Vec::with_capacity(run.len());
                    for (id, x, y) in run {
                        let count = names.len();
                        let name = *names.entry((file, id)).or_insert(count);
                        if name == count {
                            glyphs.push((format!("g{name}"), fonts.outline(file, id).0));
                        }
                        uses.push((format!("g{name}"), number((x * units).round()), number((y * units).round())));
                    }
                    let mut transform = format!("translate({} {})", number(*x), number(*y));
                    if *turn != 0.0 {
                        let _ = write!(transform, "rotate({})", number(-turn));
                    }
                    if shift != 0.0 {
                        let _ = write!(transform, "translate({})", number(-shift));
                    }
                    let _ = write!(transform, "scale({scale:.5} {:.5})", -scale);
                    marks.push(Shape::Text { transform, fill: hex(*color), glyphs: uses });
                }
            }
        }
    }
    let svg =
        Svg { width: number(drawing.width), height: number(drawing.height), title: &drawing.title, glyphs, marks };
    Ok(svg.render()?)
}

/// Width of the part of a text before its point, in units of its size.
pub(super) fn before(shaped: &Shaped, anchor: Anchor) -> f32 {
    match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => shaped.width / 2.0,
        Anchor::End => shaped.width,
    }
}

/// Glyphs of one font: its file, its units per em, and the id and place of each glyph.
type Run = (usize, f32, Vec<(u16, f32, f32)>);

/// The glyphs of a text in runs of one font.
fn by_file(shaped: &Shaped, fonts: &Fonts) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for glyph in &shaped.glyphs {
        match runs.last_mut() {
            Some((file, _, run)) if *file == glyph.file => run.push((glyph.id, glyph.x, glyph.y)),
            _ => {
                let units = fonts.outline(glyph.file, glyph.id).1;
                runs.push((glyph.file, units, vec![(glyph.id, glyph.x, glyph.y)]));
            }
        }
    }
    runs
}

fn hex(color: Rgb) -> String {
    format!("#{:02x}{:02x}{:02x}", color.0, color.1, color.2)
}
