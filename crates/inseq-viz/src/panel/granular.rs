//! Scores of several layers, heads or features for each pair of tokens, one table per generated token.

use inseq_core::{AttributionKind, SequenceAttribution, Token, did_you_mean};
use ndarray::{ArrayD, ArrayView1, Axis, Slice};

use super::{Heading, Panel, Plate, STEP_SCORES, empty, passages, strongest};
use crate::matrix::{Matrix, Row, readable, up_to_the_last_seen};
use crate::number::NumberFormat;
use crate::scale::Scale;
use crate::steps;
use crate::token_text::TokenText;
use crate::view::ViewOptions;
use crate::{Error, Result};

/// The tables of a text: rows are input tokens, columns are the entries of one axis.
pub(super) fn plate(sequence: &SequenceAttribution, text: usize, options: &ViewOptions) -> Result<Plate> {
    sequence.validate().map_err(|error| Error::Axis { text, problem: error.to_string() })?;
    let spread = Spread::of(sequence, text, options)?;
    let [source, target] = [&sequence.source_attributions, &sequence.target_attributions]
        .map(|scores| scores.as_ref().map(|scores| spread.reduced(scores)));
    let shown = Matrix::without_scores(sequence, text, options)?;
    let steps = steps::chosen(shown.generated(), options);
    let heads: Vec<TokenText> =
        spread.entries.clone().map(|entry| TokenText::new(&Token::new(entry.to_string(), None))).collect();
    let mut panels = Vec::with_capacity(steps.len());
    for &step in &steps {
        let rows = |scores: &Option<ArrayD<f32>>| scores.as_ref().map_or_else(Vec::new, |scores| rows(scores, step));
        let matrix = Matrix {
            heads: heads.clone(),
            source_rows: rows(&source),
            target_rows: up_to_the_last_seen(rows(&target)),
            step_scores: Vec::new(),
            ..shown.clone()
        };
        let heading = Some(Heading { token: shown.generated()[step].clone(), detail: spread.detail.clone() });
        panels.push((matrix, heading));
    }
    let scores = || panels.iter().flat_map(|(matrix, _)| matrix.scores());
    let scale = Scale::fitting(scores(), options.min_value, options.max_value)?;
    let number = NumberFormat::fitting(scores());
    let panels = panels
        .into_iter()
        .map(|(mut matrix, heading)| {
            let chosen_from = strongest(&mut matrix, options);
            Panel { matrix, scale, number, heading, chosen_from, step_scores: STEP_SCORES }
        })
        .collect();
    Ok(Plate { ordinal: None, passages: passages(&shown, None), panels, steps: Vec::new(), empty: empty(&shown) })
}

fn rows(scores: &ArrayD<f32>, step: usize) -> Vec<Row> {
    let row = |(position, row): (usize, ndarray::ArrayViewD<f32>)| {
        let entries = row.index_axis_move(Axis(0), step);
        let scores = entries.into_dimensionality().map_or_else(|_| Vec::new(), |row: ArrayView1<f32>| row.to_vec());
        Row { position, scores }
    };
    scores.outer_iter().enumerate().map(row).collect()
}

/// The reduction of an array to `[attributed, step, entry]`.
struct Spread {
    /// The axis that is kept.
    axis: usize,
    /// The selected part of each axis.
    slices: Vec<(usize, Slice)>,
    /// The indices of the shown entries.
    entries: std::ops::Range<usize>,
    /// Description of the shown scores.
    detail: String,
}

impl Spread {
    fn of(sequence: &SequenceAttribution, text: usize, options: &ViewOptions) -> Result<Self> {
        let problem = |problem: String| Error::Axis { text, problem };
        let names = match &sequence.kind {
            AttributionKind::Granular => vec!["feature".to_owned()],
            AttributionKind::MultiDimensional { dimensions } => dimensions.clone(),
            AttributionKind::Coarse => Vec::new(),
        };
        let array = sequence.source_attributions.as_ref().or(sequence.target_attributions.as_ref());
        let Some(lengths) = array.map(|array| array.shape()[2..].to_vec()).filter(|lengths| !lengths.is_empty()) else {
            return Err(problem(
                "there is one score per token, so there are no layers, heads or features to spread; show a result that is not aggregated, or choose the view `matrix`"
                    .into(),
            ));
        };
        let known = || {
            let each = names.iter().zip(&lengths).map(|(name, length)| format!("{name} ({length})"));
            each.collect::<Vec<_>>().join(", ")
        };
        let index_of = |name: &str| {
            let counted = || name.parse::<usize>().ok()?.checked_sub(2).filter(|&index| index < names.len());
            names.iter().position(|known| known == name).or_else(counted)
        };
        let found = |name: &str| {
            let near = || did_you_mean(name, names.iter().map(String::as_str), 1);
            index_of(name)
                .ok_or_else(|| problem(format!("there is no axis `{name}` to show; there are {}{}", known(), near())))
        };
        let mut ranges: Vec<std::ops::Range<usize>> = lengths.iter().map(|&length| 0..length).collect();
        for (name, range) in &options.granular.slices {
            let index = found(name)?;
            if range.start >= range.end || range.end > lengths[index] {
                return Err(problem(format!(
                    "the slice {}:{} of `{}` is empty or past its {} entries",
                    range.start, range.end, names[index], lengths[index]
                )));
            }
            ranges[index] = range.clone();
        }
        let longest = options.granular.longest;
        let chosen = match &options.granular.dimension {
            Some(name) => found(name)?,
            None => ranges.iter().position(|range| range.len() > 1 && range.len() <= longest).unwrap_or(0),
        };
        let is_sliced = |index: usize| options.granular.slices.iter().any(|(name, _)| index_of(name) == Some(index));
        if ranges[chosen].len() > longest && is_sliced(chosen) {
            return Err(problem(format!(
                "{} entries of `{}` are more than the {longest} that are shown side by side; choose fewer, or show more (`longest` {0})",
                ranges[chosen].len(),
                names[chosen]
            )));
        }
        let range = &mut ranges[chosen];
        range.end = range.end.min(range.start + longest);
        let mut detail = format!("by {}", readable(&names[chosen]));
        if ranges[chosen].len() < lengths[chosen] {
            let shown = &ranges[chosen];
            detail.push_str(&format!(" ({}–{} of {})", shown.start, shown.end - 1, lengths[chosen]));
        }
        for (index, range) in ranges.iter().enumerate().filter(|&(index, _)| index != chosen) {
            let name = readable(&names[index]);
            detail.push_str(&match range.len() {
                1 => format!(", {name} {}", range.start),
                count => format!(", mean of {count} {name}s"),
            });
        }
        let slices = ranges.iter().enumerate().map(|(index, range)| (index + 2, Slice::from(range.clone()))).collect();
        Ok(Self { axis: chosen + 2, slices, entries: ranges[chosen].clone(), detail })
    }

    /// # Shapes
    /// `[attributed, step, ...]` to `[attributed, step, entry]`
    fn reduced(&self, scores: &ArrayD<f32>) -> ArrayD<f32> {
        let mut view = scores.view();
        for &(axis, slice) in &self.slices {
            view.slice_axis_inplace(Axis(axis), slice);
        }
        let mut reduced = view.to_owned();
        for axis in (2..reduced.ndim()).rev().filter(|&axis| axis != self.axis) {
            let count = reduced.len_of(Axis(axis)) as f32;
            reduced = reduced.sum_axis(Axis(axis)) / count;
        }
        reduced
    }
}
