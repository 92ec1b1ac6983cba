//! Evaluations as tables.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use comfy_table::{CellAlignment, Table, presets};
use inseq_core::{Evaluation, MetricSummary};
use inseq_viz::terminal::TerminalOptions;

use crate::attribute::about;
use crate::output;

/// Mean with its interval, and the mark of the best methods.
fn cell(evaluation: &Evaluation, (metric, method): (usize, usize), with_intervals: bool) -> String {
    let metric = &evaluation.metrics[metric];
    let MetricSummary { mean, interval, rank, .. } = metric.summaries[method];
    let Some(mean) = mean else { return "-".to_owned() };
    let interval = interval.filter(|_| with_intervals);
    let interval = interval.map_or(String::new(), |(least, most)| format!(" [{least:.3}, {most:.3}]"));
    let mark = match (rank, evaluation.not_worse(metric).contains(&method)) {
        (Some(1), _) => " *",
        (_, true) => " +",
        _ => "",
    };
    format!("{mean:.3}{interval}{mark}")
}

/// Arrow of the better direction.
fn arrow(higher_is_better: Option<bool>) -> &'static str {
    match higher_is_better {
        Some(true) => " ^",
        Some(false) => " v",
        None => "",
    }
}

/// The table of methods and metrics for standard output. A terminal that is too narrow for intervals gets the means alone.
pub fn table(evaluation: &Evaluation) -> String {
    let with_intervals = written(evaluation, true);
    let most = if std::io::stdout().is_terminal() { TerminalOptions::detect().width } else { usize::MAX };
    match with_intervals.lines().any(|line| line.chars().count() > most) {
        true => written(evaluation, false),
        false => with_intervals,
    }
}

fn written(evaluation: &Evaluation, with_intervals: bool) -> String {
    let texts = evaluation.texts.len();
    let plural = if texts == 1 { "text" } else { "texts" };
    let mut text = format!(
        "{texts} {plural}, tokens removed by {}, {} forwards with removed tokens ({}).\n",
        evaluation.removal,
        evaluation.forwards,
        about(evaluation.seconds)
    );
    text += if with_intervals { "Means [95 % intervals]" } else { "Means" };
    text += "; ^ higher is better, v lower is better; * best, + not significantly worse (p >= 0.05).\n\n";
    let mut table = Table::new();
    let metrics = evaluation.metrics.iter();
    let header = metrics.map(|metric| format!("{}{}", metric.name.to_uppercase(), arrow(metric.higher_is_better)));
    let header = ["METHOD".to_owned()].into_iter().chain(header);
    table.load_preset(presets::NOTHING).set_header(header.chain(["COST".to_owned(), "TIME".to_owned()]));
    for (index, method) in evaluation.methods.iter().enumerate() {
        let values = (0..evaluation.metrics.len()).map(|metric| cell(evaluation, (metric, index), with_intervals));
        let is_anchor = method.forwards == 0 && method.pullbacks == 0;
        let cost = match is_anchor {
            true => "anchor".to_owned(),
            false => format!("{} f, {} p", method.forwards, method.pullbacks),
        };
        let time = if is_anchor { "-".to_owned() } else { about(method.seconds) };
        table.add_row([method.name.clone()].into_iter().chain(values).chain([cost, time]));
    }
    let last = table.column_count() - 1;
    if let Some(column) = table.column_mut(last) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    text += &output::lines(&table);
    text + "\nCOST: forwards (f) and pullbacks (p) for all texts.\n"
}

/// The table of methods and metrics as LaTeX.
pub fn latex(evaluation: &Evaluation) -> String {
    let escaped = |name: &str| name.replace('_', "\\_");
    let mut text = format!("\\begin{{tabular}}{{l{}}}\n\\toprule\nmethod", "r".repeat(evaluation.metrics.len()));
    for metric in &evaluation.metrics {
        let arrow = match metric.higher_is_better {
            Some(true) => " $\\uparrow$",
            Some(false) => " $\\downarrow$",
            None => "",
        };
        let _ = write!(text, " & {}{arrow}", escaped(&metric.name));
    }
    text += " \\\\\n\\midrule\n";
    for (index, method) in evaluation.methods.iter().enumerate() {
        text += &escaped(&method.name);
        for metric in &evaluation.metrics {
            let summary = &metric.summaries[index];
            let _ = match summary.mean {
                None => write!(text, " & --"),
                Some(mean) if evaluation.not_worse(metric).contains(&index) => write!(text, " & \\textbf{{{mean:.3}}}"),
                Some(mean) => write!(text, " & {mean:.3}"),
            };
        }
        text += " \\\\\n";
    }
    text + "\\bottomrule\n\\end{tabular}\n"
}
