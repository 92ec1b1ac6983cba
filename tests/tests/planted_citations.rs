//! Citations of models whose log-odds are a function written into their weights: sources that add up, that say the same, that are needed
//! together, or that exclude each other.

use std::f64::consts::LN_2;

use inseq_core::{CitationRule, Citations};
use inseq_methods::citations::{ArcJsd, CitationMethod, ContextCite, LeaveOneOut};
use inseq_tests::planted::{Planted, Unit};

/// Share of an expected score, of 1 or more, by which a score may differ from it: the weights and sums of the models are in 32 bits.
const TOLERANCE: f64 = 1e-4;

fn cited(planted: &Planted, method: impl CitationMethod + 'static) -> Citations {
    let citations = planted.model().cite(&planted.request().method(method)).unwrap();
    assert_eq!(citations.sentences.len(), 1);
    citations
}

fn scores(citations: &Citations) -> Vec<f64> {
    citations.sentences[0].scores.iter().map(|source| source.score).collect()
}

fn gains(citations: &Citations) -> Vec<Option<f64>> {
    citations.sentences[0].scores.iter().map(|source| source.gain).collect()
}

fn assert_scores(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() < TOLERANCE * expected.abs().max(1.0),
            "{what}: source {index} has {found}, expected {expected}"
        );
    }
}

fn log_probability(log_odds: f64) -> f64 {
    -(-log_odds).exp().ln_1p()
}

/// Without the penalty, which shrinks all weights.
fn unpenalized() -> ContextCite {
    ContextCite { alpha: 0.0, ..ContextCite::default() }
}

fn masks_without_one(sources: usize) -> impl Iterator<Item = Vec<bool>> {
    (0..sources).map(move |source| (0..sources).map(|other| other != source).collect())
}

/// Drops of the log-probability without each source, by the formula.
fn drops(planted: &Planted) -> Vec<f64> {
    let all = log_probability(planted.log_odds(&vec![true; planted.sources()]));
    masks_without_one(planted.sources()).map(|mask| all - log_probability(planted.log_odds(&mask))).collect()
}

/// Jensen-Shannon divergences without each source, by their definition: (KL(P | M) + KL(Q | M)) / 2.
fn divergences(planted: &Planted) -> Vec<f64> {
    let all = planted.probabilities(&vec![true; planted.sources()]);
    let to_middle = |p: f64, q: f64| if p > 0.0 { p * (p / ((p + q) / 2.0)).ln() } else { 0.0 };
    let divergence = |mask: Vec<bool>| {
        let without = planted.probabilities(&mask);
        all.iter().zip(&without).map(|(&p, &q)| (to_middle(p, q) + to_middle(q, p)) / 2.0).sum()
    };
    masks_without_one(planted.sources()).map(divergence).collect()
}

/// Checks what does not depend on the function: drops, gains, divergences, and probabilities with and without the sources.
fn check_exact_methods(planted: &Planted) {
    let left_out = cited(planted, LeaveOneOut::default());
    let expected = drops(planted);
    assert_scores("leave_one_out", &scores(&left_out), &expected);
    let diverging = cited(planted, ArcJsd::default());
    assert_scores("arc_jsd", &scores(&diverging), &divergences(planted));
    for citations in [&left_out, &diverging] {
        for (gain, expected) in gains(citations).iter().zip(&expected) {
            assert!(gain.is_none_or(|gain| (gain - expected).abs() < TOLERANCE), "{}: {gain:?}", citations.method);
        }
        let sentence = &citations.sentences[0];
        let [all, none] = [true, false].map(|kept| log_probability(planted.log_odds(&vec![kept; planted.sources()])));
        assert!((sentence.log_probability - all).abs() < TOLERANCE, "{sentence:?}");
        assert!((sentence.contextless_log_probability - none).abs() < TOLERANCE, "{sentence:?}");
    }
}

#[test]
fn sources_that_add_up_have_their_weights() {
    let weights = [2.0, 0.0, -1.0, 0.5];
    let unit = |index: usize| {
        let counted: Vec<bool> = (0..weights.len()).map(|other| other == index).collect();
        Unit::of_count(&counted, 0.0, weights[index])
    };
    let planted = Planted { base: -1.5, units: (0..weights.len()).map(unit).collect() };
    check_exact_methods(&planted);
    let found = cited(&planted, unpenalized());
    assert_scores("context_cite", &scores(&found), &weights);
    assert_eq!(found.sentences[0].cited(&CitationRule::default()), [0, 3]);
    // All 16 masks are run, and half of them have a source: its deviation is 1/2, so that the penalty takes 2 x 0.01 of each weight.
    let shrunk = [1.98, 0.0, -0.98, 0.48];
    assert_scores("context_cite with its penalty", &scores(&cited(&planted, ContextCite::default())), &shrunk);
}

