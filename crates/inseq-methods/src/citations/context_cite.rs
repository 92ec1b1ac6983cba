//! ContextCite.

use std::ops::Range;
use std::sync::Arc;

use inseq_core::{About, Argument, SourceScore};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::context::CitationContext;
use super::lasso::{Linear, lasso};
use super::method::{CitationMethod, CitationMethodInfo, CitationScores};
use super::prompt::Mask;
use super::token_scores::{log_odds_of, log_probability_of};
use crate::arguments::SEED;
use crate::feature_groups::choices;
use crate::method::{fields, options};
use crate::{Count, Error, Result};

/// Number of random halves of the masks that the confidence is a share of.
const HALVES: usize = 50;

/// Smallest number of masks whose halves say something.
const LEAST_FOR_HALVES: usize = 8;

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new("n_masks", "64", "Number of random subsets of kept sources, 2 to 100000."),
    Argument::new(
        "keep_prob",
        "0.5",
        "Probability that a source is kept in a random subset, above 0 and below 1. It has no effect if all subsets are used.",
    ),
    Argument::new("alpha", "0.01", "Weight of the penalty of the regression, 0 or more."),
    SEED,
    Argument::new(
        "masks",
        "none",
        "Subsets in place of random ones: lists of true (kept) and false, one value per source.",
    ),
];

/// The entry of the list of methods.
pub(super) fn info() -> CitationMethodInfo {
    CitationMethodInfo {
        about: About {
            name: "context_cite",
            description: "Which linear model of kept sources predicts how likely the sentence is?",
            details: "Random subsets of the sources are kept, and the others are deleted from the prompt. A lasso regression of the \
                      log-odds of the sentence on the kept sources gives each source a weight: its score. A source with the score \
                      ln 10 (2.3) multiplies the odds of the sentence by ten. If there are at most `n_masks` subsets, all of them \
                      are used. The confidence is the share of 50 random halves of the subsets on which the source has a positive \
                      weight. ChaCha8, seeded with `seed`, draws the subsets one after another, source by source, then the halves.",
            arguments: ARGUMENTS,
        },
        cost: "at most n_masks forwards",
        citation: "Cohen-Wang et al. (2024), ContextCite: Attributing Model Generation to Context, \
                   https://arxiv.org/abs/2409.00729",
        make: |arguments| Ok(Arc::new(options::<ContextCite>("context_cite", arguments)?)),
    }
}

/// Which linear model of kept sources predicts how likely the sentence is?
///
/// Score: weight of the source in a lasso regression of the log-odds of the sentence, signed. Cost: at most `n_masks` forwards for all
/// sentences together. Cohen-Wang et al., 2024, <https://arxiv.org/abs/2409.00729>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContextCite {
    /// Number of subsets of kept sources.
    pub n_masks: Count<2>,
    /// Probability that a source is kept.
    pub keep_prob: f64,
    /// Weight of the penalty of the regression.
    pub alpha: f64,
    /// Seed of the random number generator.
    pub seed: u64,
    /// Subsets in place of random ones.
    pub masks: Option<Vec<Mask>>,
}

impl Default for ContextCite {
    fn default() -> Self {
        Self { n_masks: Count::of::<64>(), keep_prob: 0.5, alpha: 0.01, seed: 0, masks: None }
    }
}

