//! Options of a heat map, and the abilities of the terminal.

use std::io::IsTerminal as _;

use crate::ViewOptions;
use crate::scale::Theme;

/// Colours that a terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColorSupport {
    /// No colours: bar glyphs and numbers show scores, without any escape sequence. For pipes and files.
    #[default]
    None,
    /// The 256 indexed colours of xterm.
    Ansi256,
    /// 24-bit colours.
    TrueColor,
}

impl ColorSupport {
    /// Detects the colours of an output from the environment: `NO_COLOR` (no colours), `CLICOLOR_FORCE` (colours even in a pipe),
    /// `CLICOLOR=0`, `TERM` and `COLORTERM`.
    pub fn detect(is_terminal: bool) -> Self {
        Self::decide(&Environment {
            is_terminal,
            no_color: anstyle_query::no_color(),
            forced: anstyle_query::clicolor_force(),
            declined: anstyle_query::clicolor() == Some(false),
            understands_colors: anstyle_query::term_supports_ansi_color(),
            understands_true_color: anstyle_query::truecolor(),
        })
    }

    fn decide(environment: &Environment) -> Self {
        let wanted =
            environment.forced || (environment.is_terminal && !environment.declined && environment.understands_colors);
        if environment.no_color || !wanted {
            Self::None
        } else if environment.understands_true_color {
            Self::TrueColor
        } else {
            Self::Ansi256
        }
    }
}

struct Environment {
    is_terminal: bool,
    no_color: bool,
    forced: bool,
    declined: bool,
    understands_colors: bool,
    understands_true_color: bool,
}

/// Options of a heat map.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TerminalOptions {
    /// Width of a line in cells, at least [`TerminalOptions::MIN_WIDTH`]. Default 80.
    pub width: usize,
    /// Colours of the terminal. Default none.
    pub colors: ColorSupport,
    /// Dark or light terminal. Default dark.
    pub theme: Theme,
    /// Whether cells show numbers as well as colours (or glyphs). Columns without numbers are narrower. Default true.
    pub show_values: bool,
    /// Content of the map.
    pub view: ViewOptions,
}

impl Default for TerminalOptions {
    fn default() -> Self {
        Self {
            width: 80,
            colors: ColorSupport::None,
            theme: Theme::Dark,
            show_values: true,
            view: ViewOptions::default(),
        }
    }
}

inseq_core::setters! {
    TerminalOptions { width: usize, colors: ColorSupport, theme: Theme, show_values: bool, view: ViewOptions }
}

impl TerminalOptions {
    /// Smallest width of a heat map, in cells.
    pub const MIN_WIDTH: usize = 32;

    /// Width of the layout, in cells.
    pub(super) fn layout_width(&self) -> usize {
        self.width.max(Self::MIN_WIDTH)
    }

    /// Options for the current standard output: its width, its colours, and its theme (from `COLORFGBG`).
    pub fn detect() -> Self {
        let width = terminal_size::terminal_size().map_or(80, |(terminal_size::Width(width), _)| usize::from(width));
        let light =
            std::env::var("COLORFGBG").is_ok_and(|colors| matches!(colors.rsplit(';').next(), Some("7" | "15")));
        Self {
            width,
            colors: ColorSupport::detect(std::io::stdout().is_terminal()),
            theme: if light { Theme::Light } else { Theme::Dark },
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_on_colors() {
        let decide = |change: fn(&mut Environment)| {
            let mut environment = Environment {
                is_terminal: true,
                no_color: false,
                forced: false,
                declined: false,
                understands_colors: true,
                understands_true_color: true,
            };
            change(&mut environment);
            ColorSupport::decide(&environment)
        };
        assert_eq!(decide(|_| ()), ColorSupport::TrueColor);
        assert_eq!(decide(|environment| environment.understands_true_color = false), ColorSupport::Ansi256);
        assert_eq!(decide(|environment| environment.is_terminal = false), ColorSupport::None);
        assert_eq!(decide(|environment| environment.declined = true), ColorSupport::None);
        assert_eq!(decide(|environment| environment.understands_colors = false), ColorSupport::None);
        assert_eq!(
            decide(|environment| (environment.is_terminal, environment.forced) = (false, true)),
            ColorSupport::TrueColor
        );
        assert_eq!(decide(|environment| (environment.no_color, environment.forced) = (true, true)), ColorSupport::None);
    }
}
