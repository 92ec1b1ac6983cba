//! Which method an evaluation recommends.

use inseq_core::Evaluation;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::anchors::{LEAVE_ONE_OUT, RANDOM};

/// Number of resamples of the texts.
const RESAMPLES: usize = 2000;

/// A method with its place among those that were evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommended {
    /// Name of the method.
    pub name: String,
    /// Mean rank over texts and metrics, from 1; methods with equal values share the mean of their ranks.
    pub mean_rank: f64,
    /// Share of resamples of the texts in which the method has the best mean rank, from 0 to 1.
    pub confidence: f64,
    /// Whether the method is better than the anchor `random` in the mean rank.
    pub beats_random: bool,
}

/// The methods of an evaluation without the anchors, the best first. Each text and each metric in which higher or lower is better ranks the
/// methods; a method is the better, the lower the mean of its ranks. Empty if no metric has a value.
///
/// ```
/// # #[cfg(feature = "demo")] {
/// use inseq_methods::AttributionModel;
/// use inseq_methods::evaluation::{EvaluationRequest, recommended};
///
/// let request = EvaluationRequest::new(["The tired nurse said that she was late."]).methods(["saliency", "attention"]);
/// let methods = recommended(&AttributionModel::demo()?.evaluate(&request)?);
/// assert_eq!(methods.len(), 2);
/// assert!(methods[0].mean_rank <= methods[1].mean_rank);
/// # }
/// # Ok::<(), inseq_methods::Error>(())
/// ```
pub fn recommended(evaluation: &Evaluation) -> Vec<Recommended> {
    let count = evaluation.methods.len();
    // Ranks of the methods by the metrics of each text, with a mean per text.
    let of_text = |text: usize| -> Option<Vec<f64>> {
        let metrics = evaluation.metrics.iter().filter_map(|metric| {
            let sign = if metric.higher_is_better? { -1.0 } else { 1.0 };
            let values: Option<Vec<f64>> =
                metric.values.iter().map(|values| values.get(text).copied().flatten()).collect();
            Some(ranks(&values?.into_iter().map(|value| sign * value).collect::<Vec<_>>()))
        });
        let ranks: Vec<Vec<f64>> = metrics.collect();
        let mean = |method: usize| ranks.iter().map(|ranks| ranks[method]).sum::<f64>() / ranks.len() as f64;
        (!ranks.is_empty()).then(|| (0..count).map(mean).collect())
    };
    let texts: Vec<Vec<f64>> = (0..evaluation.texts.len()).filter_map(of_text).collect();
    if texts.is_empty() {
        return Vec::new();
    }
    let is_anchor = |method: &usize| [LEAVE_ONE_OUT, RANDOM].contains(&evaluation.methods[*method].name.as_str());
    let given: Vec<usize> = (0..count).filter(|method| !is_anchor(method)).collect();
    let random = evaluation.methods.iter().position(|method| method.name == RANDOM);
    let mean = |method: usize, chosen: &[usize]| {
        chosen.iter().map(|&text| texts[text][method]).sum::<f64>() / chosen.len() as f64
    };
    let all: Vec<usize> = (0..texts.len()).collect();
    let mut source = ChaCha8Rng::seed_from_u64(evaluation.seed);
    let mut first = vec![0usize; count];
    for _ in 0..RESAMPLES {
        let chosen: Vec<usize> = all.iter().map(|_| source.random_range(0..texts.len())).collect();
        let best = given.iter().min_by(|one, other| mean(**one, &chosen).total_cmp(&mean(**other, &chosen)));
        best.into_iter().for_each(|&best| first[best] += 1);
    }
    let mut methods: Vec<Recommended> = given
        .iter()
        .map(|&method| Recommended {
            name: evaluation.methods[method].name.clone(),
            mean_rank: mean(method, &all),
            confidence: first[method] as f64 / RESAMPLES as f64,
            beats_random: random.is_none_or(|random| mean(method, &all) < mean(random, &all)),
        })
        .collect();
    methods.sort_by(|one, other| one.mean_rank.total_cmp(&other.mean_rank));
    methods
}

/// Ranks from 1, the smallest value first; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |own: f64| values.iter().filter(|value| **value < own).count() as f64;
    let equal = |own: f64| values.iter().filter(|value| **value == own).count() as f64;
    values.iter().map(|&own| below(own) + (equal(own) + 1.0) / 2.0).collect()
}

#[cfg(test)]
mod tests {
    use inseq_core::{EvaluatedMethod, EvaluatedMetric, EvaluatedText};

    use super::*;

    #[test]
    fn the_best_mean_rank_comes_first() {
        assert_eq!(ranks(&[0.5, 0.1, 0.5]), [2.5, 1.0, 2.5]);
        let method = |name: &str| EvaluatedMethod { name: name.to_owned(), ..EvaluatedMethod::default() };
        let metric = |higher_is_better, values: [[f64; 2]; 3]| EvaluatedMetric {
            higher_is_better,
            values: values.map(|values| values.map(Some).to_vec()).to_vec(),
            ..EvaluatedMetric::default()
        };
        let evaluation = Evaluation {
            texts: vec![EvaluatedText::default(); 2],
            methods: ["a", "b", RANDOM].map(method).to_vec(),
            metrics: vec![
                metric(Some(true), [[0.2, 0.1], [0.9, 0.8], [0.1, 0.2]]),
                metric(Some(false), [[5.0, 5.0], [1.0, 2.0], [7.0, 4.0]]),
                metric(None, [[9.0, 9.0], [0.0, 0.0], [0.0, 0.0]]),
            ],
            ..Evaluation::default()
        };
        let found = recommended(&evaluation);
        assert_eq!(found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!((found[0].mean_rank, found[0].confidence, found[0].beats_random), (1.0, 1.0, true));
        assert_eq!((found[1].mean_rank, found[1].confidence), (2.5, 0.0));
        // Second in the first text, third in the second one: as good as random.
        assert!(!found[1].beats_random);
        assert!(recommended(&Evaluation::default()).is_empty());
    }
}
