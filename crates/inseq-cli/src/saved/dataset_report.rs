//! `inseq dataset-report`: what the scores of a whole dataset have in common.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use comfy_table::{CellAlignment, Table, presets};
use inseq_core::{Token, write_whole};
use inseq_datasets::{Report, ReportOptions, Results, Side, WordClass};
use inseq_viz::html::{Cell, PageTable, TablePage};
use inseq_viz::token_text::TokenText;

use crate::failure::Failure;
use crate::input;
use crate::json_object::object_such_as;
use crate::output::{self, Destination};
use crate::warnings::warn;

const EXAMPLES: &str = "\
Scores are per token, after aggregation. Every row is read once, so memory does not grow with their number.

A file of word lists is a JSON object such as {\"pronoun\": [\"he\", \"she\"], \"negation\": [\"not\", \"never\"]}. The score of a word is the \
sum of its tokens' scores.

Examples:
  inseq dataset-report results/
  inseq dataset-report results/ --words lists.json -o report.html";

/// `inseq dataset-report`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DatasetReportArguments {
    /// Folder of results.
    #[arg(value_hint = ValueHint::DirPath)]
    pub results: PathBuf,
    /// Page to write: an .html file, or a .json file with all numbers. `-` writes JSON to standard output, instead of tables.
    #[arg(short = 'o', long, visible_alias = "output", value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub save_path: Option<Destination>,
    /// Number of input tokens to list per side: those with the largest mean scores.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub tokens: usize,
    /// Smallest number of scores of a listed token.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub least: u64,
    /// Number of positions to list per side. A JSON file has all of them.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub positions: usize,
    /// Number of groups of steps with similar step scores.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    pub quantiles: u16,
    /// File of word lists, as a JSON object.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub words: Option<PathBuf>,
}

/// Where a report goes.
#[derive(Clone, Copy)]
enum Format {
    Html,
    Json,
}

/// Runs the command.
pub fn run(arguments: &DatasetReportArguments) -> Result<(), Failure> {
    let format = arguments.save_path.as_ref().map(format).transpose()?;
    let options = ReportOptions::default()
        .tokens(arguments.tokens)
        .least(arguments.least)
        .quantiles(arguments.quantiles.into())
        .classes(arguments.words.as_deref().map(classes).transpose()?.unwrap_or_default());
    let results = Results::open(&arguments.results)?;
    results.gaps()?.iter().for_each(|gap| warn(gap));
    let report = Report::of(&results, &options)?;
    let page = page(&results, &report, arguments.positions);
    let content = match format {
        None => String::new(),
        Some(Format::Html) => page.render()?,
        Some(Format::Json) => format!("{:#}\n", serde_json::json!(report)),
    };
    match &arguments.save_path {
        Some(Destination::Standard) => return output::print(content.as_bytes()),
        Some(Destination::File(path)) => {
            write_whole(path, true, |file| Ok(std::io::Write::write_all(file, content.as_bytes())?))?;
        }
        None => {}
    }
    print(&page)
}

fn format(destination: &Destination) -> Result<Format, Failure> {
    destination.check_writable()?;
    let Destination::File(path) = destination else { return Ok(Format::Json) };
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("html" | "htm") => Ok(Format::Html),
        Some("json") => Ok(Format::Json),
        _ => Err(Failure::Argument(format!("{}: a report is saved as .html or .json", path.display()))),
    }
}

