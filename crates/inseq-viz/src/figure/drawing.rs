//! A picture as the few things that SVG and TikZ both draw. Lengths are points, y runs down.

use crate::scale::Rgb;

/// A picture.
pub(crate) struct Drawing {
    pub width: f32,
    pub height: f32,
    pub background: Rgb,
    /// What the picture is, for whoever cannot see it.
    pub title: String,
    pub marks: Vec<Mark>,
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// One thing to draw.
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
    /// A curve that leaves and arrives level.
    Link {
        from: (f32, f32),
        to: (f32, f32),
        width: f32,
        opacity: f32,
        color: Rgb,
    },
}

impl Mark {
    /// The same mark elsewhere.
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

/// A part of a picture, which has its own origin.
#[derive(Default)]
pub(crate) struct Part {
    pub width: f32,
    pub height: f32,
    pub marks: Vec<Mark>,
}

impl Part {
    /// Puts a part so that its upper left corner is at a point.
    pub fn place(&mut self, part: Part, x: f32, y: f32) {
        self.width = self.width.max(x + part.width);
        self.height = self.height.max(y + part.height);
        self.marks.extend(part.marks.into_iter().map(|mark| mark.moved(x, y)));
    }

    /// Puts a part below everything.
    pub fn below(&mut self, part: Part, gap: f32) {
        let y = if self.height > 0.0 { self.height + gap } else { 0.0 };
        self.place(part, 0.0, y);
    }
}
