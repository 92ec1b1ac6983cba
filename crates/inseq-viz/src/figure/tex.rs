//! Writes a drawing as a TikZ picture, which uses the document's own fonts.
//!
//! The picture compiles in any document that loads TikZ, with any other packages: no character of a text becomes a
//! command, a ligature, or a babel shorthand. The document must have a font for the characters; the first lines of the file
//! name the requirements.

use std::fmt::Write as _;

use unicode_bidi::BidiInfo;

use super::drawing::{Anchor, Drawing, Mark, number};
use crate::scale::Rgb;

/// Punctuation that language packages turn into commands; inside the picture they are plain characters.
const PLAIN: &str = "!\"'*+,-./:;<=>?`|";

/// Replacements of punctuation that the oldest font encoding of TeX lacks, for documents that use it; and commands for
/// right-to-left text, for engines that support it.
const DEFINITIONS: &str = r"\ProvideTextCommandDefault{\guillemetleft}{\ensuremath{\ll}}
\ProvideTextCommandDefault{\guillemetright}{\ensuremath{\gg}}
\ProvideTextCommandDefault{\guilsinglleft}{\ensuremath{<}}
\ProvideTextCommandDefault{\guilsinglright}{\ensuremath{>}}
\ProvideTextCommandDefault{\quotedblbase}{,,}
\ProvideTextCommandDefault{\quotesinglbase}{,}
\providecommand\inseqfromright[1]{\ifdefined\textdir{\textdir TRT#1}\else#1\fi}
";

/// Requirements of a text beyond TikZ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    /// Letters that every LaTeX has.
    Nothing,
    /// Letters of the encoding T1.
    T1,
    /// Any other character.
    Unicode,
}

impl Needs {
    fn of(character: char) -> Self {
        match character {
            // Letters that TeX makes of a letter and an accent in any encoding.
            '\u{20}'..='\u{7e}' => Self::Nothing,
            'Ð' | 'Þ' | 'ð' | 'þ' | 'Ą' | 'ą' | 'Đ' | 'đ' | 'Ę' | 'ę' | 'Į' | 'į' | 'Ŋ' | 'ŋ' | 'Ų' | 'ų' => {
                Self::T1
            }
            'Ħ' | 'ħ' | 'ĸ' | 'Ŀ' | 'ŀ' | 'ŉ' | 'Ŧ' | 'ŧ' | 'ſ' => Self::Unicode,
            '\u{a0}'..='\u{17f}' => Self::Nothing,
            '‐' | '–' | '—' | '‘' | '’' | '‚' | '“' | '”' | '„' | '†' | '•' | '‰' | '‹' | '›' | '€' | '™' => {
                Self::Nothing
            }
            character if symbol(character).is_some() => Self::Nothing,
            _ => Self::Unicode,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Nothing => "Compiles with pdfLaTeX, LuaLaTeX and XeLaTeX",
            Self::T1 => "Compiles with LuaLaTeX, XeLaTeX, and with pdfLaTeX after \\usepackage[T1]{fontenc}",
            Self::Unicode => {
                "Compiles with LuaLaTeX and XeLaTeX. Its letters need a font that has them: \\usepackage{fontspec}, then \\setsansfont{...}"
            }
        }
    }
}

/// Writes a drawing. (`write!` into a string cannot fail.)
pub(super) fn write(drawing: &Drawing) -> String {
    let texts = drawing.marks.iter().filter_map(|mark| match mark {
        Mark::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    let needs = texts.flat_map(str::chars).map(Needs::of).max().unwrap_or(Needs::Nothing);
    let mut tex = format!("% {}\n", drawing.title.replace(['\n', '\r'], " "));
    let _ = writeln!(tex, "% {}. Needs \\usepackage{{tikz}}.", needs.words());
    tex.push_str("\\begingroup\n");
    for character in PLAIN.bytes() {
        let _ = write!(tex, "\\catcode{character} 12");
    }
    tex.push('\n');
    tex.push_str(DEFINITIONS);
    tex.push_str("\\begin{tikzpicture}[x=1bp,y=-1bp,every node/.style={inner sep=0pt,outer sep=0pt}]\n");
    for mark in &drawing.marks {
        match mark {
            Mark::Rect { x, y, width, height, radius, color } => {
                let corners =
                    if *radius > 0.0 { format!(",rounded corners={}bp", number(*radius)) } else { String::new() };
                let [x1, y1, x2, y2] = [*x, *y, x + width, y + height].map(number);
                let _ = writeln!(tex, "\\fill[color={}{corners}] ({x1},{y1}) rectangle ({x2},{y2});", rgb(*color));
            }
            Mark::Line { from, to, width, color } => {
                let [x1, y1, x2, y2, width] = [from.0, from.1, to.0, to.1, *width].map(number);
                let _ = writeln!(tex, "\\draw[color={},line width={width}bp] ({x1},{y1}) -- ({x2},{y2});", rgb(*color));
            }
            Mark::Link { from, to, width, opacity, color } => {
                let middle = number((from.0 + to.0) / 2.0);
                let [x1, y1, x2, y2, width, opacity] = [from.0, from.1, to.0, to.1, *width, *opacity].map(number);
                let _ = writeln!(
                    tex,
                    "\\draw[color={},line width={width}bp,opacity={opacity}] ({x1},{y1}) .. controls ({middle},{y1}) and ({middle},{y2}) .. ({x2},{y2});",
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
                    set(text)
                );
            }
        }
    }
    tex.push_str("\\end{tikzpicture}\n\\endgroup\n");
    tex
}

fn rgb(color: Rgb) -> String {
    format!("{{rgb,255:red,{};green,{};blue,{}}}", color.0, color.1, color.2)
}

/// A text on one line, its parts in visual order.
fn set(text: &str) -> String {
    let mut tex = String::new();
    let bidi = BidiInfo::new(text, None);
    for paragraph in &bidi.paragraphs {
        let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            let part = escaped(&text[run.clone()]);
            if levels[run.start].is_rtl() {
                let _ = write!(tex, "\\inseqfromright{{{part}}}");
            } else {
                tex.push_str(&part);
            }
        }
    }
    tex
}

/// The text with TeX's special characters escaped.
fn escaped(text: &str) -> String {
    let mut tex = String::with_capacity(text.len());
    for character in text.chars() {
        match (symbol(character), character) {
            (Some(command), _) => tex.push_str(command),
            // A space after a command would be lost.
            (None, ' ') => tex.push_str("\\ "),
            // By its number, punctuation is no part of a ligature. It has one number in all encodings; a straight quotation
            // mark is a curved one in the oldest.
            (None, '!' | '"' | '\'' | ',' | '-' | '?' | '`') => {
                let _ = write!(tex, "\\char{}{{}}", u32::from(character));
            }
            (None, character) => tex.push(character),
        }
    }
    tex
}

/// The command for a character that is special in TeX, or that most fonts lack.
fn symbol(character: char) -> Option<&'static str> {
    Some(match character {
        '\\' => "\\textbackslash{}",
        '{' => "\\{",
        '}' => "\\}",
        // Unlike `\$`, in the font of the text.
        '$' => "\\char36{}",
        '&' => "\\&",
        '#' => "\\#",
        '%' => "\\%",
        '_' => "\\_",
        '~' => "\\textasciitilde{}",
        '^' => "\\textasciicircum{}",
        '<' => "\\textless{}",
        '>' => "\\textgreater{}",
        '|' => "\\textbar{}",
        '«' => "\\guillemetleft{}",
        '»' => "\\guillemetright{}",
        '‹' => "\\guilsinglleft{}",
        '›' => "\\guilsinglright{}",
        '„' => "\\quotedblbase{}",
        '‚' => "\\quotesinglbase{}",
        // How SentencePiece marks a word's start.
        '▁' => "\\rule{.45em}{.12ex}",
        '→' => "\\ensuremath{\\rightarrow}",
        '↵' => "\\ensuremath{\\hookleftarrow}",
        '⇥' => "\\ensuremath{\\mapsto}",
        '−' => "\\ensuremath{-}",
        '·' => "\\ensuremath{\\cdot}",
        '×' => "\\ensuremath{\\times}",
        '•' => "\\ensuremath{\\bullet}",
        '°' => "\\ensuremath{{}^\\circ}",
        '∅' => "\\ensuremath{\\emptyset}",
        '◌' => "\\ensuremath{\\circ}",
        '…' => "\\textellipsis{}",
        '␣' => "\\textvisiblespace{}",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_token_is_a_command() {
        let text = escaped(r#"\input{x} $a_1^2$ 50% #1 & ~ <s> "-"#);
        assert_eq!(
            text,
            r"\textbackslash{}input\{x\}\ \char36{}a\_1\textasciicircum{}2\char36{}\ 50\%\ \#1\ \&\ \textasciitilde{}\ \textless{}s\textgreater{}\ \char34{}\char45{}"
        );
    }

    #[test]
    fn runs_stand_in_the_order_in_which_they_are_seen() {
        assert_eq!(set("a قال b"), r"a\ \inseqfromright{قال}\ b");
    }

    #[test]
    fn a_file_says_what_it_needs() {
        let needs = |text: &str| text.chars().map(Needs::of).max().unwrap();
        assert_eq!(needs("▁L'infirmière « fatiguée », œuvre"), Needs::Nothing);
        assert_eq!(needs("Łódź, są"), Needs::T1);
        assert_eq!(needs("看護師"), Needs::Unicode);
    }
}
