//! Token labels that are cut to their cells, measured as the terminal draws them.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::paint::Painter;
use crate::token_text::TokenText;

/// One line of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    marker: Option<char>,
    text: String,
    special: bool,
    right_to_left: bool,
}

impl Label {
    /// The label in one line of at most `width` cells; a longer label ends in `…`.
    pub fn line(token: &TokenText, width: usize) -> Self {
        let mut lines = Self::wrapped(token, width);
        let cut = lines.len() > 1;
        let mut first = lines.swap_remove(0);
        if cut {
            while first.width() + 1 > width && !first.text.is_empty() {
                let last = first.text.graphemes(true).next_back().map_or(0, str::len);
                first.text.truncate(first.text.len() - last);
            }
            first.text.push('…');
        }
        first
    }

    /// The whole label in the fewest lines of at most `width` cells (at least one), of about the same length.
    pub fn balanced(token: &TokenText, width: usize) -> Vec<Self> {
        let lines = Self::wrapped(token, width);
        if lines.len() == 1 {
            return lines;
        }
        let even = token.width().div_ceil(lines.len());
        (even..width)
            .map(|width| Self::wrapped(token, width))
            .find(|narrower| narrower.len() == lines.len())
            .unwrap_or(lines)
    }

    /// The label as in a running text, where a token that is more than a space shows no mark of the start of a word.
    pub fn running(self) -> Self {
        let marker = self.marker.filter(|_| self.text.is_empty());
        Self { marker, ..self }
    }

    /// The whole label in lines of at most `width` cells (at least one line).
    fn wrapped(token: &TokenText, width: usize) -> Vec<Self> {
        let width = width.max(1);
        let blank =
            || Self { marker: None, text: String::new(), special: token.special, right_to_left: token.right_to_left };
        let mut lines = vec![Self { marker: token.word_start, ..blank() }];
        for grapheme in token.text.graphemes(true) {
            // A cluster of letters that no line can hold is a rarity; it must not break the grid.
            let grapheme = if grapheme.width() > width { "…" } else { grapheme };
            let last = lines.len() - 1;
            // Widths of clusters do not add up everywhere, so the line is measured as it would be.
            let longer = format!("{}{grapheme}", lines[last].text);
            if lines[last].marker.iter().count() + longer.width() <= width {
                lines[last].text = longer;
            } else {
                lines.push(Self { text: grapheme.to_owned(), ..blank() });
            }
        }
        lines
    }

    pub fn width(&self) -> usize {
        self.marker.iter().count() + self.text.width()
    }

    pub fn is_right_to_left(&self) -> bool {
        self.right_to_left
    }

    /// The label with its marker dimmed; a special token is dimmed completely.
    pub fn paint(&self, painter: &Painter) -> String {
        let text = if self.right_to_left { isolated(&self.text) } else { self.text.clone() };
        if self.special {
            return painter.dim(&text);
        }
        let marker = self.marker.map(|marker| painter.dim(&marker.to_string())).unwrap_or_default();
        format!("{marker}{text}")
    }
}

/// Width in cells that the longest label needs if each label may take `lines` lines.
pub(super) fn width_for_lines<'a>(
    tokens: impl Iterator<Item = &'a TokenText> + Clone,
    lines: usize,
    widths: std::ops::RangeInclusive<usize>,
) -> usize {
    let widest = *widths.end();
    widths
        .into_iter()
        .find(|&width| tokens.clone().all(|token| Label::wrapped(token, width).len() <= lines))
        .unwrap_or(widest)
}

/// The text in a directional isolate, so that right-to-left letters do not reorder adjacent numbers.
pub(super) fn isolated(text: &str) -> String {
    format!("\u{2068}{text}\u{2069}")
}

/// Lines of at most `width` cells, broken at spaces, or inside a word that is longer than a line or whose script has
/// no spaces.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let pieces = text.split_inclusive(' ').flat_map(|word| {
        let is_breakable = word.width() > width || word.graphemes(true).any(|grapheme| grapheme.width() > 1);
        if is_breakable { word.graphemes(true).collect() } else { vec![word] }
    });
    let mut lines = vec![String::new()];
    for piece in pieces {
        let piece = if piece.width() > width { "…" } else { piece };
        let last = lines.len() - 1;
        let longer = format!("{}{piece}", lines[last]);
        if longer.trim_end().width() <= width {
            lines[last] = longer;
        } else {
            lines.push(piece.to_owned());
        }
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

/// `text`, which takes `width` cells, in the middle of `room` cells.
pub(super) fn centered(text: &str, width: usize, room: usize) -> String {
    let space = room.saturating_sub(width);
    let before = space / 2;
    format!("{}{text}{}", " ".repeat(before), " ".repeat(space - before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use inseq_core::Token;

    fn lines(text: &str, width: usize) -> Vec<String> {
        Label::wrapped(&TokenText::new(&Token::new(text, 0)), width)
            .iter()
            .map(|line| format!("{}{}", line.marker.map(String::from).unwrap_or_default(), line.text))
            .collect()
    }

    #[test]
    fn labels_break_between_clusters() {
        assert_eq!(lines("▁infirmière", 6), ["▁infir", "mière"]);
        assert_eq!(lines("看護師", 4), ["看護", "師"]);
        assert_eq!(lines("👩\u{200d}👩\u{200d}👧!", 2), ["👩\u{200d}👩\u{200d}👧", "!"]);
        assert_eq!(lines("e\u{301}e\u{301}", 1), ["e\u{301}", "e\u{301}"]);
        assert_eq!(lines("▁", 5), ["▁"]);
        let balanced = Label::balanced(&TokenText::new(&Token::new("▁retard", 0)), 6);
        assert_eq!(balanced.iter().map(Label::width).collect::<Vec<_>>(), [4, 3]);
        let line = Label::line(&TokenText::new(&Token::new("▁infirmière", 0)), 6);
        assert_eq!((line.text.as_str(), line.width()), ("infi…", 6));
    }

    #[test]
    fn paragraphs_break_at_words() {
        assert_eq!(wrap("The tired nurse said", 10), ["The tired", "nurse said"]);
        assert_eq!(wrap("彼女は遅れた", 4), ["彼女", "は遅", "れた"]);
        assert_eq!(wrap("a ready-made end.", 12), ["a ready-made", "end."]);
        assert_eq!(wrap("", 4), [""]);
    }
}
