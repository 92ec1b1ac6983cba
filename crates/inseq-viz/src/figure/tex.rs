//! A drawing as a TikZ picture, whose text is set in the document's own fonts.

use std::fmt::Write as _;

use super::drawing::{Anchor, Drawing, Mark};
use super::svg::number;
use crate::scale::Rgb;

/// Writes a drawing. (`write!` into a string cannot fail.)
pub(super) fn write(drawing: &Drawing) -> String {
    let mut tex = String::from(
        "% Needs \\usepackage{tikz}. Scripts beyond Latin need LuaLaTeX or XeLaTeX, and a font that has them.\n",
    );
    let _ = writeln!(tex, "% {}", drawing.title.replace(['\n', '\r'], " "));
    tex.push_str("\\begin{tikzpicture}[x=1bp,y=-1bp,every node/.style={inner sep=0pt,outer sep=0pt}]\n");
    for mark in &drawing.marks {
        match mark {
            Mark::Rect { x, y, width, height, radius, color } => {
                let corners =
                    if *radius > 0.0 { format!(",rounded corners={}bp", number(*radius)) } else { String::new() };
                let [x1, y1, x2, y2] = [*x, *y, x + width, y + height].map(number);
                let _ = writeln!(tex, "\\fill[{}{corners}] ({x1},{y1}) rectangle ({x2},{y2});", rgb(*color));
            }
            Mark::Line { from, to, width, color } => {
                let [x1, y1, x2, y2, width] = [from.0, from.1, to.0, to.1, *width].map(number);
                let _ = writeln!(tex, "\\draw[{},line width={width}bp] ({x1},{y1}) -- ({x2},{y2});", rgb(*color));
            }
            Mark::Link { from, to, width, opacity, color } => {
                let middle = number((from.0 + to.0) / 2.0);
                let [x1, y1, x2, y2, width, opacity] = [from.0, from.1, to.0, to.1, *width, *opacity].map(number);
                let _ = writeln!(
                    tex,
                    "\\draw[{},line width={width}bp,opacity={opacity}] ({x1},{y1}) .. controls ({middle},{y1}) and ({middle},{y2}) .. ({x2},{y2});",
                    rgb(*color)
                );
            }
            Mark::Text { x, y, text, size, anchor, turn, color } => {
                let anchor = match anchor {
                    Anchor::Start => "base west",
                    Anchor::Middle => "base",
                    Anchor::End => "base east",
                };
                let turned = if *turn == 0.0 { String::new() } else { format!(",rotate={}", number(*turn)) };
                let [x, y, size, skip] = [*x, *y, *size, size * 1.2].map(number);
                let _ = writeln!(
                    tex,
                    "\\node[anchor={anchor},font=\\sffamily\\fontsize{{{size}}}{{{skip}}}\\selectfont,text={}{turned}] at ({x},{y}) {{{}}};",
                    rgb(*color),
                    escaped(text)
                );
            }
        }
    }
    tex.push_str("\\end{tikzpicture}\n");
    tex
}

fn rgb(color: Rgb) -> String {
    format!("{{rgb,255:red,{};green,{};blue,{}}}", color.0, color.1, color.2)
}

/// Text that TeX takes as text.
fn escaped(text: &str) -> String {
    let mut tex = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => tex.push_str("\\textbackslash{}"),
            '~' => tex.push_str("\\textasciitilde{}"),
            '^' => tex.push_str("\\textasciicircum{}"),
            '<' => tex.push_str("\\textless{}"),
            '>' => tex.push_str("\\textgreater{}"),
            '|' => tex.push_str("\\textbar{}"),
            '"' => tex.push_str("\\textquotedbl{}"),
            '\'' => tex.push_str("\\textquotesingle{}"),
            '-' => tex.push_str("{-}"),
            '`' => tex.push_str("\\textasciigrave{}"),
            '{' | '}' | '$' | '&' | '#' | '_' | '%' => {
                tex.push('\\');
                tex.push(character);
            }
            // How SentencePiece marks a word's start.
            '▁' => tex.push_str("\\rule{.45em}{.12ex}"),
            '→' => tex.push_str("$\\rightarrow$"),
            '−' => tex.push_str("$-$"),
            '…' => tex.push_str("\\ldots{}"),
            '␣' => tex.push_str("\\textvisiblespace{}"),
            character => tex.push(character),
        }
    }
    tex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_token_is_a_command() {
        let text = escaped(r"\input{x} $a_1^2$ 50% #1 & ~ <s>");
        assert_eq!(
            text,
            r"\textbackslash{}input\{x\} \$a\_1\textasciicircum{}2\$ 50\% \#1 \& \textasciitilde{} \textless{}s\textgreater{}"
        );
    }
}
