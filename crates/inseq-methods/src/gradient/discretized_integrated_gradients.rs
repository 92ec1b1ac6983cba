//! Discretized integrated gradients.

use std::collections::HashMap;

use burn::tensor::Tensor;
use inseq_core::{About, Argument};
use inseq_models::layers::Embedding;
use inseq_models::model::{InputCotangents, Model, Source};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Collector, times_embeddings, weighted};
use crate::device::{read, read_ids};
use crate::engine::{Point, TextSteps};
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, fields, from_arguments};
use crate::{Count, Result};

/// Its arguments, in the order of the fields.
const ARGUMENTS: &[Argument] = &[
    Argument::new("n_steps", "50", "Number of points on the path, 2 to 100000."),
    Argument::new(
        "method",
        "greedy",
        "Choice of the next word: greedy (the neighbour nearest to its monotonic version) or maxcount (the neighbour \
         that is monotonic in most dimensions).",
    ),
    Argument::new("n_neighbors", "50", "Number of neighbours to choose from, 1 to 100000."),
    super::INTERNAL_BATCH_SIZE,
    Argument::new(
        "multiply_by_inputs",
        "false",
        "Whether the sum is also multiplied by the difference of input and baseline.",
    ),
    super::RETURN_CONVERGENCE_DELTA,
];

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "discretized_integrated_gradients",
            description: "How much does each feature contribute on a path to the baseline through embeddings of real words?",
            details: "Each token follows a path to its baseline over nearest neighbours among the embeddings, made monotonic \
                      in every dimension. A score is the sum over the path of the gradient times the difference to the \
                      next point. Special tokens stay the same until the last point. Scores are signed.",
            arguments: ARGUMENTS,
        },
        cost: "n_steps forwards, n_steps pullbacks per step",
        citation: "Sanyal & Ren (2021), Discretized Integrated Gradients for Explaining Language Models, \
                   https://arxiv.org/abs/2108.13654",
        make: from_arguments::<DiscretizedIntegratedGradients>("discretized_integrated_gradients"),
    }
}

/// How much does each feature contribute on a path to the baseline through embeddings of real words?
///
/// Granular scores `[input, step, feature]`, signed. Cost: `n_steps` forwards, `n_steps` pullbacks per step.
/// Sanyal & Ren, 2021, <https://arxiv.org/abs/2108.13654>.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscretizedIntegratedGradients {
    /// Number of points on the path.
    pub n_steps: Count<2>,
    /// Choice of the next word.
    pub method: PathStrategy,
    /// Number of neighbours to choose from.
    pub n_neighbors: Count<1>,
    /// Number of points that go through the model at once; `None` uses the memory budget.
    pub internal_batch_size: Option<Count<1>>,
    /// Whether the sum is also multiplied by the difference of input and baseline.
    pub multiply_by_inputs: bool,
    /// Whether the step score `deltas` gives the error of completeness.
    pub return_convergence_delta: bool,
}

/// Choice of the next word of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PathStrategy {
    /// The neighbour nearest to its monotonic version.
    #[default]
    Greedy,
    /// The neighbour that is monotonic in most dimensions.
    Maxcount,
}

impl Default for DiscretizedIntegratedGradients {
    fn default() -> Self {
        Self {
            n_steps: Count::of::<50>(),
            method: PathStrategy::Greedy,
            n_neighbors: Count::of::<50>(),
            internal_batch_size: None,
            multiply_by_inputs: false,
            return_convergence_delta: false,
        }
    }
}

