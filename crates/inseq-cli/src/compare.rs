//! `inseq compare`: several methods on the same texts.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use inseq_core::SequenceAttribution;
use inseq_methods::{AttributionRequest, FeatureGroups};
use serde_json::Map;

use crate::arguments::{AttributeArguments, CompareArguments};
use crate::attribute::{load, request};
use crate::attribution_kwargs::knows;
use crate::failure::Failure;
use crate::output;
use crate::progress::{Bar, watch_interrupts};
use crate::warnings::Warnings;

/// Runs the command.
pub fn run(arguments: &CompareArguments) -> Result<(), Failure> {
    refuse_what_has_no_effect(&arguments.attribute)?;
    let request = request(&arguments.attribute, &arguments.methods)?;
    let model = load(&arguments.attribute)?;
    let interrupted = watch_interrupts()?;
    // All methods explain the same texts, though each be asked by itself.
    let generated = AttributionRequest {
        attribution_args: Map::new(),
        attributed_fn: None,
        attributed_fn_args: Map::new(),
        step_scores: Vec::new(),
        step_scores_args: Map::new(),
        feature_groups: FeatureGroups::Tokens,
        ..request.clone().method("dummy")
    };
    let targets = model.attribute(&generated)?;
    let mut warnings = Warnings::default();
    warnings.say_of(&targets);
    let texts: Vec<String> = serde_json::from_value(targets.info["generated_texts"].clone())
        .map_err(|_| Failure::Argument("the generated texts are not known".into()))?;
    let ids = targets.sequences.iter().map(|sequence| sequence.target.iter().filter_map(|token| token.id).collect());
    let ids: Vec<Vec<u32>> = ids.collect();
    let mut results = Vec::new();
    for method in &arguments.methods {
        let mut request = request.clone().method(method).generated_token_ids(Some(ids.clone()));
        request.generate_from_target_prefix = false;
        request.generation_args = Map::new();
        request.attribution_args.retain(|name, _| knows(method, name));
        let bar = Bar::new(interrupted.clone());
        let result = model.attribute_with_progress(&request, &mut |progress| bar.update(progress))?;
        warnings.say_of(&result);
        results.push(result.aggregate()?);
    }
    let mut text = String::new();
    for (index, written) in texts.iter().enumerate() {
        let sequences: Vec<&SequenceAttribution> = results.iter().map(|result| &result.sequences[index]).collect();
        text += written;
        text += "\n\nMean share of each token over the steps:\n";
        text += &lines(&shares(&arguments.methods, &sequences));
        text += "\nRank correlation (Spearman), mean over the steps:\n";
        text += &lines(&correlations(&arguments.methods, &sequences));
        text += "\n";
    }
    output::print(text.as_bytes())
}

/// A comparison is a table of shares and correlations; it takes no flags of files, pictures and step scores.
fn refuse_what_has_no_effect(arguments: &AttributeArguments) -> Result<(), Failure> {
    let given = [
        ("--save-path", arguments.save_path.is_some()),
        ("--viz-path", arguments.picture.viz_path.is_some()),
        ("--hide", arguments.hide_attributions),
        ("--aggregate-output", arguments.aggregate_output),
        ("--output-step-attributions", arguments.output_step_attributions),
        ("--step-scores", !arguments.step_scores.is_empty()),
        ("--dry-run", arguments.dry_run),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((flag, _)) => Err(Failure::Argument(format!(
            "`inseq compare` prints a table, in which {flag} has no effect; leave it out, or run `inseq attribute` with one method"
        ))),
        None => Ok(()),
    }
}

fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn table(methods: &[String]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(std::iter::once(String::new()).chain(methods.iter().cloned()));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A step's scores of every token that it sees, source first.
fn of_step(sequence: &SequenceAttribution, step: usize) -> Vec<f32> {
    let sides = [&sequence.source_attributions, &sequence.target_attributions];
    let all = sides.into_iter().flatten().flat_map(|array| array.index_axis(ndarray::Axis(1), step).to_owned());
    all.filter(|score| !score.is_nan()).collect()
}

fn steps(sequence: &SequenceAttribution) -> usize {
    sequence.attr_pos_end - sequence.attr_pos_start
}

/// Tokens by methods: the share of a step's absolute scores, mean over the steps that see the token.
fn shares(methods: &[String], sequences: &[&SequenceAttribution]) -> Table {
    let mut table = table(methods);
    let Some(first) = sequences.first() else { return table };
    let sides = [
        (first.source_attributions.is_some(), &first.source, true),
        (first.target_attributions.is_some(), &first.target, false),
    ];
    for (_, tokens, of_source) in sides.into_iter().filter(|(is_there, _, _)| *is_there) {
        let rows = if of_source { tokens.len() } else { first.attr_pos_end.min(tokens.len()) };
        for (row, token) in tokens.iter().take(rows).enumerate() {
            let shares = sequences.iter().map(|sequence| {
                let array = if of_source { &sequence.source_attributions } else { &sequence.target_attributions };
                let Some(array) = array else { return String::new() };
                let seen: Vec<f32> = (0..steps(sequence))
                    .filter(|&step| !array[[row, step]].is_nan())
                    .map(|step| {
                        let total: f32 = of_step(sequence, step).iter().map(|score| score.abs()).sum();
                        if total > 0.0 { array[[row, step]].abs() / total } else { 0.0 }
                    })
                    .collect();
                match seen.len() {
                    0 => String::new(),
                    count => format!("{:.3}", seen.iter().sum::<f32>() / count as f32),
                }
            });
            let cells: Vec<String> = std::iter::once(token.text.clone()).chain(shares).collect();
            if cells[1..].iter().any(|cell| !cell.is_empty()) {
                table.add_row(cells);
            }
        }
    }
    table
}

fn correlations(methods: &[String], sequences: &[&SequenceAttribution]) -> Table {
    let mut table = table(methods);
    for (method, a) in methods.iter().zip(sequences) {
        let row = sequences.iter().map(|b| {
            let each: Vec<f64> =
                (0..steps(a)).filter_map(|step| spearman(&of_step(a, step), &of_step(b, step))).collect();
            match each.len() {
                0 => "-".to_owned(),
                count => format!("{:.2}", each.iter().sum::<f64>() / count as f64),
            }
        });
        table.add_row(std::iter::once(method.clone()).chain(row));
    }
    table
}

/// The correlation of the ranks of absolute scores; none where either side has but one value.
fn spearman(a: &[f32], b: &[f32]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

/// Ranks from 0; equal values share the mean of theirs.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].abs().total_cmp(&values[b].abs()));
    let mut ranks = vec![0.0; values.len()];
    for group in order.chunk_by(|&a, &b| values[a].abs() == values[b].abs()) {
        let below = order.iter().position(|index| *index == group[0]).unwrap_or(0);
        for &index in group {
            ranks[index] = below as f64 + (group.len() as f64 - 1.0) / 2.0;
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_correlate_as_by_hand() {
        // By scipy.stats.spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]).
        let r = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]).unwrap();
        assert!((r - 0.820_782_681_668_123_3).abs() < 1e-12, "{r}");
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
    }
}
