//! Agreement of the attributions of one text by several methods.
//!
//! Scores of methods differ in scale and sign, so only the order of their magnitudes and their shares of the sum are
//! compared.

use ndarray::{ArrayD, Axis};

use crate::{AttributionKind, Error, Result, SequenceAttribution};

/// The mean share of each token, one value per token; `None` for a token that no step sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeanShares {
    /// Shares of source tokens, `[source]`; `None` if the source was not attributed.
    pub source: Option<Vec<Option<f32>>>,
    /// Shares of target tokens, `[target]`; `None` if the target was not attributed.
    pub target: Option<Vec<Option<f32>>>,
}

impl SequenceAttribution {
    /// The share of each token in the sum of a step's absolute scores, averaged over the steps that see the token. In a step
    /// of zeros every token has the share 0.
    ///
    /// # Errors
    /// There is more than one score per token, or the arrays do not fit the tokens.
    ///
    /// ```
    /// use inseq_core::{SequenceAttribution, Token};
    ///
    /// let text = SequenceAttribution {
    ///     source: vec![Token::new("▁a", 1), Token::new("▁b", 2)],
    ///     target: vec![Token::new("▁c", 3)],
    ///     attr_pos_end: 1,
    ///     source_attributions: Some(ndarray::arr2(&[[-3.0], [1.0]]).into_dyn()),
    ///     ..SequenceAttribution::default()
    /// };
    /// assert_eq!(text.mean_shares()?.source, Some(vec![Some(0.75), Some(0.25)]));
    /// # Ok::<(), inseq_core::Error>(())
    /// ```
    pub fn mean_shares(&self) -> Result<MeanShares> {
        self.check_one_score()?;
        let totals: Vec<f64> =
            (0..self.steps()).map(|step| magnitudes(self, step).map(|(_, magnitude)| magnitude).sum()).collect();
        let shares = |scores: &ArrayD<f32>| -> Vec<Option<f32>> {
            let mean = |row: ndarray::ArrayViewD<f32>| {
                let seen = row.iter().zip(&totals).filter(|(score, _)| !score.is_nan());
                let (count, sum) = seen.fold((0_usize, 0.0), |(count, sum), (score, total)| {
                    (count + 1, sum + if *total > 0.0 { f64::from(score.abs()) / total } else { 0.0 })
                });
                (count > 0).then(|| (sum / count as f64) as f32)
            };
            scores.outer_iter().map(mean).collect()
        };
        Ok(MeanShares {
            source: self.source_attributions.as_ref().map(shares),
            target: self.target_attributions.as_ref().map(shares),
        })
    }

    /// Spearman's correlation between the absolute scores of two attributions of one text, averaged over the steps. Each step
    /// correlates the tokens that it sees, source and target together; equal scores share the mean of their ranks. A step in which
    /// all scores of one attribution are equal has no correlation and does not count; `None` if no step has a correlation.
    ///
    /// # Errors
    /// There is more than one score per token, or the tokens or steps differ.
    ///
    /// ```
    /// use inseq_core::{SequenceAttribution, Token};
    ///
    /// let text = |scores: [[f32; 1]; 3]| SequenceAttribution {
    ///     source: ["▁a", "▁b", "▁c"].map(|text| Token::new(text, 1)).into(),
    ///     target: vec![Token::new("▁d", 3)],
    ///     attr_pos_end: 1,
    ///     source_attributions: Some(ndarray::arr2(&scores).into_dyn()),
    ///     ..SequenceAttribution::default()
    /// };
    /// let (one, other) = (text([[0.1], [0.2], [0.7]]), text([[1.0], [-2.0], [-9.0]]));
    /// assert_eq!(one.rank_correlation(&other)?, Some(1.0));
    /// # Ok::<(), inseq_core::Error>(())
    /// ```
    pub fn rank_correlation(&self, other: &Self) -> Result<Option<f64>> {
        self.check_one_score()?;
        other.check_one_score()?;
        if self.steps() != other.steps() {
            return Err(Error::Invalid(format!(
                "attributions of {} and {} steps cannot be compared; give two of one text and the same positions",
                self.steps(),
                other.steps()
            )));
        }
        let mut correlations = Vec::with_capacity(self.steps());
        for step in 0..self.steps() {
            let [one, two] = [self, other].map(|of| magnitudes(of, step).collect::<Vec<_>>());
            if one.iter().map(|(token, _)| token).ne(two.iter().map(|(token, _)| token)) {
                return Err(Error::Invalid(format!(
                    "attributions of {} and {} tokens at step {step} cannot be compared; give two that attribute the same tokens",
                    one.len(),
                    two.len()
                )));
            }
            let [one, two] =
                [one, two].map(|scored| scored.into_iter().map(|(_, magnitude)| magnitude).collect::<Vec<f64>>());
            correlations.extend(spearman(&one, &two));
        }
        let count = correlations.len();
        Ok((count > 0).then(|| correlations.iter().sum::<f64>() / count as f64))
    }

    fn check_one_score(&self) -> Result<()> {
        self.validate()?;
        match self.kind {
            AttributionKind::Coarse => Ok(()),
            _ => Err(Error::Invalid("attributions are compared by one score per token; aggregate them first".into())),
        }
    }
}

