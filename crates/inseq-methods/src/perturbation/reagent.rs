//! ReAGent.

use burn::tensor::{Int, Tensor};
use inseq_models::model::{Memory, Source};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Feature, Perturbed, Repeat, Side, embedded};
use crate::engine::{Engine, Point, TextSteps};
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, options};
use crate::{Error, Result};

pub(crate) const INFO: MethodInfo = MethodInfo {
    name: "reagent",
    description: "Which tokens, once others stand in their place, change the score, and which suffice to predict the token?",
    cost: "num_probes forwards an iteration, and num_probes a step for those that go on",
    paper: "Zhao & Shan (2024), ReAGent: A Model-agnostic Feature Attribution Method for Generative Language Models, \
            https://arxiv.org/abs/2402.00794",
    details: "Random tokens are replaced by others; the change of the score counts for those replaced and against those kept, \
              until the most important tokens alone keep the written token among the likeliest. A token's score is its mean \
              share over the probes that came to that end (over all where none did); a step's scores sum to 1. Steps share the \
              replacements. Arguments: `keep_top_n` (5), `keep_ratio` (none: the share of tokens to keep where `keep_top_n` is \
              0), `invert_keep` (false), `stopping_condition_top_k` (3), `replacing_ratio` (0.3), `max_probe_steps` (3000), \
              `num_probes` (16), `replacements` (`model`: what the model itself expects there, for what it writes, and any \
              token in a source; `uniform`: any token), `seed` (0).",
    make: |arguments| {
        let method: Reagent = options("reagent", arguments)?;
        let refuse = |message: &str| Err(Error::Argument(format!("reagent: {message}")));
        if method.num_probes == 0 || method.max_probe_steps == 0 || method.stopping_condition_top_k == 0 {
            return refuse("`num_probes`, `max_probe_steps` and `stopping_condition_top_k` must be at least 1");
        }
        if !(method.replacing_ratio > 0.0 && method.replacing_ratio < 1.0) {
            return refuse("`replacing_ratio` must lie between 0 and 1");
        }
        if method.keep_top_n == 0 && !method.keep_ratio.is_some_and(|ratio| ratio > 0.0 && ratio <= 1.0) {
            return refuse("`keep_top_n` of 0 needs a `keep_ratio` above 0 and up to 1");
        }
        Ok(Box::new(method))
    },
};

/// Which tokens, once others stand in their place, change the score, and which suffice to predict the token?
///
/// Coarse scores `[input, step]`, 0 or more, of which a step's sum to 1. Cost: `num_probes` forwards an iteration and as many
/// again for each step that goes on. Zhao & Shan, 2024, <https://arxiv.org/abs/2402.00794>.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reagent {
    /// Tokens that have to suffice.
    pub keep_top_n: usize,
    /// The share of tokens that has to suffice, where `keep_top_n` is 0.
    pub keep_ratio: Option<f64>,
    /// Whether the most important tokens are replaced rather than kept.
    pub invert_keep: bool,
    /// The written token has to be among this many likeliest.
    pub stopping_condition_top_k: usize,
    /// Probability of a token to be replaced.
    pub replacing_ratio: f64,
    /// Iterations after which probes stop anyway.
    pub max_probe_steps: usize,
    /// Probes, each with replacements of its own.
    pub num_probes: usize,
    /// Where replacements are taken from.
    pub replacements: Replacements,
    /// Of the random numbers.
    pub seed: u64,
}

/// Where replacements are taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replacements {
    /// What the model expects at the token's place, for what it writes; any token in a source.
    #[default]
    Model,
    /// Any token.
    Uniform,
}

impl Default for Reagent {
    fn default() -> Self {
        Self {
            keep_top_n: 5,
            keep_ratio: None,
            invert_keep: false,
            stopping_condition_top_k: 3,
            replacing_ratio: 0.3,
            max_probe_steps: 3000,
            num_probes: 16,
            replacements: Replacements::Model,
            seed: 0,
        }
    }
}

impl Method for Reagent {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let texts = context.point.texts.clone();
        texts.into_iter().map(|text| self.attribute_text(context, text)).collect()
    }

    fn cost(&self, text: &TextSteps, _: bool) -> Cost {
        // An iteration's probes, and its checks of every step; more than one iteration is needed only where they fail.
        Cost::forwards(self.num_probes * (1 + text.steps.len()))
    }
}

/// A changed copy of a text.
type Ids = (Vec<u32>, Vec<u32>);

/// Draws replacements.
struct Sampler {
    random: ChaCha8Rng,
    source_vocabulary: u32,
    target_vocabulary: u32,
    /// By position of the target, tokens with their cumulative probabilities.
    expected: Vec<Vec<(f32, u32)>>,
}

