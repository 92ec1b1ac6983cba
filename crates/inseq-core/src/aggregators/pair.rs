//! The difference of two attributions with the same shape.

use std::ops::Sub;

use ndarray::ArrayD;

use super::Aggregator;
use crate::{AttributionKind, Error, Result, SequenceAttribution, SequenceScore, Token};

/// Subtracts the scores of this attribution from those of another one: the change from this one to the other. The reference's
/// `pair` aggregator.
///
/// A pair of tokens that differ becomes one token, `this → other`, without an id. Step scores and sequence scores that only one of the
/// two has are left out ([`scores_of_one`](SequenceAttribution::scores_of_one) names them).
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

impl SequenceAttribution {
    /// Names of step scores and sequence scores that only this or only the other attribution has. Differences do not have them.
    pub fn scores_of_one<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for (one, two) in [(self, other), (other, self)] {
            let steps = one.step_scores.keys().filter(|name| !two.step_scores.contains_key(*name));
            let whole = one
                .sequence_scores
                .iter()
                .filter(|(name, score)| two.sequence_scores.get(*name).is_none_or(|other| !is_alike(score, other)));
            for name in steps.chain(whole.map(|(name, _)| name)) {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
        names
    }
}

impl Sub for &SequenceAttribution {
    type Output = Result<SequenceAttribution>;