/// Each token that a step sees (side and position), source first, with the absolute value of its score.
fn magnitudes(sequence: &SequenceAttribution, step: usize) -> impl Iterator<Item = ((usize, usize), f64)> {
    let sides = [&sequence.source_attributions, &sequence.target_attributions].into_iter().enumerate();
    sides.filter_map(|(side, scores)| Some((side, scores.as_ref()?))).flat_map(move |(side, scores)| {
        let scores = scores.index_axis(Axis(1), step).into_iter().enumerate();
        let seen = scores.filter(|(_, score)| !score.is_nan());
        seen.map(move |(position, score)| ((side, position), f64::from(score.abs())))
    })
}

/// Spearman's rank correlation of two lists of the same length; equal values share the mean of their ranks. `None` if one of the lists
/// has at most one distinct value.
pub fn spearman(one: &[f64], two: &[f64]) -> Option<f64> {
    let (one, two) = (ranks(one), ranks(two));
    let mean = (one.len() as f64 - 1.0) / 2.0;
    let product = |one: &[f64], two: &[f64]| -> f64 { one.iter().zip(two).map(|(a, b)| (a - mean) * (b - mean)).sum() };
    let scale = (product(&one, &one) * product(&two, &two)).sqrt();
    (scale > 0.0).then(|| product(&one, &two) / scale)
}

/// Ranks from 0; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &two| values[one].total_cmp(&values[two]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    for equal in order.chunk_by(|&one, &two| values[one] == values[two]) {
        for &index in equal {
            ranks[index] = below as f64 + (equal.len() as f64 - 1.0) / 2.0;
        }
        below += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::Token;

    fn tokens(count: usize) -> Vec<Token> {
        (0..count).map(|index| Token::new(format!("▁{index}"), index as u32)).collect()
    }

    /// A text of four source tokens and three steps.
    fn text(source: ndarray::Array2<f32>, target: Option<ndarray::Array2<f32>>) -> SequenceAttribution {
        SequenceAttribution {
            source: tokens(4),
            target: tokens(3),
            attr_pos_end: 3,
            source_attributions: Some(source.into_dyn()),
            target_attributions: target.map(ndarray::Array::into_dyn),
            ..SequenceAttribution::default()
        }
    }

    fn one() -> ndarray::Array2<f32> {
        array![[0.9, 0.1, -0.5], [0.2, 0.2, 0.3], [-0.2, 0.4, 0.0], [0.1, 0.3, 0.25]]
    }

    fn two() -> ndarray::Array2<f32> {
        array![[0.3, 0.2, 0.1], [0.5, 0.2, -0.3], [0.1, 0.2, 0.3], [-0.5, 0.2, 0.05]]
    }

    #[test]
    fn ranks_correlate_as_scipy_has_it() {
        // scipy.stats.spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]).
        let r = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]).unwrap();
        assert!((r - 0.820_782_681_668_123_3).abs() < 1e-12, "{r}");
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[], &[]), None);
        // numpy.nanmean of spearmanr(abs(one[:, step]), abs(two[:, step])) over the steps; the second has no correlation.
        let r = text(one(), None).rank_correlation(&text(two(), None)).unwrap().unwrap();
        assert!((r + 0.355_409_255_338_946).abs() < 1e-7, "{r}");
        assert_eq!(text(one(), None).rank_correlation(&text(one(), None)).unwrap(), Some(1.0));
        let constant = text(ndarray::Array2::ones((4, 3)), None);
        assert_eq!(text(one(), None).rank_correlation(&constant).unwrap(), None);
    }

    #[test]
    fn shares_are_those_of_what_a_step_sees() {
        // numpy's (abs(one) / abs(one).sum(0)).mean(1).
        let shares = text(one(), None).mean_shares().unwrap();
        assert_eq!(shares.target, None);
        for (found, expected) in
            shares.source.unwrap().into_iter().zip([0.406_349_2, 0.209_523_8, 0.180_952_4, 0.203_174_6])
        {
            assert!((found.unwrap() - expected).abs() < 1e-6, "{found:?} is not {expected}");
        }
        let nan = f32::NAN;
        let both =
            text(ndarray::Array2::zeros((4, 3)), Some(array![[2.0, -1.0, 0.0], [nan, 3.0, 0.0], [nan, nan, nan]]));
        // Of three steps, the last one has only zeros.
        let expected = [Some((1.0 + 0.25) / 3.0), Some(0.75 / 2.0), None];
        assert_eq!(both.mean_shares().unwrap().target, Some(expected.to_vec()));
    }

    #[test]
    fn what_cannot_be_compared_is_an_error() {
        let granular = SequenceAttribution {
            kind: AttributionKind::Granular,
            source_attributions: Some(ArrayD::zeros(vec![4, 3, 2])),
            ..text(one(), None)
        };
        assert!(granular.mean_shares().unwrap_err().to_string().contains("aggregate them first"));
        assert!(text(one(), None).rank_correlation(&granular).is_err());
        let with_target = text(one(), Some(ndarray::Array2::ones((3, 3))));
        let error = text(one(), None).rank_correlation(&with_target).unwrap_err().to_string();
        assert!(error.contains("4 and 7 tokens at step 0"), "{error}");
        let shorter = SequenceAttribution {
            attr_pos_end: 2,
            source_attributions: Some(one().slice_axis(Axis(1), (..2).into()).to_owned().into_dyn()),
            ..text(one(), None)
        };
        assert!(text(one(), None).rank_correlation(&shorter).unwrap_err().to_string().contains("3 and 2 steps"));
    }
}
