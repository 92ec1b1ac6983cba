//! Owen values over a tree of neighbouring tokens.

use std::collections::BTreeMap;
use std::ops::Range;

use inseq_core::{About, Argument};
use inseq_models::model::Model;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Perturbed;
use crate::engine::{Steps, TextSteps};
use crate::feature_groups::Changing;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, fields, from_arguments};
use crate::{Count, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[Argument::new("max_evals", "500", "Largest number of forwards, 2 to 100000.")];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "partition_shap",
            description: "How much do phrases, their halves and finally single tokens add to the score (Owen values)?",
            details: "The text is halved repeatedly. Shapley's rule for two players divides the score of a part between its \
                      halves, down to single tokens or until `max_evals` forwards are used; the score of an undivided part \
                      is shared evenly. The parts with the largest changes are divided first. Scores are \
                      signed and sum to the difference between the text and its baseline.",
            arguments: ARGUMENTS,
        },
        cost: "2 forwards per divided part, at most max_evals",
        citation: "Owen (1977), Values of games with a priori unions, https://doi.org/10.1007/978-3-642-45494-3_7; \
                   Lundberg & Lee (2017), https://arxiv.org/abs/1705.07874",
        make: from_arguments::<PartitionShap>("partition_shap"),
    }
}

/// How much do phrases, their halves and finally single tokens add to the score (Owen values)?
///
/// Coarse scores `[input, step]`, signed; they sum to the difference of the attributed function at text and baseline. Cost: at
/// most `max_evals` forwards for all steps together. Owen, 1977, <https://doi.org/10.1007/978-3-642-45494-3_7>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartitionShap {
    /// Largest number of forwards.
    pub max_evals: Count<2>,
}

impl Default for PartitionShap {
    fn default() -> Self {
        Self { max_evals: Count::of::<500>() }
    }
}

impl Method for PartitionShap {
    fn name(&self) -> &str {
        "partition_shap"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let perturbed = Perturbed::new(context, text)?;
        let steps = text.steps.len();
        let changing = perturbed.changing();
        let mut scores = vec![vec![0f32; steps]; perturbed.features.len()];
        let seen = changing.iter().filter(|&&i| perturbed.is_ever_seen(&perturbed.features[i])).count();
        if seen == 0 {
            return Ok(perturbed.attributions(&scores));
        }
        let nothing: Vec<bool> = perturbed.features.iter().map(|feature| !feature.changes).collect();
        let everything = vec![true; perturbed.features.len()];
        let advance = &mut *context.advance;
        let mut ends =
            perturbed.scores(&[nothing.clone(), everything.clone()], 2, &mut |masks| advance(masks * steps))?;
        let (with, without) = (ends.remove(1), ends.remove(0));
        let mut spent = 2;
        let mut parts = vec![Part {
            tokens: 0..changing.len(),
            weight: 1.0,
            without: (nothing, without),
            with: (everything, with),
        }];
        loop {
            parts.sort_by(|a, b| b.change().total_cmp(&a.change()));
            let mut masks = Vec::new();
            let (mut divided, mut kept) = (Vec::new(), Vec::new());
            for part in parts {
                if can_be_divided(&part.tokens, seen) && spent + masks.len() + 2 <= self.max_evals.get() {
                    let middle = middle(&part.tokens);
                    for tokens in [part.tokens.start..middle, middle..part.tokens.end] {
                        let mut mask = part.without.0.clone();
                        changing[tokens].iter().for_each(|&feature| mask[feature] = true);
                        masks.push(mask);
                    }
                    divided.push((part, middle));
                } else {
                    kept.push(part);
                }
            }
            parts = kept;
            if divided.is_empty() {
                break;
            }
            spent += masks.len();
            let outputs = perturbed.scores(&masks, masks.len(), &mut |masks| advance(masks * steps))?;
            let mut halves = masks.into_iter().zip(outputs);
            for (part, middle) in divided {
                let (Some(left), Some(right)) = (halves.next(), halves.next()) else { continue };
                let mut add = |tokens: Range<usize>, without: &(Vec<bool>, Vec<f32>), with: &(Vec<bool>, Vec<f32>)| {
                    let (without, with) = (without.clone(), with.clone());
                    parts.push(Part { tokens, weight: part.weight / 2.0, without, with });
                };
                let (first, second) = (part.tokens.start..middle, middle..part.tokens.end);
                add(first.clone(), &part.without, &left);
                add(first, &right, &part.with);
                add(second.clone(), &part.without, &right);
                add(second, &left, &part.with);
            }
        }
        for part in &parts {
            for (step, (with, without)) in part.with.1.iter().zip(&part.without.1).enumerate() {
                let change = (with - without) * part.weight;
                let own: Vec<usize> = changing[part.tokens.clone()]
                    .iter()
                    .copied()
                    .filter(|&i| perturbed.is_seen(&perturbed.features[i], step))
                    .collect();
                for &feature in &own {
                    scores[feature][step] += change / own.len() as f32;
                }
            }
        }
        Ok(perturbed.attributions(&scores))
    }

    fn cost(&self, _: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        Cost::exactly(forwards(text.count_changing(attribute_target), self.max_evals.get()), 0)
    }

    /// If `max_evals` does not allow dividing every part, the choice of parts depends on the changes of all steps of the text.
    fn needed_steps(&self, text: &TextSteps, attribute_target: bool) -> Steps {
        let all = text.count_changing(attribute_target).all;
        if forwards(Changing { all, seen: all }, usize::MAX) <= self.max_evals.get() {
            text.steps.clone()
        } else {
            text.steps.among_all(text.first..text.target.len())
        }
    }
}

/// A part of the tokens, with a given state of all other tokens.
struct Part {
    tokens: Range<usize>,
    weight: f32,
    /// Mask and scores without the part.
    without: (Vec<bool>, Vec<f32>),
    with: (Vec<bool>, Vec<f32>),
}

impl Part {
    fn change(&self) -> f32 {
        self.with.1.iter().zip(&self.without.1).map(|(a, b)| (a - b).abs()).sum::<f32>() * self.weight
    }
}

/// Whether more than one token of a part is among the first `seen` tokens, the only ones that change a score.
fn can_be_divided(tokens: &Range<usize>, seen: usize) -> bool {
    tokens.end.min(seen).saturating_sub(tokens.start) > 1
}

/// Start of the second half of a part.
fn middle(tokens: &Range<usize>) -> usize {
    tokens.start + tokens.len().div_ceil(2)
}

/// Number of forwards for a number of tokens: both ends, and two for each divided part, at most `most`.
fn forwards(tokens: Changing, most: usize) -> usize {
    if tokens.seen == 0 {
        return 0;
    }
    let mut spent = 2;
    // The parts of one round, and how many there are of each; each half is divided beside both states of the other.
    let mut parts = BTreeMap::from([((0, tokens.all), 1usize)]);
    loop {
        parts.retain(|&(start, end), _| can_be_divided(&(start..end), tokens.seen));
        let divisions = parts.values().copied().fold(0, usize::saturating_add).min((most - spent) / 2);
        if divisions == 0 {
            return spent;
        }
        spent += 2 * divisions;
        let mut halves = BTreeMap::new();
        for ((start, end), count) in parts {
            let middle = middle(&(start..end));
            for half in [(start, middle), (middle, end)] {
                let halves: &mut usize = halves.entry(half).or_default();
                *halves = halves.saturating_add(count.saturating_mul(2));
            }
        }
        parts = halves;
    }
}
