//! Line charts of a page.

use crate::number::NumberFormat;
use crate::token_text::passive;

/// Lines over one horizontal axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// Heading.
    pub title: String,
    /// What the lines are.
    pub note: String,
    /// Meaning of the horizontal axis.
    pub x: String,
    /// Meaning of the vertical axis.
    pub y: String,
    /// Values of the horizontal axis at the points of each line, in order.
    pub points: Vec<f64>,
    /// Names of the lines, with their values. A point that is no finite number is left out.
    pub lines: Vec<(String, Vec<f64>)>,
}

/// Size of the drawing area, and of its margins to the left and below.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 56.0;
const BELOW: f64 = 40.0;
const ABOVE: f64 = 10.0;
const RIGHT: f64 = 12.0;

/// A chart as it is drawn.
pub(super) struct Drawn {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) x: String,
    pub(super) y: String,
    /// Position and text of the marks on each axis.
    pub(super) x_marks: Vec<(String, String)>,
    pub(super) y_marks: Vec<(String, String)>,
    /// Number of the style, name, and corners of each line.
    pub(super) lines: Vec<(usize, String, String)>,
}

impl LineChart {
    pub(super) fn drawn(&self) -> Drawn {
        let finite = |values: &mut dyn Iterator<Item = f64>| {
            let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if least < most { (least, most) } else { (least.min(0.0), most.max(least.min(0.0) + 1.0)) }
        };
        let (left, right) = finite(&mut self.points.iter().copied());
        let (bottom, top) = finite(&mut self.lines.iter().flat_map(|(_, values)| values.iter().copied()));
        let across = |x: f64| LEFT + (x - left) / (right - left) * (WIDTH - LEFT - RIGHT);
        let up = |y: f64| HEIGHT - BELOW - (y - bottom) / (top - bottom) * (HEIGHT - BELOW - ABOVE);
        let corners = |values: &[f64]| {
            let known = self.points.iter().zip(values).filter(|(_, y)| y.is_finite());
            known.map(|(&x, &y)| format!("{:.1},{:.1}", across(x), up(y))).collect::<Vec<_>>().join(" ")
        };
        let marks = |(least, most): (f64, f64), at: &dyn Fn(f64) -> f64| {
            let format = NumberFormat::fitting([least as f32, most as f32]);
            let mark = |part: u32| {
                let value = least + (most - least) * f64::from(part) / 4.0;
                (format!("{:.1}", at(value)), format.write(value as f32))
            };
            (0..=4).map(mark).collect()
        };
        Drawn {
            title: passive(&self.title),
            note: passive(&self.note),
            x: passive(&self.x),
            y: passive(&self.y),
            x_marks: marks((left, right), &across),
            y_marks: marks((bottom, top), &up),
            lines: self
                .lines
                .iter()
                .enumerate()
                .map(|(index, (name, values))| (index % STYLES, passive(name), corners(values)))
                .collect(),
        }
    }
}

/// Number of styles of lines.
const STYLES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fill_the_drawing_area() {
        let chart = LineChart {
            points: vec![0.0, 0.5, 1.0],
            lines: vec![("a".into(), vec![-1.0, f64::NAN, 1.0]), ("b".into(), vec![0.0, 0.0, 0.0])],
            ..LineChart::default()
        };
        let drawn = chart.drawn();
        assert_eq!(drawn.lines[0].2, "56.0,240.0 548.0,10.0");
        assert_eq!(drawn.lines[1].2, "56.0,125.0 302.0,125.0 548.0,125.0");
        assert_eq!((drawn.y_marks[0].0.as_str(), drawn.y_marks[4].0.as_str()), ("240.0", "10.0"));
        // Without values there is an axis, and no line.
        let empty = LineChart { lines: vec![("a".into(), Vec::new())], ..LineChart::default() }.drawn();
        assert!(empty.lines[0].2.is_empty());
    }
}