impl CitationMethod for ContextCite {
    fn name(&self) -> &str {
        "context_cite"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn validate(&self) -> Result<()> {
        let Self { keep_prob, alpha, .. } = *self;
        if !(keep_prob > 0.0 && keep_prob < 1.0) {
            let problem = format!("context_cite: `keep_prob` must lie between 0 and 1, found {keep_prob}");
            return Err(Error::argument("keep_prob", problem));
        }
        if !(alpha >= 0.0 && alpha.is_finite()) {
            let problem = format!("context_cite: `alpha` must be a number of 0 or more, found {alpha}");
            return Err(Error::argument("alpha", problem));
        }
        if self.masks.as_ref().is_some_and(|masks| masks.len() < 2) {
            let problem = "context_cite: `masks` must have at least two lists, since a regression needs two values";
            return Err(Error::argument("masks", problem.into()));
        }
        Ok(())
    }

    fn scores(&self, context: &mut CitationContext) -> Result<CitationScores> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let masks = self.masks(context.sources(), &mut random)?;
        let halves: Vec<Vec<usize>> = match masks.len() < LEAST_FOR_HALVES {
            true => Vec::new(),
            false => (0..HALVES).map(|_| half(masks.len(), &mut random)).collect(),
        };
        self.check_varied(&masks, context.sources())?;
        let odds = context.log_odds(&masks)?;
        let of_sentence = |tokens: Range<usize>| {
            let values: Vec<f64> = odds.iter().map(|odds| sentence_log_odds(&odds[tokens.clone()])).collect();
            let all: Vec<usize> = (0..masks.len()).collect();
            let fitted = self.fitted(&masks, &values, tokens.len(), &all);
            let mut positive = vec![0usize; context.sources()];
            for half in &halves {
                let weights = self.fitted(&masks, &values, tokens.len(), half).weights;
                weights.iter().zip(&mut positive).for_each(|(weight, count)| *count += usize::from(*weight > 0.0));
            }
            let confidence = |count: usize| (!halves.is_empty()).then(|| count as f64 / halves.len() as f64);
            let scores = fitted.weights.into_iter().zip(positive);
            scores.map(|(score, count)| SourceScore { score, confidence: confidence(count), gain: None }).collect()
        };
        Ok(context.sentences().into_iter().map(of_sentence).collect::<Vec<_>>().into())
    }

    fn unused_options(&self, sources: usize) -> Vec<String> {
        let usual = Self::default();
        let why = match (&self.masks, choices(sources, self.n_masks.get())) {
            (Some(_), _) => "the subsets are given as `masks`".to_owned(),
            (None, Some(count)) => format!(
                "{sources} sources have {count} subsets, no more than `n_masks` ({}), and all of them are used",
                self.n_masks.get()
            ),
            (None, None) => return Vec::new(),
        };
        let has_prob = self.keep_prob != usual.keep_prob;
        let has_count = self.masks.is_some() && self.n_masks != usual.n_masks;
        let unused = [("keep_prob", has_prob), ("n_masks", has_count)].into_iter().filter(|(_, is_set)| *is_set);
        unused.map(|(name, _)| format!("context_cite: `{name}` has no effect: {why}")).collect()
    }

    fn forwards(&self, sources: usize) -> usize {
        let most = self.masks.as_ref().map_or(self.n_masks.get(), Vec::len);
        choices(sources, most).filter(|_| self.masks.is_none()).unwrap_or(most)
    }
}

impl ContextCite {
    /// The subsets of kept sources.
    fn masks(&self, sources: usize, random: &mut ChaCha8Rng) -> Result<Vec<Mask>> {
        if let Some(given) = &self.masks {
            if let Some(place) = given.iter().position(|mask| mask.len() != sources) {
                let problem = format!(
                    "context_cite: list {} of `masks` has {} values, but there are {sources} sources; give one value for each",
                    place + 1,
                    given[place].len()
                );
                return Err(Error::argument("masks", problem));
            }
            return Ok(given.clone());
        }
        if let Some(count) = choices(sources, self.n_masks.get()) {
            return Ok((0..count).map(|bits| (0..sources).map(|source| bits >> source & 1 == 1).collect()).collect());
        }
        let mut mask = || (0..sources).map(|_| random.random_bool(self.keep_prob)).collect();
        Ok((0..self.n_masks.get()).map(|_| mask()).collect())
    }

    /// Refuses masks that say nothing of a source, since all of them keep it or all leave it out.
    fn check_varied(&self, masks: &[Mask], sources: usize) -> Result<()> {
        let Some(source) = (0..sources).find(|&source| masks.iter().all(|mask| mask[source] == masks[0][source]))
        else {
            return Ok(());
        };
        let what = if masks[0][source] { "keep" } else { "leave out" };
        let (name, way_out) = match self.masks {
            Some(_) => ("masks", "give masks of both kinds"),
            None => ("n_masks", "take more masks, or a `keep_prob` closer to 0.5"),
        };
        let count = masks.len();
        let problem =
            format!("context_cite: all {count} masks {what} source {}, so that it has no score; {way_out}", source + 1);
        Err(Error::argument(name, problem))
    }

