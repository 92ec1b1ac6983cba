//! Gradients at points with noise.

use burn::tensor::Tensor;
use inseq_models::model::{InputCotangents, Source, Wanted};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{Collector, weighted};
use crate::engine::{Point, TextSteps};
use crate::method::{Attributions, MethodContext};
use crate::{Error, Result};

/// Largest standard deviation of noise. Embeddings are seldom larger than 100; the squares of far larger numbers are infinite.
const LARGEST_STDEV: f64 = 1e6;

/// Refuses noise that no model can be run with.
pub(super) fn check_stdevs(method: &str, stdevs: f64) -> Result<()> {
    match (0.0..=LARGEST_STDEV).contains(&stdevs) {
        true => Ok(()),
        false => Err(Error::argument(
            "stdevs",
            format!("{method}: `stdevs` must be a number of 0 or more, up to {LARGEST_STDEV}; found {stdevs}"),
        )),
    }
}

/// One random point.
pub(super) struct Sample {
    /// Position between the baseline (0) and the noisy input (1).
    pub(super) alpha: f32,
    /// Seed of its noise.
    pub(super) noise: u64,
}

/// A text with its baseline, for random points between them.
pub(super) struct Noisy<'a> {
    text: &'a TextSteps,
    input: Point<'a>,
    baseline: Point<'a>,
    stdev: f64,
    wanted: Wanted<'static>,
}

impl<'a> Noisy<'a> {
    pub(super) fn new(context: &MethodContext<'_>, text: &'a TextSteps, stdev: f64) -> Result<Self> {
        let engine = context.engine;
        let wanted = context.wanted();
        let input = engine.inputs(&[text])?;
        let baseline = engine.baselines(&input, wanted)?;
        Ok(Self { text, input, baseline, stdev, wanted })
    }

    /// The embeddings of the attributed sides.
    pub(super) fn embeddings(&self) -> impl Iterator<Item = &Tensor<3>> {
        let source = self.input.source.as_ref().map(|source| &source.embeddings);
        source.into_iter().chain(self.wanted.target.then_some(&self.input.target))
    }

    /// The mean of the gradients at the samples (times the difference of noisy input and baseline), and the mean of their squares
    /// if `squares` is set.
    pub(super) fn moments(
        &self,
        context: &mut MethodContext,
        samples: &[Sample],
        times_way: bool,
        squares: bool,
    ) -> Result<[Attributions; 2]> {
        let engine = context.engine;
        let mut sums = [(); 2].map(|()| Collector::new(&[self.text], engine.features(), self.wanted));
        let function = context.function.clone();
        for part in samples.chunks(engine.entries_that_fit(self.text)) {
            let (point, ways) = self.point(part);
            let trace = engine.trace(&point);
            let weights = vec![1.0 / samples.len() as f32; part.len()];
            engine.gradients(&point, &trace, &*function, self.wanted, |steps, _, gradients| {
                (context.advance)(steps.len() * part.len())?;
                let gradients = if times_way { times(gradients, &ways) } else { gradients };
                if squares {
                    let square = |gradient: &Option<Tensor<4>>| gradient.clone().map(|gradient| gradient.square());
                    let squared =
                        InputCotangents { source: square(&gradients.source), target: square(&gradients.target) };
                    sums[1].add(0, 0, steps.clone(), &weighted(squared, &weights))?;
                }
                sums[0].add(0, 0, steps, &weighted(gradients, &weights))
            })?;
        }
        Ok(sums.map(|sum| sum.finish().pop().unwrap_or_default()))
    }

    /// The points of samples, one entry each, and the differences of each noisy input and the baseline.
    fn point(&self, samples: &[Sample]) -> (Point<'a>, [Option<Tensor<3>>; 2]) {
        let count = samples.len();
        let alphas: Vec<f32> = samples.iter().map(|sample| sample.alpha).collect();
        let alphas = Tensor::<1>::from_data(alphas.as_slice(), &self.input.target.device()).reshape([count, 1, 1]);
        let place = |input: &Tensor<3>, baseline: &Tensor<3>, stream: u64| {
            let input = input.clone().repeat_dim(0, count) + self.noise(input, samples, stream);
            let way = input - baseline.clone();
            (baseline.clone() + alphas.clone().cast(way.dtype()) * way.clone(), way)
        };
        let (source, source_way) = match (&self.input.source, &self.baseline.source) {
            (Some(input), Some(baseline)) => {
                let (embeddings, way) = place(&input.embeddings, &baseline.embeddings, 0);
                (Some(Source { embeddings, lengths: vec![input.lengths[0]; count] }), Some(way))
            }
            _ => (None, None),
        };
        let (target, target_way) = match self.wanted.target {
            true => {
                let (target, way) = place(&self.input.target, &self.baseline.target, 1);
                (target, Some(way))
            }
            false => (self.input.target.clone().repeat_dim(0, count), None),
        };
        (Point { texts: vec![self.text; count], source, target }, [source_way, target_way])
    }

    fn noise(&self, like: &Tensor<3>, samples: &[Sample], stream: u64) -> Tensor<3> {
        let [_, length, features] = like.dims();
        let shape = [samples.len(), length, features];
        if self.stdev == 0.0 {
            return Tensor::zeros(shape, (&like.device(), like.dtype()));
        }
        let mut values = Vec::with_capacity(shape.iter().product());
        for sample in samples {
            let mut random = ChaCha8Rng::seed_from_u64(sample.noise);
            random.set_stream(stream);
            values.extend((0..length * features).map(|_| {
                let normal: f64 = StandardNormal.sample(&mut random);
                (normal * self.stdev) as f32
            }));
        }
        Tensor::<1>::from_data(values.as_slice(), &like.device()).reshape(shape).cast(like.dtype())
    }

    /// Scores of the steps at the baseline and at the input.
    pub(super) fn ends(&self, context: &MethodContext) -> Result<(Vec<f32>, Vec<f32>)> {
        let engine = context.engine;
        let at = |point: &Point| -> Result<Vec<f32>> {
            let scores = engine.scores(point, engine.trace(point).hidden(), &[&*context.function])?;
            Ok(scores.into_iter().flatten().next().unwrap_or_default())
        };
        Ok((at(&self.baseline)?, at(&self.input)?))
    }
}

fn times(gradients: InputCotangents, [source, target]: &[Option<Tensor<3>>; 2]) -> InputCotangents {
    let product = |gradient: Option<Tensor<4>>, way: &Option<Tensor<3>>| match (gradient, way) {
        (Some(gradient), Some(way)) => {
            let rows = gradient.dims()[2];
            Some(gradient * way.clone().narrow(1, 0, rows).unsqueeze_dim(1))
        }
        (gradient, _) => gradient,
    };
    InputCotangents { source: product(gradients.source, source), target: product(gradients.target, target) }
}
