//! Evaluations as pages.

use inseq_core::{EvaluatedMetric, Evaluation, MetricSummary, RemovalCurves};
use inseq_viz::html::{Cell, LineChart, PageTable, TablePage};

use crate::attribute::about;
use crate::failure::Failure;

/// A page with a table per metric, and the curves.
pub fn page(evaluation: &Evaluation) -> Result<String, Failure> {
    let facts = [
        ("Model", evaluation.model.clone()),
        ("Texts", evaluation.texts.len().to_string()),
        ("Tokens removed by", evaluation.removal.clone()),
        ("Forwards with removed tokens", evaluation.forwards.to_string()),
        ("Time of these forwards", about(evaluation.seconds)),
    ];
    let metrics = evaluation.metrics.iter().map(|metric| table(evaluation, metric));
    let page = TablePage {
        title: "Which method to believe".to_owned(),
        facts: facts.map(|(name, fact)| (name.to_owned(), fact)).to_vec(),
        tables: metrics.chain([costs(evaluation)]).collect(),
        charts: charts(evaluation),
    };
    Ok(page.render()?)
}

/// The methods by one metric, the best first.
fn table(evaluation: &Evaluation, metric: &EvaluatedMetric) -> PageTable {
    let direction = match metric.higher_is_better {
        Some(true) => "Higher is better.",
        Some(false) => "Lower is better.",
        None => "Neither higher nor lower is better.",
    };
    let means: Vec<f64> = metric.summaries.iter().filter_map(|summary| summary.mean).collect();
    let least = means.iter().copied().fold(0.0, f64::min);
    let most = means.iter().copied().fold(0.0, f64::max);
    let mut order: Vec<usize> = (0..evaluation.methods.len()).collect();
    order.sort_by_key(|&method| metric.summaries[method].rank.unwrap_or(usize::MAX));
    let row = |&method: &usize| {
        let MetricSummary { mean, interval, texts, p_value, rank } = metric.summaries[method];
        vec![
            Cell::Number(rank.map_or(String::new(), |rank| rank.to_string())),
            Cell::Text(evaluation.methods[method].name.clone()),
            match mean {
                None => Cell::Number(String::new()),
                Some(mean) if least < 0.0 => Cell::Number(format!("{mean:.3}")),
                Some(mean) => Cell::Bar(format!("{mean:.3}"), mean / most.max(f64::MIN_POSITIVE)),
            },
            Cell::Number(interval.map_or(String::new(), |(least, most)| format!("{least:.3} to {most:.3}"))),
            Cell::Number(
                p_value.map_or(String::new(), |p| if p < 0.001 { "< 0.001".into() } else { format!("{p:.3}") }),
            ),
            Cell::Number(texts.to_string()),
        ]
    };
    PageTable {
        title: metric.name.clone(),
        note: format!("{direction} p: paired test against the best method, corrected for the number of methods."),
        columns: ["rank", "method", "mean", "95 % interval", "p", "texts"].map(str::to_owned).to_vec(),
        rows: order.iter().map(row).collect(),
    }
}

/// What each method took.
fn costs(evaluation: &Evaluation) -> PageTable {
    let given = evaluation.methods.iter().filter(|method| method.forwards + method.pullbacks > 0);
    let row = |method: &inseq_core::EvaluatedMethod| {
        let seconds = method.seconds / evaluation.texts.len().max(1) as f64;
        vec![
            Cell::Text(method.name.clone()),
            Cell::Number(method.forwards.to_string()),
            Cell::Number(method.pullbacks.to_string()),
            Cell::Number(about(seconds)),
        ]
    };
    PageTable {
        title: "Cost".to_owned(),
        note: "Forwards and pullbacks of all texts, and the time per text.".to_owned(),
        columns: ["method", "forwards", "pullbacks", "time per text"].map(str::to_owned).to_vec(),
        rows: given.map(row).collect(),
    }
}

/// Names of lines with their values.
type Lines = Vec<(String, Vec<f64>)>;

fn charts(evaluation: &Evaluation) -> Vec<LineChart> {
    let of = |values: fn(&RemovalCurves) -> &Vec<f64>| -> Lines {
        let methods = evaluation.methods.iter();
        methods.filter_map(|method| Some((method.name.clone(), values(method.curves.as_ref()?).clone()))).collect()
    };
    let chart = |title: &str, note: &str, lines: Lines| LineChart {
        title: title.to_owned(),
        note: note.to_owned(),
        x: "share of removed tokens".to_owned(),
        y: "mean log-probability of an output token, in nats".to_owned(),
        points: evaluation.removed_shares.clone(),
        lines,
    };
    let charts = [
        chart("Most relevant tokens first", "The lower, the better.", of(|curves| &curves.most_relevant_first)),
        chart("Least relevant tokens first", "The higher, the better.", of(|curves| &curves.least_relevant_first)),
    ];
    charts.into_iter().filter(|chart| !chart.lines.is_empty()).collect()
}
