//! Alignment of the positions of two targets.

use super::{Alignments, ContrastArguments};
use crate::steps::Steps;
use crate::{Error, Result};

/// The position in the target `other` for each position of `steps` in the target `own`: that of the given pair, or of the best
/// one of several pairs. Positions without a pair are paired one to one from the right. The result does not depend on which other
/// positions are attributed.
///
/// # Errors
/// A pair contains a position that does not exist.
pub(crate) fn aligned(
    arguments: &ContrastArguments,
    text: usize,
    own: &[u32],
    other: &[u32],
    steps: &Steps,
) -> Result<Vec<usize>> {
    let given: Vec<(usize, usize)> = match &arguments.contrast_targets_alignments {
        None => Vec::new(),
        Some(Alignments::Named(_)) => common(own, other),
        Some(Alignments::One(pairs)) => pairs.clone(),
        Some(Alignments::More(each)) => each.get(text).cloned().unwrap_or_default(),
    };
    if let Some((a, b)) = given.iter().find(|(a, b)| *a >= own.len() || *b >= other.len()) {
        return Err(Error::argument(
            "contrast_targets_alignments",
            format!(
                "`contrast_targets_alignments`: the pair ({a}, {b}) is out of range; the target has {} tokens, the contrast target {}",
                own.len(),
                other.len()
            ),
        ));
    }
    let mut pairs = given;
    pairs.sort_unstable();
    pairs.dedup();
    let mut taken: Vec<usize> = Vec::new();
    let mut found: Vec<usize> = Vec::new();
    for position in 1..own.len() {
        let mut matches = pairs.iter().filter(|pair| pair.0 == position).map(|pair| pair.1);
        let first = matches.clone().next();
        let chosen = matches.find(|other| !taken.contains(other)).or(first);
        taken.extend(chosen);
        let back = own.len() - position;
        let from_right = if other.len() > back { other.len() - back } else { other.len() - 1 };
        found.push(chosen.unwrap_or(from_right).max(1));
    }
    // The first position is what the decoder starts from.
    Ok(steps.tokens().map(|position| found[position - 1]).collect())
}

/// Pairs of tokens that both targets contain, in order; tokens between them are paired one to one from the left.
fn common(own: &[u32], other: &[u32]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for operation in similar::capture_diff_slices(similar::Algorithm::Myers, own, other) {
        let (_, a, b) = operation.as_tag_tuple();
        pairs.extend(a.zip(b));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_without_pairs_go_from_the_right() {
        let aligned = |arguments: &str, own: &[u32], other: &[u32]| {
            let arguments: ContrastArguments = serde_json::from_str(arguments).unwrap();
            aligned(&arguments, 0, own, other, &(1..own.len()).into()).unwrap()
        };
        // A start, then tokens; the other has one more.
        assert_eq!(aligned("{}", &[9, 1, 2, 0], &[9, 5, 1, 3, 0]), [2, 3, 4]);
        assert_eq!(aligned(r#"{"contrast_targets_alignments": [[1, 1]]}"#, &[9, 1, 2, 0], &[9, 5, 1, 3, 0]), [1, 3, 4]);
        let auto = r#"{"contrast_targets_alignments": "auto"}"#;
        assert_eq!(aligned(auto, &[9, 1, 2, 3, 0], &[9, 1, 7, 8, 3, 0]), [1, 2, 4, 5]);
    }

    #[test]
    fn a_position_has_the_same_partner_whatever_is_attributed() {
        let (own, other) = ([9, 1, 2, 3, 0], [9, 5, 1, 6, 3, 0]);
        for arguments in [
            "{}",
            r#"{"contrast_targets_alignments": "auto"}"#,
            r#"{"contrast_targets_alignments": [[1, 1], [2, 1], [2, 3]]}"#,
        ] {
            let arguments: ContrastArguments = serde_json::from_str(arguments).unwrap();
            let aligned = |steps: std::ops::Range<usize>| aligned(&arguments, 0, &own, &other, &steps.into()).unwrap();
            let all = aligned(1..5);
            for start in 1..5 {
                for end in start..5 {
                    assert_eq!(aligned(start..end), all[start - 1..end - 1], "{start}..{end}");
                }
            }
        }
    }
}
