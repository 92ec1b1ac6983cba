//! What an attribution method is, and the list of those there are.

use std::fmt;

use inseq_core::AttributionKind;
use inseq_models::model::Trace;
use ndarray::{Array1, ArrayD, Axis};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::engine::{Engine, Point};
use crate::gradient::{InputXGradient, IntegratedGradients, Saliency};
use crate::step_functions::SharedStepFunction;
use crate::{Error, Result};

/// What a method works with: a batch of texts, already run once.
pub struct MethodContext<'a> {
    /// Runs the model within the memory budget.
    pub engine: &'a Engine<'a>,
    /// The texts at their own embeddings, one entry a text.
    pub point: &'a Point<'a>,
    /// The forward at `point`.
    pub trace: &'a Trace,
    /// What is attributed.
    pub function: SharedStepFunction,
    /// Whether target prefixes are attributed.
    pub attribute_target: bool,
    /// To be called with the number of steps done; fails when the call is cancelled.
    pub advance: &'a mut dyn FnMut(usize) -> Result<()>,
}

/// What a method gives for one text.
#[derive(Clone, Debug)]
pub struct Attributions {
    /// `[source, step, ...]`.
    pub source: Option<ArrayD<f32>>,
    /// `[target, step, ...]`.
    pub target: Option<ArrayD<f32>>,
    /// Further scores of each step, such as convergence deltas, by name.
    pub step_scores: Vec<(String, Array1<f32>)>,
    /// Arrays that describe the whole text, by name.
    pub sequence_scores: Vec<(String, ArrayD<f32>)>,
    /// What the trailing axes are.
    pub kind: AttributionKind,
}

impl Default for Attributions {
    fn default() -> Self {
        Self {
            source: None,
            target: None,
            step_scores: Vec::new(),
            sequence_scores: Vec::new(),
            kind: AttributionKind::Granular,
        }
    }
}

/// An attribution method with its options.
pub trait Method: fmt::Debug + Send + Sync {
    /// The name to ask for.
    fn name(&self) -> &'static str;

    /// Attributes every step of every text of a batch, one result a text.
    ///
    /// # Errors
    /// When the device, the step function or the progress callback fails.
    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>>;

    /// How many times a step counts in the progress.
    fn passes(&self) -> usize {
        1
    }
}

/// Makes a method from its arguments.
type Make = fn(&Map<String, Value>) -> Result<Box<dyn Method>>;

/// One entry of [`list_methods`].
#[derive(Clone, Copy, Debug)]
pub struct MethodInfo {
    /// The name to ask for.
    pub name: &'static str,
    /// One line on the question it answers.
    pub description: &'static str,
    /// Forwards and pullbacks for a text.
    pub cost: &'static str,
    /// The paper.
    pub paper: &'static str,
    /// How it works, and what its scores mean.
    pub details: &'static str,
    make: Make,
}

const METHODS: &[MethodInfo] = &[
    MethodInfo {
        name: "saliency",
        description: "How sensitive is the score to each input feature?",
        cost: "1 forward, 1 pullback a step",
        paper: "Simonyan et al. (2013), Deep Inside Convolutional Networks, https://arxiv.org/abs/1312.6034",
        details: "The absolute gradient of the attributed function with regard to each token's embedding. Scores have one \
                  value for each feature; aggregated, a token's score is their L2 norm. Arguments: `abs` (true).",
        make: |arguments| {
            let options: crate::gradient::SaliencyOptions = options("saliency", arguments)?;
            Ok(Box::new(Saliency { abs: options.abs }))
        },
    },
    MethodInfo {
        name: "input_x_gradient",
        description: "How much would each feature contribute, were the model linear around the input?",
        cost: "1 forward, 1 pullback a step",
        paper: "Shrikumar et al. (2016), Not Just a Black Box, https://arxiv.org/abs/1605.01713",
        details: "The embedding times the gradient of the attributed function with regard to it. Signed. No arguments.",
        make: |arguments| {
            options::<crate::gradient::NoOptions>("input_x_gradient", arguments)?;
            Ok(Box::new(InputXGradient))
        },
    },
    MethodInfo {
        name: "integrated_gradients",
        description: "How much does each feature contribute on the way from a baseline to the input?",
        cost: "n_steps forwards, n_steps pullbacks a step",
        paper: "Sundararajan et al. (2017), Axiomatic Attribution for Deep Networks, https://arxiv.org/abs/1703.01365",
        details: "The gradient averaged over the straight line from the baseline's embeddings to the input's, times the \
                  difference. Scores sum to the difference of the attributed function (completeness). Every token's \
                  baseline is the unknown token; the end-of-sequence token and the decoder start stay. Arguments: \
                  `n_steps` (50), `method` (gausslegendre, riemann_right, riemann_left, riemann_middle, \
                  riemann_trapezoid), `internal_batch_size` (from the memory budget), `multiply_by_inputs` (true), \
                  `return_convergence_delta` (false).",
        make: |arguments| {
            let method: IntegratedGradients = options("integrated_gradients", arguments)?;
            method.validate()?;
            Ok(Box::new(method))
        },
    },
];