/// Tokens that a place may get, of those that the model expects there.
const EXPECTED: usize = 50;

impl Sampler {
    fn new(
        reagent: &Reagent,
        engine: &Engine,
        text: &TextSteps,
        point: &Point,
        memory: Option<&Memory>,
    ) -> Result<Self> {
        let model = engine.model;
        let mut expected = Vec::new();
        if reagent.replacements == Replacements::Model {
            let hidden = model.decode(memory, point.target.clone());
            let [_, length, features] = hidden.dims();
            let logits = model.logits(hidden.reshape([length, features]));
            let (values, ids) =
                burn::tensor::activation::softmax(logits, 1).topk_with_indices(EXPECTED.min(model.vocabulary()), 1);
            let read = |e| Error::Argument(format!("probabilities cannot be read from the device: {e:?}"));
            let count = ids.dims()[1];
            let values = values.try_into_vec_as::<f32>().map_err(read)?;
            let ids = ids.try_into_vec_as::<i64>().map_err(read)?;
            // Nothing comes before the first token.
            expected.push(Vec::new());
            for (values, ids) in values.chunks(count).zip(ids.chunks(count)) {
                let mut sum = 0.0;
                let row = values.iter().zip(ids).map(|(value, id)| {
                    sum += value;
                    (sum, *id as u32)
                });
                expected.push(row.collect());
            }
        }
        Ok(Self {
            random: ChaCha8Rng::seed_from_u64(reagent.seed),
            source_vocabulary: if text.source.is_empty() { 1 } else { source_vocabulary(engine) },
            target_vocabulary: model.target_embedding.vocabulary() as u32,
            expected,
        })
    }

    /// Another token for a place.
    fn replacement(&mut self, side: Side, position: usize) -> u32 {
        if side == Side::Source {
            return self.random.random_range(0..self.source_vocabulary);
        }
        match self.expected.get(position).and_then(|row| Some((row, row.last()?.0))).filter(|(_, total)| *total > 0.0) {
            Some((row, total)) => {
                let at = self.random.random_range(0.0..total);
                row.iter().find(|(sum, _)| *sum > at).map_or(row[row.len() - 1].1, |(_, id)| *id)
            }
            None => self.random.random_range(0..self.target_vocabulary),
        }
    }

    fn replaced(&mut self, feature: &Feature, ids: &mut Ids) {
        for &position in &feature.positions {
            let into = if feature.side == Side::Source { &mut ids.0 } else { &mut ids.1 };
            into[position] = self.replacement(feature.side, position);
        }
    }
}

fn source_vocabulary(engine: &Engine) -> u32 {
    engine.model.encoder.as_ref().map_or(1, |encoder| encoder.embedding.vocabulary() as u32)
}

impl Reagent {
    fn attribute_text<'a>(&self, context: &mut MethodContext<'a>, text: &'a TextSteps) -> Result<Attributions> {
        let perturbed = Perturbed::new(context, text);
        let engine = context.engine;
        let function = context.function.clone();
        let steps = text.steps.len();
        let point = engine.inputs(&[text]);
        let memory = super::memory(engine, &point);
        let mut sampler = Sampler::new(self, engine, text, &point, memory.as_ref())?;
        let count = perturbed.features.len();
        let seen: Vec<Vec<usize>> = (0..steps)
            .map(|step| (0..count).filter(|&i| perturbed.is_seen(&perturbed.features[i], step)).collect())
            .collect();
        let copies = Copies { engine, text, memory: memory.as_ref() };
        let original = copies.scores(&[(text.source.clone(), text.target.clone())], &*function)?.swap_remove(0);

