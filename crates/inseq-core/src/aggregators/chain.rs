//! Aggregator that gives the influence of generated tokens back to what they came from.

use ndarray::{Array1, Array2, ArrayD, Axis, Ix2};

use super::Aggregator;
use crate::{AttributionKind, Error, Result, SequenceAttribution};

/// Gives the influence that came through generated tokens back to the source and the prompt (CAGE,
/// <https://arxiv.org/abs/2512.15663>).
///
/// A step depends on the tokens that were generated before it, which depend on others. The scores of a step, without negative ones,
/// are its shares. The share of a generated token is divided among the tokens that it came from itself, in the proportion of its own
/// shares, until only source tokens and tokens before the first step have a share. These are scaled to sum to 1.
/// A step of several tokens may have a share of its own tokens; that share is divided in the proportion of its other shares.
///
/// The result needs target attributions ([`target_attributions`](SequenceAttribution::target_attributions)), which decoder-only models
/// always have. Several scores per token are first reduced by the [default](AttributionKind::default_scores) of their kind. A step
/// without positive scores of its own, or whose influence comes only from such steps, keeps scores of 0.
///
/// ```
/// use inseq_core::aggregators::{Aggregator, Chain};
/// use inseq_core::{SequenceAttribution, Token};
/// use ndarray::array;
///
/// let nan = f32::NAN;
/// let attribution = SequenceAttribution {
///     target: ["Who", "?", "Ada", "Lovelace"].map(|text| Token::new(text, 1)).to_vec(),
///     // The second step has half of its influence from the first one.
///     target_attributions: Some(array![[0.7, 0.2], [0.3, 0.3], [nan, 0.5], [nan, nan]].into_dyn()),
///     attr_pos_start: 2,
///     attr_pos_end: 4,
///     ..SequenceAttribution::default()
/// };
/// let chained = Chain.aggregate(&attribution)?.target_attributions.unwrap();
/// assert!((chained[[0, 1]] - 0.55).abs() < 1e-6 && (chained[[1, 1]] - 0.45).abs() < 1e-6);
/// assert_eq!(chained[[2, 1]], 0.0);
/// # Ok::<(), inseq_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain;

impl Aggregator for Chain {
    fn name(&self) -> &str {
        "chain"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        attribution.validate()?;
        let mut chained = match attribution.kind {
            AttributionKind::Coarse => attribution.clone(),
            _ => attribution.aggregate()?,
        };
        let Some(target) = &chained.target_attributions else {
            return Err(Error::Invalid(
                "the aggregator `chain` needs the influence of generated tokens on later ones, but the result has no target \
                 attributions; attribute the text with the target (`--attribute-target`, `attribute_target`)"
                    .into(),
            ));
        };
        let (start, steps) = (chained.attr_pos_start, chained.steps());
        let target = shares(target)?;
        let source = chained.source_attributions.as_ref().map(shares).transpose()?;
        let source = source.unwrap_or_else(|| Array2::zeros((0, steps)));
        let mut of_steps: Vec<[Array1<f64>; 2]> = Vec::with_capacity(steps);
        for step in 0..steps {
            let mut own = [source.column(step).to_owned(), target.column(step).iter().take(start).copied().collect()];
            for (before, of_before) in of_steps.iter().enumerate() {
                let share = target[[start + before, step]];
                own.iter_mut().zip(of_before).for_each(|(own, before)| own.scaled_add(share, before));
            }
            let total: f64 = own.iter().map(|shares| shares.sum()).sum();
            if total > 0.0 {
                own.iter_mut().for_each(|own| *own /= total);
            }
            of_steps.push(own);
        }
        let write = |scores: &mut Option<ArrayD<f32>>, side: usize, rows: usize| {
            let Some(scores) = scores else { return };
            for (mut column, of_step) in scores.axis_iter_mut(Axis(1)).zip(&of_steps) {
                let (mut given, mut generated) = column.view_mut().split_at(Axis(0), rows);
                given.iter_mut().zip(&of_step[side]).for_each(|(score, share)| *score = *share as f32);
                generated.iter_mut().filter(|score| !score.is_nan()).for_each(|score| *score = 0.0);
            }
        };
        let sources = chained.source.len();
        write(&mut chained.source_attributions, 0, sources);
        write(&mut chained.target_attributions, 1, start);
        Ok(chained)
    }
}