    /// Subtracts the scores of another attribution with the same shape; scores that only one of them has are left out. (The reference's
    /// `-` subtracts in the wrong order.)
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
    check_shapes(a, b)?;
    let difference = |a: &Option<ArrayD<f32>>, b: &Option<ArrayD<f32>>| Some(a.as_ref()? - b.as_ref()?);
    let step_scores = a.step_scores.iter().filter_map(|(name, scores)| {
        let other = b.step_scores.get(name)?;
        Some((name.clone(), scores - other))
    });
    let sequence_scores = a.sequence_scores.iter().filter_map(|(name, score)| {
        let other = b.sequence_scores.get(name).filter(|other| is_alike(score, other))?;
        Some((name.clone(), score.with(&score.scores - &other.scores)))
    });
    Ok(SequenceAttribution {
        source: tokens(&a.source, &b.source),
        target: tokens(&a.target, &b.target),
        source_attributions: difference(&a.source_attributions, &b.source_attributions),
        target_attributions: difference(&a.target_attributions, &b.target_attributions),
        step_scores: step_scores.collect(),
        sequence_scores: sequence_scores.collect(),
        step_score_merging: a.step_score_merging.clone(),
        attr_pos_start: a.attr_pos_start,
        attr_pos_end: a.attr_pos_end,
        kind: a.kind.clone(),
    })
}

/// Refuses attributions whose scores have no counterparts.
fn check_shapes(a: &SequenceAttribution, b: &SequenceAttribution) -> Result<()> {
    let lengths = |of: &SequenceAttribution| (of.source.len(), of.target.len(), of.attr_pos_start, of.attr_pos_end);
    if lengths(a) != lengths(b) {
        let said = |of: &SequenceAttribution| {
            format!(
                "{} source tokens and {} target tokens, of which {}..{} are attributed",
                of.source.len(),
                of.target.len(),
                of.attr_pos_start,
                of.attr_pos_end
            )
        };
        return Err(Error::Invalid(format!(
            "only attributions of the same numbers of tokens can be subtracted: one has {}, the other {}",
            said(a),
            said(b)
        )));
    }
    if a.kind != b.kind {
        return Err(Error::Invalid(format!(
            "only attributions of one kind can be subtracted, and one has {}, the other {}; aggregate both first",
            scores_of(&a.kind),
            scores_of(&b.kind)
        )));
    }
    for (side, a, b, way_out) in [
        ("source", &a.source_attributions, &b.source_attributions, "compare results of models of one kind"),
        (
            "target",
            &a.target_attributions,
            &b.target_attributions,
            "attribute the target in both (`attribute_target`), or in neither",
        ),
    ] {
        match (a, b) {
            (Some(a), Some(b)) if a.shape() != b.shape() => {
                return Err(Error::Invalid(format!(
                    "the {side} attributions have the shapes {:?} and {:?}; compare results of one model and method",
                    a.shape(),
                    b.shape()
                )));
            }
            (Some(_), None) | (None, Some(_)) => {
                return Err(Error::Invalid(format!("only one of the two has {side} attributions; {way_out}")));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The scores of a token, in words.
fn scores_of(kind: &AttributionKind) -> String {
    match kind {
        AttributionKind::Coarse => "one score per token".to_owned(),
        AttributionKind::Granular => "one score per token and feature".to_owned(),
        AttributionKind::MultiDimensional { dimensions } => {
            format!("one score per token and {}", dimensions.join(", "))
        }
    }
}

fn is_alike(one: &SequenceScore, other: &SequenceScore) -> bool {
    one.axes == other.axes && one.scores.shape() == other.scores.shape()
}

fn tokens(a: &[Token], b: &[Token]) -> Vec<Token> {
    a.iter().zip(b).map(|(a, b)| if a.text == b.text { a.clone() } else { Token::compared(&a.text, b) }).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::ScoreAxis;

    fn text(scores: [f32; 2]) -> SequenceAttribution {
        SequenceAttribution {
            source: vec![Token::new("▁a", 1), Token::new("▁b", 2)],
            target: vec![Token::new("▁c", 3)],
            source_attributions: Some(array![[scores[0]], [scores[1]]].into_dyn()),
            attr_pos_end: 1,
            ..SequenceAttribution::default()
        }
    }

    fn whole(scores: ndarray::Array2<f32>) -> SequenceScore {
        SequenceScore::new([ScoreAxis::Source, ScoreAxis::Source], scores.into_dyn())
    }

    #[test]
    fn scores_that_one_has_more_are_left_out() {
        let (mut one, mut other) = (text([0.5, 0.25]), text([0.25, 0.5]));
        one.step_scores = [("probability", 0.75), ("entropy", 2.0)]
            .map(|(name, score)| (name.to_owned(), ndarray::arr1(&[score])))
            .into_iter()
            .collect();
        other.step_scores = [("probability".to_owned(), ndarray::arr1(&[0.5]))].into_iter().collect();
        other.sequence_scores = [("encoder_self_attentions".to_owned(), whole(array![[1.0, 0.0], [0.0, 1.0]]))].into();
        for difference in [(&one - &other).unwrap(), Pair::new(one.clone()).aggregate(&other).unwrap()] {
            assert_eq!(difference.source_attributions, Some(array![[0.25], [-0.25]].into_dyn()));
            assert_eq!(difference.step_scores.keys().collect::<Vec<_>>(), ["probability"]);
            assert_eq!(difference.step_scores["probability"], ndarray::arr1(&[0.25]));
            assert!(difference.sequence_scores.is_empty());
        }
        assert_eq!(one.scores_of_one(&other), ["entropy", "encoder_self_attentions"]);
        assert_eq!(other.scores_of_one(&one), ["encoder_self_attentions", "entropy"]);
        // Of another shape, it is another score.
        one.sequence_scores = [("encoder_self_attentions".to_owned(), whole(array![[1.0]]))].into();
        assert!((&one - &other).unwrap().sequence_scores.is_empty());
        one.sequence_scores.clone_from(&other.sequence_scores);
        assert_eq!((&one - &other).unwrap().sequence_scores.len(), 1);
        assert_eq!(one.scores_of_one(&other), ["entropy"]);
    }

    #[test]
    fn what_cannot_be_subtracted_says_the_way_out() {
        let granular = SequenceAttribution {
            kind: AttributionKind::Granular,
            source_attributions: Some(ArrayD::zeros(vec![2, 1, 4])),
            ..text([0.0, 0.0])
        };
        let with_target =
            SequenceAttribution { target_attributions: Some(array![[f32::NAN]].into_dyn()), ..text([0.0, 0.0]) };
        let longer =
            SequenceAttribution { target: vec![Token::new("▁c", 3), Token::new("▁d", 4)], ..text([0.0, 0.0]) };
        for (other, expected) in [
            (granular, "the other one score per token and feature; aggregate both first"),
            (with_target, "only one of the two has target attributions; attribute the target in both"),
            (longer, "1 target tokens, of which 0..1 are attributed, the other 2 source tokens and 2 target tokens"),
        ] {
            let said = (&text([0.0, 0.0]) - &other).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
    }
}