/// The lists of words in a file.
fn classes(path: &Path) -> Result<Vec<WordClass>, Failure> {
    let text = input::text(path)?;
    let lists = object_such_as(r#"{"pronoun": ["he", "she"]}"#, &text)
        .map_err(|problem| Failure::Argument(format!("{}: {problem}", input::name(path))))?;
    let class = |(name, words): (String, serde_json::Value)| {
        let words: Result<Vec<String>, _> = serde_json::from_value(words);
        words.map(|words| WordClass::new(&*name, words)).map_err(|_| {
            Failure::Argument(format!(
                "{}: `{name}` is not a list of words; write [\"he\", \"she\"]",
                input::name(path)
            ))
        })
    };
    lists.into_iter().map(class).collect()
}

/// The tables of a report.
fn page(results: &Results, report: &Report, positions: usize) -> TablePage {
    let manifest = results.manifest();
    let facts = [
        ("Dataset", report.dataset.clone()),
        ("Model", manifest.model.name.clone()),
        ("Method", manifest.method.clone()),
        ("Rows", report.rows.to_string()),
        ("Rows with an error", errors(report)),
        ("Rows not attributed yet", report.rows_left.to_string()),
        ("Rows left out by the filter", report.left_out.to_string()),
        ("Attributed tokens", report.steps.to_string()),
        ("Scores", report.scores.to_string()),
        ("Scores that are not finite", report.not_finite.to_string()),
    ];
    let rows = report.positions.iter().filter(|position| position.position < positions);
    let of_positions = table(
        ("By position", "Mean score of the input tokens at each position, counted from 0."),
        ["side", "position", "scores", "mean score"],
        rows.map(|row| (vec![side(row.side), number(row.position), number(row.count)], row.mean)).collect(),
    );
    let of_tokens = table(
        ("By token", "Input tokens with the largest mean scores."),
        ["side", "token", "scores", "mean score"],
        report
            .tokens
            .iter()
            .map(|row| (vec![side(row.side), token(&row.token), number(row.count)], row.mean))
            .collect(),
    );
    let class = |name: &Option<String>| Cell::Text(name.clone().unwrap_or_else(|| "(other words)".to_owned()));
    let of_words = table(
        ("By list of words", "Mean score of the words of each list: the sum of the scores of the word's tokens."),
        ["list", "side", "scores", "mean score"],
        report.words.iter().map(|row| (vec![class(&row.class), side(row.side), number(row.count)], row.mean)).collect(),
    );
    let range = |row: &inseq_datasets::QuantileMeans| Cell::Number(format!("{:.4} to {:.4}", row.from, row.to));
    let quantiles = report.quantiles.iter().map(|row| {
        let largest = Cell::Number(format!("{:.4}", row.largest));
        (vec![Cell::Text(row.step_score.clone()), range(row), number(row.steps), largest], row.mean)
    });
    let of_quantiles = table(
        (
            "By step score",
            "Attributed tokens in groups of like step scores: the mean of their largest and of all their scores.",
        ),
        ["step score", "range", "attributed tokens", "largest score", "mean score"],
        quantiles.collect(),
    );
    let tables = [of_positions, of_tokens, of_words, of_quantiles].into_iter();
    TablePage {
        title: "Scores of a dataset".to_owned(),
        facts: facts.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        tables: tables.filter(|table| !table.rows.is_empty()).collect(),
        charts: Vec::new(),
    }
}

/// The number of rows with an error, and which they are.
fn errors(report: &Report) -> String {
    let failed: Vec<String> = report.failed.iter().map(u64::to_string).collect();
    match report.errors {
        0 => "0".to_owned(),
        count if count > failed.len() as u64 => format!("{count} (first: {})", failed.join(", ")),
        count => format!("{count} ({})", failed.join(", ")),
    }
}

fn side(side: Side) -> Cell {
    Cell::Text(match side {
        Side::Source => "source".to_owned(),
        Side::Target => "target".to_owned(),
    })
}

fn number(number: impl ToString) -> Cell {
    Cell::Number(number.to_string())
}

fn token(token: &str) -> Cell {
    Cell::Text(TokenText::new(&Token::new(token, None)).spelling())
}

/// A table whose last column has the means, with bars.
fn table<const N: usize>((title, note): (&str, &str), columns: [&str; N], rows: Vec<(Vec<Cell>, f64)>) -> PageTable {
    let largest = rows.iter().map(|(_, mean)| mean.abs()).fold(f64::MIN_POSITIVE, f64::max);
    let rows = rows.into_iter().map(|(mut cells, mean)| {
        cells.push(Cell::Bar(format!("{mean:.4}"), mean.abs() / largest));
        cells
    });
    PageTable {
        title: title.to_owned(),
        note: note.to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// Prints the tables.
fn print(page: &TablePage) -> Result<(), Failure> {
    let mut facts = Table::new();
    facts.load_preset(presets::NOTHING);
    for (name, value) in &page.facts {
        facts.add_row([name, value]);
    }
    output::print_table(&facts)?;
    for table in &page.tables {
        output::print(format!("\n{}\n", table.title).as_bytes())?;
        let mut printed = Table::new();
        printed.load_preset(presets::NOTHING).set_header(&table.columns);
        for row in &table.rows {
            printed.add_row(row.iter().map(|cell| {
                let alignment = if matches!(cell, Cell::Text(_)) { CellAlignment::Left } else { CellAlignment::Right };
                comfy_table::Cell::new(cell.text()).set_alignment(alignment)
            }));
        }
        output::print_table(&printed)?;
    }
    Ok(())
}
