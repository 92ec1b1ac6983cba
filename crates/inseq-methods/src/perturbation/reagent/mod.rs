//! ReAGent.

mod replacements;

use std::sync::Arc;

use burn::tensor::{Int, Tensor};
use inseq_core::{About, Argument};
use inseq_models::model::{Model, Source};
use inseq_models::parallel::{row_ranges, side_by_side};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Perturbed, Unchanged, embedded};
use crate::arguments::SEED;
use crate::device::read_ids;
use crate::engine::{Engine, TextSteps};
use crate::loading::Loading;
use crate::method::{
    Attributions, Bounds, Cost, INCLUDE_EOS_BASELINE, Method, MethodContext, MethodInfo, fields, from_arguments,
};
use crate::{Count, Error, Result};

use replacements::{Draw, Ids, Pool, Sampler};
pub use replacements::{Replacements, Words};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new("keep_top_n", "5", "Number of tokens that must suffice; 0 uses `keep_ratio`."),
    Argument::new("keep_ratio", "none", "Share of tokens that must suffice if `keep_top_n` is 0, above 0 and up to 1."),
    Argument::new("invert_keep", "false", "Whether the most important tokens are replaced instead of kept."),
    Argument::new(
        "stopping_condition_top_k",
        "3",
        "Largest allowed rank of the generated token, 1 or more: 3 means among the three likeliest.",
    ),
    Argument::new("replacing_ratio", "0.3", "Probability that a token is replaced, above 0 and below 1."),
    Argument::new("max_probe_steps", "3000", "Largest number of iterations, 1 to 100000."),
    Argument::new("num_probes", "16", "Number of probes, each with its own replacements, 1 to 1000."),
    Argument::new(
        "replacements",
        "model",
        "Origin of replacements: model (tokens that the model itself expects at the position in its output, any \
         token in a source), uniform (any token), {\"given_model\": \"folder or name\"} (tokens that a decoder-only \
         model with the same tokens expects at the position, also in a source), or {\"words\": \"words.json\"} or \
         {\"words\": {\"NOUN\": [\"cat\", \"dog\"]}} (any token of the same list).",
    ),
    SEED,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "reagent",
            description: "Which tokens change the score if they are replaced, and which tokens suffice to predict the \
                          generated token?",
            details: "Random tokens are replaced by others. The change of the score counts for the replaced tokens and \
                      against the kept ones, until the most important tokens alone keep the generated token among the \
                      likeliest. The score of a token is its mean share over the probes that reached this condition (over \
                      all probes if none did); the scores of a step sum to 1. Steps share the replacements.",
            arguments: ARGUMENTS,
        },
        cost: "num_probes forwards per iteration, and num_probes per continuing step; at most \
               max_probe_steps iterations",
        citation: "Zhao & Shan (2024), ReAGent: A Model-agnostic Feature Attribution Method for Generative \
                   Language Models, https://arxiv.org/abs/2402.00794",
        make: from_arguments::<Reagent>("reagent"),
    }
}

/// Which tokens change the score if they are replaced, and which tokens suffice to predict the generated token?
///
/// Coarse scores `[input, step]`, 0 or more; the scores of a step sum to 1. Cost: `num_probes` forwards per iteration, and the
/// same number for each step that continues. Zhao & Shan, 2024, <https://arxiv.org/abs/2402.00794>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reagent {
    /// Number of tokens that must suffice.
    pub keep_top_n: usize,
    /// Share of tokens that must suffice if `keep_top_n` is 0.
    pub keep_ratio: Option<f64>,
    /// Whether the most important tokens are replaced instead of kept.
    pub invert_keep: bool,
    /// Largest allowed rank of the generated token: 3 means among the three likeliest.
    pub stopping_condition_top_k: Count<1, { 1 << 24 }>,
    /// Probability that a token is replaced.
    pub replacing_ratio: f64,
    /// Largest number of iterations.
    pub max_probe_steps: Count<1>,
    /// Number of probes, each with its own replacements.
    pub num_probes: Count<1, 1000>,
    /// Origin of replacements.
    pub replacements: Replacements,
    /// Seed of the random number generator.
    pub seed: u64,
}