/// The attribution methods there are.
pub fn list_methods() -> &'static [MethodInfo] {
    METHODS
}

/// What a method does, what it costs and where it comes from, as text.
///
/// # Errors
/// When the name is unknown.
pub fn explain(name: &str) -> Result<String> {
    let info = find(name)?;
    let details = textwrap::fill(info.details, 88);
    Ok(format!("{}: {}\n\n{details}\n\nCost: {}.\nPaper: {}\n", info.name, info.description, info.cost, info.paper))
}

/// The method of a name, with its arguments by the reference's names.
///
/// # Errors
/// When the name or an argument is unknown, or an argument has a wrong type or range.
pub fn method_named(name: &str, arguments: &Map<String, Value>) -> Result<Box<dyn Method>> {
    (find(name)?.make)(arguments)
}

fn find(name: &str) -> Result<&'static MethodInfo> {
    METHODS
        .iter()
        .find(|info| info.name == name)
        .ok_or_else(|| Error::unknown("attribution method", name, METHODS.iter().map(|info| info.name)))
}

fn options<T: DeserializeOwned>(method: &str, arguments: &Map<String, Value>) -> Result<T> {
    serde_json::from_value(Value::Object(arguments.clone()))
        .map_err(|e| Error::Argument(format!("arguments of the method `{method}`: {e}")))
}

/// Multiplies gradients by the embeddings of a point, less those of a baseline.
pub(crate) fn times_embeddings(gradients: &mut [Attributions], point: &Point, baseline: Option<&Point>) -> Result<()> {
    let difference = |of: fn(&Point) -> Option<burn::tensor::Tensor<3>>| -> Result<Option<(Vec<f32>, [usize; 3])>> {
        let Some(mut values) = of(point) else { return Ok(None) };
        if let Some(baseline) = baseline.and_then(of) {
            values = values - baseline;
        }
        let shape = values.dims();
        let values = values
            .try_into_vec_as::<f32>()
            .map_err(|e| Error::Argument(format!("embeddings cannot be read from the device: {e:?}")))?;
        Ok(Some((values, shape)))
    };
    let source = difference(|point| point.source.as_ref().map(|source| source.embeddings.clone()))?;
    let target = difference(|point| Some(point.target.clone()))?;
    for (entry, attributions) in gradients.iter_mut().enumerate() {
        let sides = [(&mut attributions.source, &source), (&mut attributions.target, &target)];
        for (array, embeddings) in sides {
            let (Some(array), Some((values, [_, length, features]))) = (array, embeddings) else { continue };
            for (position, mut rows) in array.axis_iter_mut(Axis(0)).enumerate().take(*length) {
                let start = (entry * length + position) * features;
                let embedding = &values[start..start + features];
                for mut row in rows.axis_iter_mut(Axis(0)) {
                    row.iter_mut().zip(embedding).for_each(|(g, x)| *g *= x);
                }
            }
        }
    }
    Ok(())
}
