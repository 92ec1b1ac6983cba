//! Aggregator that puts the first token and special tokens aside.

use std::str::FromStr;

use ndarray::{ArrayD, Axis};

use super::{Aggregator, normalize};
use crate::{AttributionKind, Error, Piece, Result, SequenceAttribution, text};

/// Puts tokens aside that take influence whatever the text says: the first token of the target, where attention rests that looks at
/// nothing, and special tokens. Their scores become 0 ([`put_aside`](Aside::put_aside)). Where there is one score per token, the absolute
/// scores of each step are then scaled to sum to 1 over the other tokens.
///
/// ```
/// use inseq_core::aggregators::{Aggregator, Aside};
/// use inseq_core::{SequenceAttribution, Token};
/// use ndarray::array;
///
/// let attribution = SequenceAttribution {
///     target: ["<s>", "Ada", "wrote"].map(|text| Token::new(text, 1)).to_vec(),
///     target_attributions: Some(array![[0.9], [0.1], [f32::NAN]].into_dyn()),
///     attr_pos_start: 2,
///     attr_pos_end: 3,
///     ..SequenceAttribution::default()
/// };
/// let kept = Aside::default().aggregate(&attribution)?.target_attributions.unwrap();
/// assert_eq!((kept[[0, 0]], kept[[1, 0]]), (0.0, 1.0));
/// # Ok::<(), inseq_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aside {
    /// Whether the first token of the target is put aside: the decoder start, or the first token of the prompt.
    pub bos: bool,
    /// Whether special tokens of the source and the target are put aside.
    pub special: bool,
}

impl Default for Aside {
    fn default() -> Self {
        Self { bos: true, special: true }
    }
}

crate::setters! {
    Aside { bos: bool, special: bool }
}

impl FromStr for Aside {
    type Err = Error;

    /// Reads `bos`, `special`, or both with a comma.
    fn from_str(names: &str) -> Result<Self> {
        names.split(',').try_fold(Self { bos: false, special: false }, |aside, name| match name.trim() {
            "bos" => Ok(aside.bos(true)),
            "special" => Ok(aside.special(true)),
            other => Err(Error::unknown("kind of tokens to put aside", other, ["bos", "special"])),
        })
    }
}

impl Aside {
    /// The attribution with scores of 0 for the tokens that are put aside. Nothing is scaled.
    ///
    /// # Errors
    /// The arrays do not fit the tokens.
    pub fn put_aside(self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        attribution.validate()?;
        let mut kept = attribution.clone();
        let sides =
            [(&kept.source, false, &mut kept.source_attributions), (&kept.target, true, &mut kept.target_attributions)];
        for (tokens, is_target, scores) in sides {
            let Some(scores) = scores else { continue };
            let pieces = text::pieces(tokens);
            let is_aside =
                |row: usize| (self.special && pieces[row] == Piece::Special) || (self.bos && is_target && row == 0);
            // A step does not see the scores that are NaN.
            for row in (0..tokens.len()).filter(|&row| is_aside(row)) {
                scores.index_axis_mut(Axis(0), row).mapv_inplace(|score| if score.is_nan() { score } else { 0.0 });
            }
        }
        Ok(kept)
    }
}

impl Aggregator for Aside {
    fn name(&self) -> &str {
        "aside"
    }

    fn aggregate(&self, attribution: &SequenceAttribution) -> Result<SequenceAttribution> {
        let mut kept = self.put_aside(attribution)?;
        if kept.kind == AttributionKind::Coarse {
            let sides = [&mut kept.source_attributions, &mut kept.target_attributions];
            let mut arrays: Vec<&mut ArrayD<f32>> = sides.into_iter().flatten().collect();
            normalize::normalize(&mut arrays, Axis(0))?;
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::Token;

    fn attribution() -> SequenceAttribution {
        let tokens = |texts: &[&str]| texts.iter().map(|text| Token::new(*text, 1)).collect::<Vec<_>>();
        SequenceAttribution {
            source: tokens(&["▁a", "▁b", "</s>"]),
            target: tokens(&["▁x", "▁y", "▁z"]),
            source_attributions: Some(array![[0.125, 0.125], [0.125, 0.25], [0.5, 0.5]].into_dyn()),
            target_attributions: Some(array![[0.25, 0.125], [f32::NAN, 0.125], [f32::NAN, f32::NAN]].into_dyn()),
            attr_pos_start: 1,
            attr_pos_end: 3,
            ..SequenceAttribution::default()
        }
    }

    #[test]
    fn the_others_are_scaled_to_sum_to_one() {
        let kept = Aside::default().aggregate(&attribution()).unwrap();
        assert_eq!(kept.source_attributions.unwrap(), array![[0.5, 0.25], [0.5, 0.5], [0.0, 0.0]].into_dyn());
        let target = kept.target_attributions.unwrap();
        assert_eq!((target[[0, 0]], target[[0, 1]], target[[1, 1]]), (0.0, 0.0, 0.25));
        assert!(target[[1, 0]].is_nan() && target[[2, 1]].is_nan());
    }

    #[test]
    fn each_kind_by_its_name() {
        let bos: Aside = "bos".parse().unwrap();
        let kept = bos.aggregate(&attribution()).unwrap();
        assert!(kept.source_attributions.unwrap()[[2, 0]] > 0.6);
        let special: Aside = "special".parse().unwrap();
        let kept = special.aggregate(&attribution()).unwrap();
        assert!(kept.target_attributions.unwrap()[[0, 0]] >= 0.5);
        assert_eq!("bos, special".parse::<Aside>().unwrap(), Aside::default());
        let message = "first".parse::<Aside>().unwrap_err().to_string();
        assert!(message.contains("first") && message.contains("bos"), "{message}");
    }

    #[test]
    fn several_scores_of_a_token_are_not_scaled() {
        let target = array![[[3.0, 4.0]], [[1.0, 2.0]], [[f32::NAN, f32::NAN]]].into_dyn();
        let granular = SequenceAttribution {
            source: vec![],
            source_attributions: None,
            target_attributions: Some(target),
            attr_pos_start: 2,
            kind: AttributionKind::Granular,
            ..attribution()
        };
        let unscaled = Aside::default().put_aside(&granular).unwrap();
        assert_eq!(unscaled.target_attributions.unwrap().as_slice().unwrap()[..4], [0.0, 0.0, 1.0, 2.0]);
        let kept = Aside::default().aggregate(&granular).unwrap().target_attributions.unwrap();
        assert_eq!(kept.as_slice().unwrap()[..4], [0.0, 0.0, 1.0, 2.0]);
    }
}