impl Default for Reagent {
    fn default() -> Self {
        Self {
            keep_top_n: 5,
            keep_ratio: None,
            invert_keep: false,
            stopping_condition_top_k: Count::of::<3>(),
            replacing_ratio: 0.3,
            max_probe_steps: Count::of::<3000>(),
            num_probes: Count::of::<16>(),
            replacements: Replacements::Model,
            seed: 0,
        }
    }
}

/// A method with its pool of replacements.
#[derive(Clone, Debug)]
struct Prepared {
    method: Reagent,
    pool: Pool,
}

impl Method for Prepared {
    fn name(&self) -> &str {
        self.method.name()
    }

    fn unused_options(&self) -> &'static [&'static str] {
        &[INCLUDE_EOS_BASELINE]
    }

    fn arguments(&self) -> Map<String, Value> {
        self.method.arguments()
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        self.method.attribute_with(context, entry, &self.pool)
    }

    fn cost(&self, model: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        self.method.cost(model, text, attribute_target)
    }
}

impl Method for Reagent {
    fn name(&self) -> &str {
        "reagent"
    }

    fn unused_options(&self) -> &'static [&'static str] {
        &[INCLUDE_EOS_BASELINE]
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn validate(&self) -> Result<()> {
        let refuse = |name: &str, message: String| Err(Error::argument(name, format!("reagent: {message}")));
        if !(self.replacing_ratio > 0.0 && self.replacing_ratio < 1.0) {
            return refuse(
                "replacing_ratio",
                format!("`replacing_ratio` must lie between 0 and 1, found {}", self.replacing_ratio),
            );
        }
        match (self.keep_top_n, self.keep_ratio) {
            (_, Some(ratio)) if !(ratio > 0.0 && ratio <= 1.0) => {
                refuse("keep_ratio", format!("`keep_ratio` must be above 0 and up to 1, found {ratio}"))
            }
            (0, None) => refuse("keep_top_n", "`keep_top_n` of 0 needs a `keep_ratio` above 0 and up to 1".into()),
            (tokens @ 1.., Some(_)) => refuse(
                "keep_ratio",
                format!(
                    "`keep_ratio` has no effect where `keep_top_n` is {tokens}; set `keep_top_n` to 0 to keep a share of the tokens"
                ),
            ),
            _ => Ok(()),
        }
    }

    /// Loads the model or the words that replacements come from.
    fn prepare(&self, loading: &Loading) -> Result<Option<Arc<dyn Method>>> {
        let pool = self.replacements.load(loading)?;
        Ok(Some(Arc::new(Prepared { method: self.clone(), pool })))
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        self.attribute_with(context, entry, &self.replacements.load(&Loading::nothing())?)
    }

    fn cost(&self, _: &Model, text: &TextSteps, _: bool) -> Cost {
        Cost { forwards: self.forwards(text), pullbacks: 0 }
    }
}

impl Reagent {
    /// The probes of an iteration, and its checks of every step. More iterations are needed only if checks fail.
    fn forwards(&self, text: &TextSteps) -> Bounds {
        let iteration = self.num_probes.get() * (1 + text.steps.len());
        Bounds { least: iteration, most: iteration.saturating_mul(self.max_probe_steps.get()) }
    }