/// The scores `[token, step]` without negative ones, and without those that a step cannot see.
fn shares(scores: &ArrayD<f32>) -> Result<Array2<f64>> {
    let scores = scores.view().into_dimensionality::<Ix2>().map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(scores.mapv(|score| if score > 0.0 { f64::from(score) } else { 0.0 }))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::Token;

    const NAN: f32 = f32::NAN;

    fn attribution(source: Option<ArrayD<f32>>, target: ArrayD<f32>, start: usize) -> SequenceAttribution {
        let tokens = |count: usize| (0..count).map(|id| Token::new("a", id as u32)).collect::<Vec<_>>();
        SequenceAttribution {
            source: tokens(source.as_ref().map_or(start, |source| source.shape()[0])),
            target: tokens(target.shape()[0]),
            attr_pos_end: start + target.shape()[1],
            attr_pos_start: start,
            source_attributions: source,
            target_attributions: Some(target),
            ..SequenceAttribution::default()
        }
    }

    fn close(found: &ArrayD<f32>, expected: &ArrayD<f32>) {
        assert_eq!(found.shape(), expected.shape());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6 || (found.is_nan() && expected.is_nan()), "{found} {expected}");
        }
    }

    /// The sums of each step's scores, without those that it cannot see.
    fn sums(attribution: &SequenceAttribution) -> Vec<f32> {
        let sides = [&attribution.source_attributions, &attribution.target_attributions];
        let of_step = |step: usize| {
            let columns =
                sides.iter().filter_map(|side| side.as_ref()).map(|side| side.index_axis(Axis(1), step).to_owned());
            columns.flatten().filter(|score| !score.is_nan()).sum()
        };
        (0..attribution.steps()).map(of_step).collect()
    }

    #[test]
    fn a_chain_of_three_steps_comes_from_the_prompt() {
        // By substitution: the third step is 0.4 of the second, which is half of the first.
        let target = array![[0.7, 0.2, 0.1], [0.3, 0.3, 0.2], [NAN, 0.5, 0.3], [NAN, NAN, 0.4], [NAN, NAN, NAN]];
        let chained = Chain.aggregate(&attribution(None, target.into_dyn(), 2)).unwrap();
        let expected = array![
            [0.7, 0.55, 0.1 + 0.3 * 0.7 + 0.4 * 0.55],
            [0.3, 0.45, 0.2 + 0.3 * 0.3 + 0.4 * 0.45],
            [NAN, 0.0, 0.0],
            [NAN, NAN, 0.0],
            [NAN, NAN, NAN]
        ];
        close(chained.target_attributions.as_ref().unwrap(), &expected.into_dyn());
        assert!(sums(&chained).iter().all(|sum| (sum - 1.0).abs() < 1e-6));
    }

    #[test]
    fn without_influence_of_generated_tokens_a_step_is_itself() {
        let target = array![[0.25, 0.6], [0.75, 0.4], [NAN, 0.0], [NAN, NAN]].into_dyn();
        let chained = Chain.aggregate(&attribution(None, target.clone(), 2)).unwrap();
        close(&chained.target_attributions.unwrap(), &target);
    }

    #[test]
    fn sources_negative_scores_and_tokens_of_the_own_step() {
        // The decoder's start has a share, too; the second step is a span that has 0.2 from its own tokens.
        let source = array![[3.0, -1.0], [1.0, 0.4]].into_dyn();
        let target = array![[0.0, 0.0], [NAN, 0.4], [NAN, 0.2]].into_dyn();
        let chained = Chain.aggregate(&attribution(Some(source), target, 1)).unwrap();
        // Of the 0.8 that do not come from itself, half is the first step's: 0.75 and 0.25.
        close(chained.source_attributions.as_ref().unwrap(), &array![[0.75, 0.375], [0.25, 0.625]].into_dyn());
        close(chained.target_attributions.as_ref().unwrap(), &array![[0.0, 0.0], [NAN, 0.0], [NAN, 0.0]].into_dyn());
    }

    #[test]
    fn several_scores_of_a_token_are_reduced_first() {
        let target = array![[[3.0, 4.0], [0.0, 0.0]], [[NAN, NAN], [1.0, 0.0]], [[NAN, NAN], [NAN, NAN]]].into_dyn();
        let granular = SequenceAttribution { kind: AttributionKind::Granular, ..attribution(None, target, 1) };
        let chained = Chain.aggregate(&granular).unwrap();
        assert_eq!(chained.kind, AttributionKind::Coarse);
        close(chained.target_attributions.as_ref().unwrap(), &array![[1.0, 1.0], [NAN, 0.0], [NAN, NAN]].into_dyn());
    }

    #[test]
    fn a_step_without_influence_stays_so() {
        let target = array![[0.0, 0.0], [NAN, 1.0], [NAN, NAN]].into_dyn();
        let chained = Chain.aggregate(&attribution(None, target, 1)).unwrap();
        close(chained.target_attributions.as_ref().unwrap(), &array![[0.0, 0.0], [NAN, 0.0], [NAN, NAN]].into_dyn());
    }

    #[test]
    fn a_result_without_target_attributions_is_refused() {
        let source = array![[0.5], [0.5]].into_dyn();
        let attribution = SequenceAttribution {
            target_attributions: None,
            ..attribution(Some(source), array![[0.0], [NAN]].into_dyn(), 1)
        };
        let message = Chain.aggregate(&attribution).unwrap_err().to_string();
        assert!(message.contains("--attribute-target"), "{message}");
    }
}