impl Method for DiscretizedIntegratedGradients {
    fn name(&self) -> &str {
        "discretized_integrated_gradients"
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let engine = context.engine;
        let model = engine.model;
        let wanted = context.wanted();
        let input = engine.inputs(&[text])?;
        let special = context.special_tokens;
        let mut source_path = match &model.encoder {
            Some(encoder) => Some(self.path(&encoder.embedding, &text.source, &text.source_baseline, special)?),
            None => None,
        };
        let mut target_path = match wanted.target {
            true => {
                let seen = text.seen();
                let [ids, baseline] = [&text.target, &text.target_baseline].map(|ids| &ids[..seen]);
                Some(self.path(&model.target_embedding, ids, baseline, special)?)
            }
            false => None,
        };
        let mut collector = Collector::new(&[text], engine.features(), wanted);
        let at_once = self.internal_batch_size.map_or_else(|| engine.entries_that_fit(text), Count::get);
        let function = context.function.clone();
        let mut ends: Vec<f32> = Vec::new();
        let mut starts: Vec<f32> = Vec::new();
        let n_steps = self.n_steps.get();
        let device = input.target.device();
        // Paths are made from the text on, so the last points come first.
        let mut left = n_steps;
        while left > 0 {
            let count = at_once.min(left);
            left -= count;
            let start = left;
            let source = source_path.as_mut().map(|path| path.take(count, &device));
            let target = target_path.as_mut().map(|path| path.take(count, &device));
            let (source, source_ways) = source.unzip();
            let (target, target_ways) = target.unzip();
            let source = source.map(|embeddings| Source { embeddings, lengths: vec![text.source.len(); count] });
            let target = target.unwrap_or_else(|| input.target.clone().repeat_dim(0, count));
            let point = Point { texts: vec![text; count], source, target };
            let trace = engine.trace(&point);
            let ways = [source_ways, target_ways];
            engine.gradients(&point, &trace, &*function, wanted, |steps, scores, gradients| {
                (context.advance)(steps.len() * count)?;
                if start == 0 {
                    starts.extend(&scores[..steps.len()]);
                }
                if start + count == n_steps {
                    ends.extend(&scores[(count - 1) * steps.len()..]);
                }
                let product = |gradient: Option<Tensor<4>>, ways: &Option<Tensor<3>>| {
                    let rows = gradient.as_ref().map_or(0, |gradient| gradient.dims()[2]);
                    gradient.zip(ways.clone()).map(|(g, ways)| g * ways.narrow(1, 0, rows).unsqueeze_dim(1))
                };
                let products = InputCotangents {
                    source: product(gradients.source, &ways[0]),
                    target: product(gradients.target, &ways[1]),
                };
                collector.add(0, 0, steps, &weighted(products, &vec![1.0; count]))
            })?;
        }
        let mut result = collector.finish();
        if self.multiply_by_inputs {
            times_embeddings(&mut result, &input, Some(&engine.baselines(&input, wanted)?))?;
        }
        let mut result = result.pop().unwrap_or_default();
        if self.return_convergence_delta {
            result.step_scores.push(("deltas".into(), super::delta(&result, &starts, &ends)));
        }
        Ok(result)
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(self.n_steps.get(), self.n_steps.get())
    }
}

impl DiscretizedIntegratedGradients {
    /// The paths of the tokens of one side.
    fn path<'a>(&self, embedding: &'a Embedding, ids: &[u32], baseline: &[u32], special: &[u32]) -> Result<Path<'a>> {
        let mut words = Words::new(embedding, self.n_neighbors.get());
        words.fetch(&ids.iter().chain(baseline).copied().collect::<Vec<_>>())?;
        // By position, words from the text to the baseline.
        let mut paths: Vec<Vec<u32>> = ids.iter().map(|&id| vec![id]).collect();
        for _ in 2..self.n_steps.get() {
            let walks = |position: usize, last: u32| !special.contains(&ids[position]) && last != baseline[position];
            let from: Vec<u32> = paths
                .iter()
                .enumerate()
                .map(|(i, path)| (i, path[path.len() - 1]))
                .filter(|&(i, last)| walks(i, last))
                .map(|(_, last)| last)
                .collect();
            words.find_neighbours(&from)?;
            for (position, path) in paths.iter_mut().enumerate() {
                let last = path[path.len() - 1];
                let next = match walks(position, last) {
                    true => self.next(&words, last, baseline[position], path),
                    false => last,
                };
                path.push(next);
            }
        }
        let current = ids.iter().map(|&id| words.vector(id).to_vec()).collect();
        Ok(Path { words, paths, baseline: baseline.to_vec(), current, taken: 0, step: self.step(), after: None })
    }

    /// The next word of a path.
    fn next(&self, words: &Words, word: u32, baseline: u32, path: &[u32]) -> u32 {
        let (start, end) = (words.vector(word), words.vector(baseline));
        let mut best = (f32::INFINITY, baseline);
        for &anchor in words.neighbours(word) {
            if anchor == baseline || path.contains(&anchor) {
                continue;
            }
            let vector = words.vector(anchor);
            let cost = match self.method {
                PathStrategy::Greedy => {
                    let square = |(a, b): (&f32, f32)| (a - b) * (a - b);
                    vector.iter().zip(monotonic(vector, end, start, self.step())).map(square).sum::<f32>().sqrt()
                }
                PathStrategy::Maxcount => {
                    -(vector.iter().zip(end).zip(start).filter(|((a, b), x)| is_monotonic(**a, **b, **x)).count()
                        as f32)
                }
            };
            if cost < best.0 {
                best = (cost, anchor);
            }
        }
        best.1
    }

    /// Share of the distance to the baseline by which a dimension moves in each step.
    fn step(&self) -> f32 {
        (1.0 / self.n_steps.get() as f64) as f32
    }
}

/// The paths of all tokens of one side; points are computed one after another, from the text to the baseline.
struct Path<'a> {
    words: Words<'a>,
    /// For each position, the words from the text to the baseline.
    paths: Vec<Vec<u32>>,
    /// Baseline of each position.
    baseline: Vec<u32>,
    /// For each position, the embedding at the last computed point.
    current: Vec<Vec<f32>>,
    /// Number of computed points.
    taken: usize,
    /// Share of the distance to the baseline by which a dimension moves in each step.
    step: f32,
    /// The last taken point, `[1, position, feature]`; the path continues before it.
    after: Option<Tensor<3>>,
}

