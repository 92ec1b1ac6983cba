//! The difference of two attributions with the same shape.

use std::ops::Sub;

use ndarray::ArrayD;

use super::Aggregator;
use crate::{Error, Result, SequenceAttribution, Token};

/// Subtracts the scores of this attribution from those of another one: the change from this one to the other. The reference's
/// `pair` aggregator.
///
/// A pair of tokens that differ becomes one token, `this → other`, without an id.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The other attribution.
    pub other: SequenceAttribution,
}

impl Pair {
    /// The difference to `other`.
    pub fn new(other: SequenceAttribution) -> Self {
        Self { other }
    }
}

impl Aggregator for Pair {
    fn name(&self) -> &str {
        "pair"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        difference(&self.other, attribution, |other, this| tokens(this, other))
    }
}

impl Sub for &SequenceAttribution {
    type Output = Result<SequenceAttribution>;

    /// Subtracts the scores of another attribution with the same shape. (The reference's `-` subtracts in the wrong order.)
    fn sub(self, other: Self) -> Self::Output {
        difference(self, other, tokens)
    }
}

fn difference(
    a: &SequenceAttribution,
    b: &SequenceAttribution,
    tokens: impl Fn(&[Token], &[Token]) -> Vec<Token>,
) -> Result<SequenceAttribution> {
    a.validate()?;
    b.validate()?;
    let lengths = |of: &SequenceAttribution| (of.source.len(), of.target.len(), of.attr_pos_start, of.attr_pos_end);
    if lengths(a) != lengths(b) || a.kind != b.kind {
        return Err(Error::Invalid(format!(
            "only attributions of one shape and kind can be subtracted: source, target and positions are {:?} and {:?}",
            lengths(a),
            lengths(b)
        )));
    }
    let subtract = |name: &str, a: &ArrayD<f32>, b: Option<&ArrayD<f32>>| match b {
        Some(b) if b.shape() == a.shape() => Ok(a - b),
        Some(b) => Err(Error::Invalid(format!("{name} have the shapes {:?} and {:?}", a.shape(), b.shape()))),
        None => Err(Error::Invalid(format!("only one of the attributions has {name}"))),
    };
    let side = |name: &str, a: &Option<ArrayD<f32>>, b: &Option<ArrayD<f32>>| match (a, b) {
        (None, None) => Ok(None),
        (Some(a), b) => subtract(name, a, b.as_ref()).map(Some),
        (None, Some(_)) => Err(Error::Invalid(format!("only one of the attributions has {name}"))),
    };
    let step_scores = a.step_scores.iter().map(|(name, scores)| match b.step_scores.get(name) {
        Some(other) if other.len() == scores.len() => Ok((name.clone(), scores - other)),
        _ => Err(Error::Invalid(format!("only one of the attributions has the step score {name:?}"))),
    });
    let sequence_scores = a.sequence_scores.iter().map(|(name, score)| {
        let other = b.sequence_scores.get(name).filter(|other| other.axes == score.axes);
        let difference = subtract(name, &score.scores, other.map(|other| &other.scores))?;
        Ok((name.clone(), score.with(difference)))
    });
    Ok(SequenceAttribution {
        source: tokens(&a.source, &b.source),
        target: tokens(&a.target, &b.target),
        source_attributions: side("source attributions", &a.source_attributions, &b.source_attributions)?,
        target_attributions: side("target attributions", &a.target_attributions, &b.target_attributions)?,
        step_scores: step_scores.collect::<Result<_>>()?,
        sequence_scores: sequence_scores.collect::<Result<_>>()?,
        step_score_merging: a.step_score_merging.clone(),
        attr_pos_start: a.attr_pos_start,
        attr_pos_end: a.attr_pos_end,
        kind: a.kind.clone(),
    })
}

fn tokens(a: &[Token], b: &[Token]) -> Vec<Token> {
    a.iter().zip(b).map(|(a, b)| if a.text == b.text { a.clone() } else { Token::compared(&a.text, b) }).collect()
}
