//! A picture made of the marks that both SVG and TikZ can draw. Lengths are in points; y points down.

use crate::scale::Rgb;

/// A picture.
pub(crate) struct Drawing {
    pub width: f32,
    pub height: f32,
    pub background: Rgb,
    /// Description of the picture for screen readers.
    pub title: String,
    pub marks: Vec<Mark>,
}

/// Position of a text relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// One mark to draw.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    Rect {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        radius: f32,
        color: Rgb,
    },
    /// A text on one line; `y` is its baseline, `turn` its rotation in degrees, counter-clockwise.
    Text {
        x: f32,
        y: f32,
        text: String,
        size: f32,
        anchor: Anchor,
        turn: f32,
        color: Rgb,
    },
    Line {
        from: (f32, f32),
        to: (f32, f32),
        width: f32,
        color: Rgb,
    },
    /// A curve with horizontal ends.
    Link {
        from: (f32, f32),
        to: (f32, f32),
        width: f32,
        opacity: f32,
        color: Rgb,
    },
}

impl Mark {
    /// The mark at another place.
    pub fn moved(mut self, right: f32, down: f32) -> Self {
        match &mut self {
            Self::Rect { x, y, .. } | Self::Text { x, y, .. } => (*x, *y) = (*x + right, *y + down),
            Self::Line { from, to, .. } | Self::Link { from, to, .. } => {
                for point in [from, to] {
                    *point = (point.0 + right, point.1 + down);
                }
            }
        }
        self
    }
}

/// A part of a picture with its own origin.
#[derive(Default)]
pub(crate) struct Part {
    pub width: f32,
    pub height: f32,
    pub marks: Vec<Mark>,
}

impl Part {
    /// Places a part with its upper left corner at a point.
    pub fn place(&mut self, part: Part, x: f32, y: f32) {
        self.width = self.width.max(x + part.width);
        self.height = self.height.max(y + part.height);
        self.marks.extend(part.marks.into_iter().map(|mark| mark.moved(x, y)));
    }

    /// Places a part below all others.
    pub fn below(&mut self, part: Part, gap: f32) {
        let y = if self.height > 0.0 { self.height + gap } else { 0.0 };
        self.place(part, 0.0, y);
    }
}

/// A length as text, with at most two decimals.
pub(super) fn number(value: f32) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