    /// The regression of a sentence of so many tokens on some of the masks.
    fn fitted(&self, masks: &[Mask], values: &[f64], tokens: usize, chosen: &[usize]) -> Linear {
        // The penalty is for values per token.
        let tokens = tokens as f64;
        let rows: Vec<&[bool]> = chosen.iter().map(|&index| masks[index].as_slice()).collect();
        let values: Vec<f64> = chosen.iter().map(|&index| values[index] / tokens).collect();
        let Linear { weights, intercept } = lasso(&rows, &values, self.alpha);
        Linear { weights: weights.into_iter().map(|weight| weight * tokens).collect(), intercept: intercept * tokens }
    }
}

/// Log-odds of several tokens together, from those of each.
fn sentence_log_odds(of_tokens: &[f64]) -> f64 {
    // Beyond this the probability of a token is 1 in 64 bits.
    const MOST: f64 = 700.0;
    log_odds_of(of_tokens.iter().map(|&odds| log_probability_of(odds.min(MOST))).sum())
}

/// Indices of a random half of `count` masks.
fn half(count: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..count).collect();
    let (half, _) = indices.partial_shuffle(random, count.div_ceil(2));
    half.to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(arguments: Value) -> Result<Arc<dyn CitationMethod>> {
        info().with(arguments.as_object().unwrap())
    }

    fn drawn(method: &ContextCite, sources: usize) -> Vec<Mask> {
        method.masks(sources, &mut ChaCha8Rng::seed_from_u64(method.seed)).unwrap()
    }

    #[test]
    fn masks_are_all_subsets_or_random_ones() {
        let method = ContextCite { n_masks: Count::of::<4>(), ..ContextCite::default() };
        assert_eq!(drawn(&method, 2), [[false, false], [true, false], [false, true], [true, true]]);
        assert_eq!((method.forwards(2), method.forwards(3)), (4, 4));
        let method = ContextCite { n_masks: Count::of::<2000>(), ..ContextCite::default() };
        let masks = drawn(&method, 20);
        assert_eq!(masks, drawn(&method, 20), "the same seed draws the same masks");
        assert_ne!(masks, drawn(&ContextCite { seed: 1, ..method.clone() }, 20));
        let kept = masks.iter().flatten().filter(|kept| **kept).count() as f64 / 40_000.0;
        assert!((kept - 0.5).abs() < 0.01, "{kept}");
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for (arguments, part) in [
            (json!({"keep_prob": 1.0}), "`keep_prob` must lie between 0 and 1, found 1"),
            (json!({"alpha": -1}), "`alpha` must be a number of 0 or more"),
            (json!({"masks": [[true]]}), "at least two lists"),
            (json!({"n_masks": 1}), "n_masks"),
            (json!({"n_mask": 1}), "n_mask"),
        ] {
            let error = made(arguments).unwrap_err().to_string();
            assert!(error.contains("context_cite") && error.contains(part), "{error}");
        }
        let method = ContextCite { masks: Some(vec![vec![true], vec![true, false]]), ..ContextCite::default() };
        let error = method.masks(2, &mut ChaCha8Rng::seed_from_u64(0)).unwrap_err().to_string();
        assert!(error.contains("list 1 of `masks` has 1 values, but there are 2 sources"), "{error}");
    }

    #[test]
    fn options_without_effect_are_named() {
        let unused = |arguments: serde_json::Value, sources| {
            info().with(arguments.as_object().unwrap()).unwrap().unused_options(sources)
        };
        let said = unused(json!({"keep_prob": 0.9}), 6);
        assert_eq!(
            said,
            [
                "context_cite: `keep_prob` has no effect: 6 sources have 64 subsets, no more than `n_masks` (64), and all of them are used"
            ]
        );
        assert!(unused(json!({"keep_prob": 0.9}), 7).is_empty() && unused(json!({}), 2).is_empty());
        let given = json!({"masks": [[true, false], [false, true]], "n_masks": 8, "keep_prob": 0.2});
        assert_eq!(unused(given, 2).len(), 2);
    }

    #[test]
    fn odds_of_several_tokens_are_those_of_their_product() {
        // Two tokens of probability 1/2: 1/4 against 3/4.
        assert!((sentence_log_odds(&[0.0, 0.0]) - (1.0f64 / 3.0).ln()).abs() < 1e-12);
        assert!(sentence_log_odds(&[1e9]).is_finite());
    }
}