    fn attribute_with(&self, context: &mut MethodContext, entry: usize, pool: &Pool) -> Result<Attributions> {
        let text = context.text(entry);
        let perturbed = Perturbed::new(context, text)?;
        let engine = context.engine;
        let steps = text.steps.len();
        let sampler = Sampler::new(pool, self.seed, context.text_model, text, perturbed.unchanged.states())?;
        let count = perturbed.features.len();
        let num_probes = self.num_probes.get();
        let all = self.forwards(text).times(steps).most;
        let mut done = 0;
        let seen: Vec<Vec<usize>> = (0..steps)
            .map(|step| (0..count).filter(|&i| perturbed.is_seen(&perturbed.features[i], step)).collect())
            .collect();
        let copies = Copies { engine, text, unchanged: &perturbed.unchanged };
        let original = &perturbed.unchanged.scores;

        // Importance of every feature, as logarithms, `[probe][step][feature]`, and which probes have come to their end.
        let mut importance: Vec<Vec<Vec<f32>>> = (0..num_probes)
            .map(|probe| {
                let start = |position| {
                    let mut random = sampler.random(Draw::Start { probe, position });
                    (0..count).map(|_| random.random()).collect()
                };
                text.steps.positions().map(start).collect()
            })
            .collect();
        let mut ended = vec![vec![false; steps]; num_probes];
        for iteration in 0..self.max_probe_steps.get() {
            let live: Vec<usize> = (0..num_probes).filter(|&probe| ended[probe].iter().any(|ended| !ended)).collect();
            if live.is_empty() {
                break;
            }
            let mut replaced_features = Vec::new();
            let mut changed = Vec::new();
            for &probe in &live {
                let mut ids = (text.source.clone(), text.target.clone());
                let mut replaced = Vec::with_capacity(count);
                let mut draw = |_, random: &mut ChaCha8Rng| {
                    let is_replaced = random.random_bool(self.replacing_ratio);
                    replaced.push(is_replaced);
                    is_replaced
                };
                let mut random = sampler.random(Draw::Probe { probe, iteration });
                sampler.replace(&perturbed.features, &mut draw, &mut random, &mut ids);
                changed.push(ids);
                replaced_features.push(replaced);
            }
            let scores = copies.scores(&changed)?;
            for ((&probe, replaced), scores) in live.iter().zip(&replaced_features).zip(&scores) {
                for step in (0..steps).filter(|&step| !ended[probe][step]) {
                    // A probability changes by less than 1; what may change by more counts as all but that.
                    let change = (original[step] - scores[step]).clamp(-1.0 + 1e-6, 1.0 - 1e-6);
                    let odds = |change: f32| ((1.0 + change) / (1.0 - change)).ln();
                    for &feature in &seen[step] {
                        importance[probe][step][feature] += odds(if replaced[feature] { change } else { -change });
                    }
                }
            }
            let mut checks = Vec::new();
            for &probe in &live {
                for step in (0..steps).filter(|&step| !ended[probe][step]) {
                    let mut order = seen[step].clone();
                    let scores = &importance[probe][step];
                    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                    let keep = match (self.keep_top_n, self.keep_ratio) {
                        (0, Some(ratio)) => (ratio * order.len() as f64).ceil() as usize,
                        (n, _) => n,
                    }
                    .min(order.len());
                    let replace = if self.invert_keep { &order[..keep] } else { &order[keep..] };
                    let mut ids = (text.source.clone(), text.target.clone());
                    let position = text.steps.position(step);
                    let mut random = sampler.random(Draw::Check { probe, iteration, position });
                    let mut replaced = vec![false; count];
                    replace.iter().for_each(|&feature| replaced[feature] = true);
                    let is_replaced = |feature: usize, _: &mut ChaCha8Rng| replaced[feature];
                    sampler.replace(&perturbed.features, is_replaced, &mut random, &mut ids);
                    checks.push(Check { probe, step, ids });
                }
            }
            // Texts that run together are about as long.
            checks.sort_by_key(|check| check.step);
            let hits = copies.are_likely(&checks, self.stopping_condition_top_k.get())?;
            for (check, hit) in checks.iter().zip(hits) {
                ended[check.probe][check.step] |= hit;
            }
            // What has come to its end will not run in the iterations that are left.
            let going_on = ended.iter().map(|steps| steps.iter().filter(|ended| !**ended).count());
            let going_on: usize = going_on.map(|steps| if steps == 0 { 0 } else { 1 + steps }).sum();
            let left = going_on.saturating_mul(self.max_probe_steps.get() - 1 - iteration).saturating_mul(steps);
            (context.advance)(all.saturating_sub(left) - done)?;
            done = all.saturating_sub(left);
        }

        let mut scores = vec![vec![0f32; steps]; count];
        for step in 0..steps {
            let some: Vec<usize> = (0..num_probes).filter(|&probe| ended[probe][step]).collect();
            let probes = if some.is_empty() { (0..num_probes).collect() } else { some };
            for &probe in &probes {
                let own = &importance[probe][step];
                let most = seen[step].iter().fold(f32::NEG_INFINITY, |most, &i| most.max(own[i]));
                let total: f32 = seen[step].iter().map(|&i| (own[i] - most).exp()).sum();
                for &feature in &seen[step] {
                    scores[feature][step] += (own[feature] - most).exp() / total / probes.len() as f32;
                }
            }
        }
        Ok(perturbed.attributions(&scores))
    }
}

