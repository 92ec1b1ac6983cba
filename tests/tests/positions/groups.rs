//! Groups of tokens at any position.

use inseq_core::aggregators::{AggregationFunction, Aggregator as _, Spans};
use inseq_methods::{FeatureGroups, TextSpans};

use crate::{Agreement, Subject, check, check_steps, methods, with};

#[test]
fn groups_of_tokens_give_the_whole_attribution_cut() {
    let spans = FeatureGroups::Spans(vec![TextSpans { source: vec![], target: vec![(0, 2), (3, 5)] }]);
    for name in ["gpt2", "t5"] {
        let subject = Subject::load(name);
        for groups in [FeatureGroups::Words, FeatureGroups::Sentences, spans.clone()] {
            for (method, arguments, agreement) in methods() {
                let request = subject.request().attribute_target(true).feature_groups(groups.clone());
                let request = with(request.step_scores(["probability"]), method, &arguments);
                let request = request.output_step_attributions(true);
                // What is before the first step has its groups' rows, so that only the end can be cut.
                let first = subject.attribute(&subject.request().method("dummy")).sequences[0].attr_pos_start as i64;
                for start in [first, first + 2] {
                    let from =
                        subject.attribute(&request.clone().positions(Some(start), None)).sequences.swap_remove(0);
                    for count in 1..from.steps() {
                        let what = format!("{name} {method} {groups:?} from {start}, {count} steps");
                        let end = Some(start + count as i64);
                        let found = subject.attribute(&request.clone().positions(Some(start), end));
                        check(&what, &from.slice_steps(0..count).unwrap(), &found.sequences[0], agreement);
                        check_steps(&what, &found);
                    }
                }
            }
        }
    }
}

/// A group is the same wherever the first attributed position lies, in it too: only rows before that position are merged.
#[test]
fn groups_are_the_same_from_any_position_on() {
    for name in ["gpt2", "t5"] {
        let subject = Subject::load(name);
        let first = subject.attribute(&subject.request().method("dummy")).sequences[0].attr_pos_start;
        let spans = [(first, first + 2), (first + 2, first + 4)];
        let groups = FeatureGroups::Spans(vec![TextSpans { source: vec![], target: spans.to_vec() }]);
        for (method, arguments, agreement) in methods() {
            let request = subject.request().attribute_target(true).feature_groups(groups.clone());
            let request = with(request.step_scores(["probability"]), method, &arguments);
            let whole = subject.attribute(&request).sequences.swap_remove(0);
            for (start, end, steps) in subject.positions(&whole) {
                let what = format!("{name} {method} {start:?}..{end:?}");
                let cut = whole.slice_steps(steps).unwrap();
                let merged = spans.iter().map(|&(start, end)| start..end).filter(|span| span.end <= cut.attr_pos_start);
                let expected = Spans::new().target(merged).merging(AggregationFunction::Sum).aggregate(&cut).unwrap();
                let found = subject.attribute(&request.clone().positions(start, end));
                check(&what, &expected, &found.sequences[0], agreement);
            }
        }
    }
}

/// With gradient methods, the score of a group is the sum of the scores of its tokens.
#[test]
fn groups_of_tokens_are_sums_at_any_position() {
    let target = vec![(1, 3), (3, 5)];
    for name in ["llama", "marian"] {
        let subject = Subject::load(name);
        let request = subject.request().attribute_target(true).method("input_x_gradient");
        let whole = subject.attribute(&request).sequences.swap_remove(0);
        for (start, end, steps) in subject.positions(&whole) {
            let cut = whole.slice_steps(steps).unwrap();
            let merged = target.iter().map(|&(start, end)| start..end).filter(|span| span.end <= cut.attr_pos_start);
            let expected = Spans::new().target(merged).merging(AggregationFunction::Sum).aggregate(&cut).unwrap();
            let groups = FeatureGroups::Spans(vec![TextSpans { source: vec![], target: target.clone() }]);
            let found = subject.attribute(&request.clone().feature_groups(groups).positions(start, end));
            check(&format!("{name} {start:?}..{end:?}"), &expected, &found.sequences[0], Agreement::Exact);
        }
    }
}