/// Log-odds of -4, and of 4 if the prompt has one of the first two sources.
fn either() -> Planted {
    let two = [true, true, false];
    Planted { base: -4.0, units: vec![Unit::of_count(&two, 0.0, 8.0), Unit::of_count(&two, -1.0, -8.0)] }
}

#[test]
fn of_two_sources_that_say_the_same_none_is_missed_when_left_out() {
    let planted = either();
    assert_eq!([[true; 3], [true, false, true], [false; 3]].map(|mask| planted.log_odds(&mask)), [4.0, 4.0, -4.0]);
    check_exact_methods(&planted);
    let left_out = cited(&planted, LeaveOneOut::default());
    assert_scores("leave_one_out", &scores(&left_out), &[0.0; 3]);
    assert_scores("arc_jsd", &scores(&cited(&planted, ArcJsd::default())), &[0.0; 3]);
    // `a or b` has the slope 1/2 in each.
    let found = cited(&planted, unpenalized());
    assert_scores("context_cite", &scores(&found), &[4.0, 4.0, 0.0]);
    // Each is cited with a gain of nothing, but the sentence was not known without the two.
    let sentence = &found.sentences[0];
    assert!(gains(&found)[..2].iter().all(|gain| gain.is_some_and(|gain| gain.abs() < TOLERANCE)), "{sentence:?}");
    assert!(sentence.log_probability - sentence.contextless_log_probability > 3.9, "{sentence:?}");
}

#[test]
fn two_sources_that_are_needed_together_have_the_same_score() {
    let planted = Planted { base: -4.0, units: vec![Unit::of_count(&[true, false, true], -1.0, 8.0)] };
    assert_eq!([[true; 3], [true, true, false], [false; 3]].map(|mask| planted.log_odds(&mask)), [4.0, -4.0, -4.0]);
    check_exact_methods(&planted);
    let drop = log_probability(4.0) - log_probability(-4.0);
    assert_scores("leave_one_out", &scores(&cited(&planted, LeaveOneOut::default())), &[drop, 0.0, drop]);
    assert_scores("context_cite", &scores(&cited(&planted, unpenalized())), &[4.0, 0.0, 4.0]);
}

#[test]
fn of_two_sources_that_exclude_each_other_only_divergences_tell() {
    let two = [true, true, false];
    let planted =
        Planted { base: -4.0, units: vec![Unit::of_count(&two, 0.0, 8.0), Unit::of_count(&two, -1.0, -16.0)] };
    assert_eq!([[true; 3], [true, false, true], [false; 3]].map(|mask| planted.log_odds(&mask)), [-4.0, 4.0, -4.0]);
    check_exact_methods(&planted);
    // Without one of them the answer is likelier.
    let rise = log_probability(-4.0) - log_probability(4.0);
    let left_out = cited(&planted, LeaveOneOut::default());
    assert_scores("leave_one_out", &scores(&left_out), &[rise, rise, 0.0]);
    // Exclusive or has no slope.
    let found = cited(&planted, unpenalized());
    assert_scores("context_cite", &scores(&found), &[0.0; 3]);
    let diverging = cited(&planted, ArcJsd::default());
    assert_eq!(diverging.sentences[0].cited(&CitationRule::default().most(2)), [0, 1]);
    assert!(scores(&diverging)[..2].iter().all(|&score| score > 0.5), "{diverging:?}");
}

#[test]
fn a_source_that_decides_everything_has_a_divergence_of_ln_2() {
    // With the source the answer is certain, and without it impossible. A sum of KL(M | P) and KL(M | Q) would have no bound.
    let planted = Planted { base: -40.0, units: vec![Unit::of_count(&[false, true], 0.0, 80.0)] };
    let found = scores(&cited(&planted, ArcJsd::default()));
    assert_scores("arc_jsd", &found, &[0.0, LN_2]);
    assert!(found[1] <= f64::from(LN_2 as f32), "{found:?}");
    assert_scores("context_cite", &scores(&cited(&planted, unpenalized())), &[0.0, 80.0]);
}