/// Check whether the kept tokens of a probe suffice for a step.
struct Check {
    probe: usize,
    step: usize,
    /// The text with all other tokens replaced.
    ids: Ids,
}

/// Runs changed copies of a text.
struct Copies<'a> {
    engine: &'a Engine<'a>,
    text: &'a TextSteps,
    unchanged: &'a Unchanged<'a>,
}

impl Copies<'_> {
    /// Embeddings of the copies: their sources, if these are changed, and the first positions of their targets.
    fn inputs<'b>(&self, copies: impl Iterator<Item = &'b Ids>, length: usize) -> (Option<Source>, Tensor<3>) {
        let model = self.engine.model;
        let (sources, targets): (Vec<_>, Vec<_>) = copies.cloned().unzip();
        let unchanged = sources.iter().all(|source| *source == self.text.source);
        let source = model.encoder.as_ref().filter(|_| !unchanged).map(|encoder| Source {
            embeddings: embedded(&encoder.embedding, &sources, self.text.source.len()),
            lengths: vec![self.text.source.len(); sources.len()],
        });
        (source, embedded(&model.target_embedding, &targets, length))
    }

    /// Scores of every step, `[copy][step]`.
    fn scores(&self, copies: &[Ids]) -> Result<Vec<Vec<f32>>> {
        let mut scores = Vec::new();
        for copies in copies.chunks(self.engine.forwards_that_fit(self.text)) {
            let (source, target) = self.inputs(copies.iter(), self.text.steps.end().max(2) - 1);
            scores.extend(self.unchanged.scores_of(source, 0, target)?);
        }
        Ok(scores)
    }

    /// For each check, whether the generated tokens of its step are among the `k` likeliest.
    fn are_likely(&self, checks: &[Check], k: usize) -> Result<Vec<bool>> {
        let mut likely = Vec::new();
        for checks in checks.chunks(self.engine.forwards_that_fit(self.text)) {
            // Each has a row of logits for every token of its step.
            let ranges = row_ranges(checks.len(), &self.unchanged.states().device());
            for part in side_by_side(&ranges, |range| self.are_likely_together(&checks[range.clone()], k)) {
                likely.extend(part?);
            }
        }
        Ok(likely)
    }

    /// As [`are_likely`](Self::are_likely), in one forward up to the last of the steps.
    fn are_likely_together(&self, checks: &[Check], k: usize) -> Result<Vec<bool>> {
        let model = self.engine.model;
        let span = |check: &Check| self.text.steps.span(check.step);
        let length = checks.iter().map(|check| span(check).end - 1).max().unwrap_or(1);
        let (source, target) = self.inputs(checks.iter().map(|check| &check.ids), length);
        let hidden = self.unchanged.hidden(source.as_ref(), 0, target);
        let [count, length, features] = hidden.dims();
        // The tokens of the steps, each with the place of its copy.
        let tokens = checks.iter().enumerate().flat_map(|(copy, check)| span(check).map(move |token| (copy, token)));
        let rows: Vec<i64> = tokens.clone().map(|(copy, token)| (copy * length + token - 1) as i64).collect();
        let count_of_rows = rows.len();
        let rows = Tensor::<1, Int>::from_data(rows.as_slice(), &hidden.device());
        let logits = model.logits(hidden.reshape([count * length, features]).select(0, rows));
        let written: Vec<i64> = tokens.map(|(_, token)| i64::from(self.text.target[token])).collect();
        let written = Tensor::<1, Int>::from_data(written.as_slice(), &logits.device()).unsqueeze_dim(1);
        let own = logits.clone().gather(1, written);
        // Tokens that are likelier.
        let above = logits.greater(own.expand([count_of_rows, model.vocabulary()])).int().sum_dim(1);
        let mut above = read_ids(above, "ranks of tokens")?.into_iter();
        // A step goes on until all its tokens are.
        let is_likely = |check: &Check| {
            let own = above.by_ref().take(span(check).len());
            own.fold(true, |all, above| all & ((above as usize) < k))
        };
        Ok(checks.iter().map(is_likely).collect())
    }
}
