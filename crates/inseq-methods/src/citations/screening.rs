//! Sources that are tested by leaving them out, of those that a gradient ranks.

use inseq_core::Argument;

use super::context::CitationContext;
use super::gradient::Gradient;
use super::method::{AttributionWork, CitationMethod as _, CitationScores, plain};
use super::prompt::Mask;
use crate::attribution_model::AttributionModel;
use crate::engine::TextSteps;
use crate::{Count, Result};

/// The argument `screen` of methods that leave out one source after another.
pub(super) const SCREEN: Argument = Argument::new(
    "screen",
    "none",
    "Number of sources that are tested, 1 to 100000: those with the largest shares of the method `gradient` for a sentence. The others \
     have a score of 0. By default all sources are tested.",
);

/// The number of sources to test; `None` is all of them.
pub(super) type Screen = Option<Count<1>>;

/// Number of sources that are tested, of so many.
pub(super) fn count(screen: Screen, sources: usize) -> usize {
    screen.map_or(sources, |most| most.get().min(sources))
}

/// Refuses a model without the gradients that rank the sources.
///
/// # Errors
/// The model has none.
pub(super) fn check(screen: Screen, model: &AttributionModel) -> Result<()> {
    screen.map_or(Ok(()), |_| Gradient::default().check(model))
}

/// The attribution that ranks the sources.
///
/// # Errors
/// The model has no gradients.
pub(super) fn attributions(screen: Screen, model: &AttributionModel, text: &TextSteps) -> Result<AttributionWork> {
    screen.map_or(Ok(AttributionWork::default()), |_| Gradient::default().attributions(model, text))
}

/// The sources that are tested.
pub(super) struct Tested {
    /// Their indices, in order.
    pub(super) list: Vec<usize>,
    sources: usize,
}

impl Tested {
    /// Ranks the sources of a prompt, if not all of them are tested.
    ///
    /// # Errors
    /// The device fails, or the call is cancelled.
    pub(super) fn of(screen: Screen, context: &mut CitationContext) -> Result<Self> {
        let sources = context.sources();
        let most = count(screen, sources);
        let list = match most < sources {
            true => first_of(&Gradient::default().shares(context)?, most),
            false => (0..sources).collect(),
        };
        Ok(Self { list, sources })
    }

    /// The masks that leave out one of the tested sources each.
    pub(super) fn masks(&self) -> Vec<Mask> {
        let without = |left_out: usize| (0..self.sources).map(|source| source != left_out).collect();
        self.list.iter().copied().map(without).collect()
    }

    /// The scores of so many sentences; `score` takes the sentence and the place of the source among the tested ones.
    pub(super) fn scores(&self, sentences: usize, score: impl Fn(usize, usize) -> f64) -> CitationScores {
        let of_sentence = |sentence: usize| {
            let mut scores = vec![plain(0.0); self.sources];
            self.list.iter().enumerate().for_each(|(place, &source)| scores[source] = plain(score(sentence, place)));
            scores
        };
        let untested = (0..self.sources).filter(|source| !self.list.contains(source)).collect();
        CitationScores::from((0..sentences).map(of_sentence).collect::<Vec<_>>()).untested(untested)
    }
}

/// The `most` sources with the largest scores `[sentence][source]`, in order. The scores of a sentence count as shares of its largest one.
fn first_of(scores: &[Vec<f64>], most: usize) -> Vec<usize> {
    let sources = scores.first().map_or(0, Vec::len);
    let mut rank = vec![0f64; sources];
    for of_sources in scores {
        let largest = of_sources.iter().map(|score| score.abs()).fold(f64::MIN_POSITIVE, f64::max);
        of_sources.iter().zip(&mut rank).for_each(|(score, rank)| *rank = rank.max(score.abs() / largest));
    }
    let mut order: Vec<usize> = (0..sources).collect();
    order.sort_by(|&one, &other| rank[other].total_cmp(&rank[one]));
    order.truncate(most);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_has_its_say() {
        // The second sentence has small scores, of which the third source has the largest.
        let scores = [vec![0.5, 0.4, 0.0, 0.1], vec![0.001, 0.0, -0.02, 0.001]];
        assert_eq!(first_of(&scores, 2), [0, 2]);
        assert_eq!(first_of(&scores, 3), [0, 1, 2]);
        assert_eq!(first_of(&[vec![0.0; 3]], 1), [0]);
    }

    #[test]
    fn what_is_not_tested_is_named() {
        let tested = Tested { list: vec![0, 2], sources: 4 };
        assert_eq!(tested.masks(), [[false, true, true, true], [true, true, false, true]]);
        let found = tested.scores(2, |sentence, place| (10 * sentence + place + 1) as f64);
        let scores: Vec<Vec<f64>> = found.scores.iter().map(|of| of.iter().map(|one| one.score).collect()).collect();
        assert_eq!(scores, [[1.0, 0.0, 2.0, 0.0], [11.0, 0.0, 12.0, 0.0]]);
        assert_eq!(found.untested, [1, 3]);
    }
}
