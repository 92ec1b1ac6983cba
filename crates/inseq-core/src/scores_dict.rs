//! Scores by token, for tables.

use indexmap::IndexMap;
use ndarray::{ArrayD, Axis};
use serde::Serialize;

use crate::{AttributionKind, AttributionResult, Error, Result, SequenceAttribution};

/// A token with its position in the text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct PlacedToken {
    /// Position in the text, from 0.
    pub position: usize,
    /// The token's text.
    pub token: String,
}

/// The scores of one text by the tokens they belong to (the reference's `get_scores_dicts`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoresDict {
    /// For each attributed target token, the score of each source token.
    pub source_attributions: IndexMap<PlacedToken, IndexMap<PlacedToken, f32>>,
    /// For each attributed target token, the score of each target token before `attr_pos_end`.
    pub target_attributions: IndexMap<PlacedToken, IndexMap<PlacedToken, f32>>,
    /// For each attributed target token, its step scores by name.
    pub step_scores: IndexMap<PlacedToken, IndexMap<String, f32>>,
}

impl ScoresDict {
    /// The unchanged scores of an attribution that has one score per token.
    ///
    /// # Errors
    /// The attribution has more than one score per token, or shapes that do not fit its tokens.
    pub fn of(attribution: &SequenceAttribution) -> Result<Self> {
        attribution.validate()?;
        if attribution.kind != AttributionKind::Coarse {
            return Err(Error::Invalid(
                "scores by token need one score per token: aggregate the attribution first".into(),
            ));
        }
        let placed = |tokens: &[crate::Token]| -> Vec<PlacedToken> {
            let tokens = tokens.iter().enumerate();
            tokens.map(|(position, token)| PlacedToken { position, token: token.text.clone() }).collect()
        };
        let source = placed(&attribution.source);
        let target = placed(&attribution.target[..attribution.attr_pos_end]);
        let mut dict = Self::default();
        for (step, token) in target[attribution.attr_pos_start..].iter().enumerate() {
            let column = |scores: &ArrayD<f32>, rows: &[PlacedToken]| {
                let scores = scores.index_axis(Axis(1), step);
                rows.iter().cloned().zip(scores.iter().copied()).collect::<IndexMap<_, _>>()
            };
            if let Some(scores) = &attribution.source_attributions {
                dict.source_attributions.insert(token.clone(), column(scores, &source));
            }
            if let Some(scores) = &attribution.target_attributions {
                dict.target_attributions.insert(token.clone(), column(scores, &target));
            }
            let scores = attribution.step_scores.iter();
            dict.step_scores.insert(token.clone(), scores.map(|(name, scores)| (name.clone(), scores[step])).collect());
        }
        Ok(dict)
    }
}

impl SequenceAttribution {
    /// The scores by token, after the default aggregation.
    ///
    /// # Errors
    /// As [`SequenceAttribution::aggregate`].
    ///
    /// # Example
    /// ```
    /// # use inseq_core::{SequenceAttribution, Token};
    /// # use ndarray::array;
    /// let attribution = SequenceAttribution {
    ///     source: vec![Token::new("▁oui", 4)],
    ///     target: vec![Token::new("<pad>", 0), Token::new("▁yes", 5)],
    ///     source_attributions: Some(array![[0.5]].into_dyn()),
    ///     attr_pos_start: 1,
    ///     attr_pos_end: 2,
    ///     ..SequenceAttribution::default()
    /// };
    /// let scores = attribution.get_scores_dict()?;
    /// let (token, row) = &scores.source_attributions[0..].iter().next().unwrap();
    /// assert_eq!((token.position, token.token.as_str(), row[0]), (1, "▁yes", 0.5));
    /// # Ok::<(), inseq_core::Error>(())
    /// ```
    pub fn get_scores_dict(&self) -> Result<ScoresDict> {
        ScoresDict::of(&self.aggregate()?)
    }
}

impl AttributionResult {
    /// The scores of every text by token, after the default aggregation.
    ///
    /// # Errors
    /// As [`SequenceAttribution::aggregate`].
    pub fn get_scores_dicts(&self) -> Result<Vec<ScoresDict>> {
        self.sequences.iter().map(SequenceAttribution::get_scores_dict).collect()
    }
}
