//! Results without special tokens.

use ndarray::{ArrayD, Axis};

use crate::{AttributionKind, Piece, Result, ScoreAxis, SequenceAttribution, Token, text};

/// Largest distance from 1 of the sum of a step's scores that count as shares.
const SHARES: f32 = 1e-3;

impl SequenceAttribution {
    /// Returns the attribution without tokens that have no text (start, end, padding, languages), as inputs and as steps. If the
    /// magnitudes of a step's scores summed to 1, they are scaled to sum to 1 again; other scores do not change.
    ///
    /// The tokenizer determines these tokens; if it is unknown, their spelling does
    /// ([`text::pieces`](crate::text::pieces)).
    ///
    /// # Errors
    /// The arrays do not fit the tokens.
    ///
    /// ```
    /// use inseq_core::{AttributionKind, SequenceAttribution, Token};
    /// use ndarray::array;
    ///
    /// let whole = SequenceAttribution {
    ///     source: vec![Token::new("▁Hello", 5), Token::new("▁you", 6), Token::new("</s>", 0)],
    ///     target: vec![Token::new("<pad>", 1), Token::new("▁Bonjour", 7), Token::new("</s>", 0)],
    ///     source_attributions: Some(array![[0.25, 0.5], [0.25, 0.0], [0.5, 0.5]].into_dyn()),
    ///     attr_pos_start: 1,
    ///     attr_pos_end: 3,
    ///     kind: AttributionKind::Coarse,
    ///     ..SequenceAttribution::default()
    /// };
    /// let spoken = whole.without_special()?;
    /// assert_eq!(spoken.source_attributions, Some(array![[0.5], [0.5]].into_dyn()));
    /// assert_eq!((spoken.attr_pos_start, spoken.attr_pos_end), (0, 1));
    /// # Ok::<(), inseq_core::Error>(())
    /// ```
    pub fn without_special(&self) -> Result<Self> {
        self.validate()?;
        let kept = |tokens: &[Token]| -> Vec<usize> {
            let pieces = text::pieces(tokens);
            (0..tokens.len()).filter(|&position| pieces[position] != Piece::Special).collect()
        };
        let (source, target) = (kept(&self.source), kept(&self.target));
        let (start, end) = (self.attr_pos_start, self.attr_pos_end);
        let steps: Vec<usize> = target
            .iter()
            .filter(|&&position| (start..end).contains(&position))
            .map(|position| position - start)
            .collect();
        let chosen = |tokens: &[Token], positions: &[usize]| -> Vec<Token> {
            positions.iter().filter_map(|&position| tokens.get(position).cloned()).collect()
        };
        let before = target.iter().filter(|&&position| position < start).count();
        let mut rest = Self {
            source: chosen(&self.source, &source),
            target: chosen(&self.target, &target),
            source_attributions: self
                .source_attributions
                .as_ref()
                .map(|scores| cut(cut(scores.clone(), 0, &source), 1, &steps)),
            target_attributions: self
                .target_attributions
                .as_ref()
                .map(|scores| cut(cut(scores.clone(), 0, &target), 1, &steps)),
            step_scores: self
                .step_scores
                .iter()
                .map(|(name, scores)| (name.clone(), scores.select(Axis(0), &within(&steps, scores.len()))))
                .collect(),
            sequence_scores: self
                .sequence_scores
                .iter()
                .map(|(name, score)| {
                    let [rows, columns] = score.axes.map(|axis| match axis {
                        ScoreAxis::Source => &source,
                        ScoreAxis::Target => &target,
                        ScoreAxis::Step => &steps,
                    });
                    (name.clone(), score.with(cut(cut(score.scores.clone(), 0, rows), 1, columns)))
                })
                .collect(),
            attr_pos_start: before,
            attr_pos_end: before + steps.len(),
            kind: self.kind.clone(),
            step_score_merging: self.step_score_merging.clone(),
        };
        if self.kind != AttributionKind::Granular {
            rest.keep_shares(self, &steps);
        }
        Ok(rest)
    }

    /// Scales the remaining scores of each step (and layer, head) whose scores were shares of 1.
    fn keep_shares(&mut self, whole: &Self, steps: &[usize]) {
        for (step, &before) in steps.iter().enumerate() {
            let all = magnitudes(&[&whole.source_attributions, &whole.target_attributions], before);
            let left = magnitudes(&[&self.source_attributions, &self.target_attributions], step);
            let (Some(all), Some(left)) = (all, left) else { continue };
            let scale = ndarray::Zip::from(&all)
                .and(&left)
                .map_collect(|&all, &left| if (all - 1.0).abs() <= SHARES && left > 0.0 { 1.0 / left } else { 1.0 });
            for scores in [&mut self.source_attributions, &mut self.target_attributions].into_iter().flatten() {
                let mut column = scores.index_axis_mut(Axis(1), step);
                column.outer_iter_mut().for_each(|mut row| row *= &scale);
            }
        }
    }
}

/// The sum of the magnitudes of a step's scores over all tokens, for each entry of the axes after the first two.
fn magnitudes(sides: &[&Option<ArrayD<f32>>], step: usize) -> Option<ArrayD<f32>> {
    let sides = sides.iter().filter_map(|side| side.as_ref());
    let sums = sides.map(|scores| {
        scores.index_axis(Axis(1), step).map(|score| if score.is_nan() { 0.0 } else { score.abs() }).sum_axis(Axis(0))
    });
    sums.reduce(|one, other| one + other)
}

/// The entries of an axis at the given positions; positions beyond the axis are ignored.
fn cut(scores: ArrayD<f32>, axis: usize, positions: &[usize]) -> ArrayD<f32> {
    match scores.shape().get(axis) {
        Some(&length) => scores.select(Axis(axis), &within(positions, length)),
        None => scores,
    }
}

fn within(positions: &[usize], length: usize) -> Vec<usize> {
    positions.iter().copied().filter(|&position| position < length).collect()
}