        // Importance of every feature, as logarithms, `[probe][step][feature]`, and which probes have come to their end.
        let mut importance: Vec<Vec<Vec<f32>>> = (0..self.num_probes)
            .map(|_| (0..steps).map(|_| (0..count).map(|_| sampler.random.random()).collect()).collect())
            .collect();
        let mut ended = vec![vec![false; steps]; self.num_probes];
        for iteration in 0..self.max_probe_steps {
            let live: Vec<usize> =
                (0..self.num_probes).filter(|&probe| ended[probe].iter().any(|ended| !ended)).collect();
            if live.is_empty() {
                break;
            }
            let mut replaced_features = Vec::new();
            let mut changed = Vec::new();
            for _ in &live {
                let mut ids = (text.source.clone(), text.target.clone());
                let replaced: Vec<bool> =
                    (0..count).map(|_| sampler.random.random_bool(self.replacing_ratio)).collect();
                for (feature, _) in perturbed.features.iter().zip(&replaced).filter(|(_, replaced)| **replaced) {
                    sampler.replaced(feature, &mut ids);
                }
                changed.push(ids);
                replaced_features.push(replaced);
            }
            let scores = copies.scores(&changed, &*function)?;
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
            let mut checked: Vec<(usize, usize)> = Vec::new();
            let mut changed = Vec::new();
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
                    for &feature in replace {
                        sampler.replaced(&perturbed.features[feature], &mut ids);
                    }
                    checked.push((probe, step));
                    changed.push(ids);
                }
            }
            let hits = copies.is_likely(&changed, &checked, self.stopping_condition_top_k)?;
            for ((probe, step), hit) in checked.iter().zip(hits) {
                ended[*probe][*step] |= hit;
            }
            (context.advance)(if iteration == 0 { self.cost(text, true).forwards * steps } else { 0 })?;
        }

        let mut scores = vec![vec![0f32; steps]; count];
        for step in 0..steps {
            let some: Vec<usize> = (0..self.num_probes).filter(|&probe| ended[probe][step]).collect();
            let probes = if some.is_empty() { (0..self.num_probes).collect() } else { some };
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

/// Runs changed copies of a text.
struct Copies<'a> {
    engine: &'a Engine<'a>,
    text: &'a TextSteps,
    memory: Option<&'a Memory>,
}

impl Copies<'_> {
    /// Runs copies that fit at once, and gives their memory and embeddings.
    fn chunks<'b>(&'b self, copies: &'b [Ids]) -> impl Iterator<Item = (usize, Option<Memory>, Point<'b>)> + 'b {
        let at_once = self.engine.forwards_that_fit(self.text);
        let model = self.engine.model;
        let length = self.text.steps.end.max(2) - 1;
        copies.chunks(at_once).enumerate().map(move |(chunk, copies)| {
            let (sources, targets): (Vec<_>, Vec<_>) = copies.iter().cloned().unzip();
            let unchanged = sources.iter().all(|source| *source == self.text.source);
            let source = model.encoder.as_ref().map(|encoder| Source {
                embeddings: embedded(&encoder.embedding, &sources, self.text.source.len()),
                lengths: vec![self.text.source.len(); copies.len()],
            });
            let memory = match &source {
                Some(source) if !unchanged => super::encoded(self.engine, source),
                _ => self.memory.map(|memory| memory.repeat(copies.len())),
            };
            let target = embedded(&model.target_embedding, &targets, length);
            (chunk * at_once, memory, Point { texts: vec![self.text; copies.len()], source, target })
        })
    }

    /// Scores of every step, `[copy][step]`.
    fn scores(&self, copies: &[Ids], function: &dyn crate::step_functions::StepFunction) -> Result<Vec<Vec<f32>>> {
        let mut scores = Vec::new();
        for (_, memory, point) in self.chunks(copies) {
            scores.extend(super::forward_scores(self.engine, &point, memory.as_ref(), function)?);
        }
        Ok(scores)
    }

    /// Of each copy, whether the written token is among the `k` likeliest at its own step.
    fn is_likely(&self, copies: &[Ids], steps: &[(usize, usize)], k: usize) -> Result<Vec<bool>> {
        let model = self.engine.model;
        let mut likely = Vec::new();
        for (first, memory, point) in self.chunks(copies) {
            let hidden = model.decode(memory.as_ref(), point.target);
            let [count, length, features] = hidden.dims();
            let own = &steps[first..first + count];
            let rows: Vec<i64> = own
                .iter()
                .enumerate()
                .map(|(copy, (_, step))| (copy * length + self.text.steps.start + step - 1) as i64)
                .collect();
            let rows = Tensor::<1, Int>::from_data(rows.as_slice(), &hidden.device());
            let logits = model.logits(hidden.reshape([count * length, features]).select(0, rows));
            let written: Vec<i64> =
                own.iter().map(|(_, step)| i64::from(self.text.target[self.text.steps.start + step])).collect();
            let written = Tensor::<1, Int>::from_data(written.as_slice(), &logits.device()).reshape([count, 1]);
            let own = logits.clone().gather(1, written);
            // Tokens that are likelier.
            let above = logits.greater(own.expand([count, model.vocabulary()])).int().sum_dim(1);
            let above = above
                .try_into_vec_as::<i64>()
                .map_err(|e| Error::Argument(format!("logits cannot be read from the device: {e:?}")))?;
            likely.extend(above.into_iter().map(|above| (above as usize) < k));
        }
        Ok(likely)
    }
}