impl Path<'_> {
    /// The next `count` points, and the difference of each point to the one after it (0 for the text):
    /// `[point, position, feature]`.
    fn take(&mut self, count: usize, device: &burn::tensor::Device) -> (Tensor<3>, Tensor<3>) {
        let (length, features) = (self.paths.len(), self.words.embedding.features());
        let mut values = vec![0f32; count * length * features];
        for point in (0..count).rev() {
            for position in 0..length {
                let end = self.words.vector(self.baseline[position]);
                let current = &mut self.current[position];
                match self.paths[position].get(self.taken) {
                    // The text itself.
                    Some(_) if self.taken == 0 => {}
                    Some(&word) => *current = monotonic(self.words.vector(word), end, current, self.step),
                    None => *current = end.to_vec(),
                }
                let at = (point * length + position) * features;
                values[at..at + features].copy_from_slice(current);
            }
            self.taken += 1;
        }
        let points = Tensor::<1>::from_data(values.as_slice(), device).reshape([count, length, features]);
        let last = points.clone().narrow(0, count - 1, 1);
        let after = self.after.replace(points.clone().narrow(0, 0, 1)).unwrap_or(last);
        let next = match count {
            1 => after,
            _ => Tensor::cat(vec![points.clone().narrow(0, 1, count - 1), after], 0),
        };
        (points.clone(), next - points)
    }
}

/// `anchor`, with a step straight towards the baseline in each dimension in which it is not between the two.
fn monotonic(anchor: &[f32], baseline: &[f32], from: &[f32], step: f32) -> Vec<f32> {
    let each = anchor.iter().zip(baseline).zip(from);
    each.map(|((&a, &b), &x)| if is_monotonic(a, b, x) { a } else { x - step * (x - b) }).collect()
}

/// Whether `anchor` is between `from` and `baseline`.
fn is_monotonic(anchor: f32, baseline: f32, from: f32) -> bool {
    if baseline > from {
        baseline >= anchor && anchor >= from
    } else if baseline < from {
        baseline <= anchor && anchor <= from
    } else {
        baseline == anchor
    }
}

/// Embeddings of words with their nearest neighbours, computed on demand.
struct Words<'a> {
    embedding: &'a Embedding,
    count: usize,
    vectors: HashMap<u32, Vec<f32>>,
    neighbours: HashMap<u32, Vec<u32>>,
    /// Squared norms of all embeddings, `[vocabulary]`.
    squares: Option<Tensor<1>>,
}

/// Number of additional neighbours, so that rounding of the distances misses none.
const SPARE: usize = 8;

impl<'a> Words<'a> {
    fn new(embedding: &'a Embedding, count: usize) -> Self {
        let count = count.min(embedding.vocabulary().saturating_sub(1));
        Self { embedding, count, vectors: HashMap::new(), neighbours: HashMap::new(), squares: None }
    }

    fn vector(&self, word: u32) -> &[f32] {
        self.vectors.get(&word).map_or(&[], Vec::as_slice)
    }

    fn neighbours(&self, word: u32) -> &[u32] {
        self.neighbours.get(&word).map_or(&[], Vec::as_slice)
    }

    fn fetch(&mut self, words: &[u32]) -> Result<()> {
        let mut missing: Vec<u32> = words.iter().copied().filter(|word| !self.vectors.contains_key(word)).collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        let values = read(self.embedding.forward(&missing, 1), "embeddings")?;
        for (word, vector) in missing.iter().zip(values.chunks(self.embedding.features())) {
            self.vectors.insert(*word, vector.to_vec());
        }
        Ok(())
    }

    /// Finds the nearest neighbours of words, nearest first, by Euclidean distance.
    fn find_neighbours(&mut self, words: &[u32]) -> Result<()> {
        let mut missing: Vec<u32> = words.iter().copied().filter(|word| !self.neighbours.contains_key(word)).collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() || self.count == 0 {
            return Ok(());
        }
        let features = self.embedding.features();
        let table = self.embedding.scaled_table();
        let squares = self
            .squares
            .get_or_insert_with(|| table.clone().square().sum_dim(1).squeeze_dim(1))
            .clone()
            .reshape([1, self.embedding.vocabulary()]);
        let queries = self.embedding.forward(&missing, 1).reshape([missing.len(), features]);
        // Less the length of the query, which is the same for all.
        let closeness = queries.matmul(table.transpose()) * 2.0 - squares;
        let (_, found) = closeness.topk_with_indices((self.count + 1 + SPARE).min(self.embedding.vocabulary()), 1);
        let wanted = found.dims()[1];
        let found = read_ids(found, "neighbours among the embeddings")?;
        self.fetch(&found.iter().map(|&id| id as u32).collect::<Vec<_>>())?;
        for (&word, found) in missing.iter().zip(found.chunks(wanted)) {
            let own = self.vector(word);
            let distance = |other: u32| {
                let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
                self.vector(other).iter().zip(own).map(square).sum::<f64>()
            };
            let mut each: Vec<(f64, u32)> =
                found.iter().map(|&id| id as u32).filter(|&id| id != word).map(|id| (distance(id), id)).collect();
            each.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            each.truncate(self.count);
            self.neighbours.insert(word, each.into_iter().map(|(_, id)| id).collect());
        }
        Ok(())
    }
}
