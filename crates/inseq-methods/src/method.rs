//! What an attribution method is, and the list of those there are.

use std::fmt;
use std::ops::Range;

use inseq_core::AttributionKind;
use inseq_models::model::{Model, Trace};
use ndarray::{Array1, ArrayD, Axis};
use serde::Deserializer;
use serde::de::{DeserializeOwned, Visitor};
use serde_json::{Map, Value};

use crate::engine::{Engine, Point, TextSteps, read};
use crate::step_functions::SharedStepFunction;
use crate::{AttributionModel, Error, Result, dummy, gradient, internals, perturbation};

/// What a method works with: a batch of texts, already run once.
pub struct MethodContext<'a> {
    /// The model with its tokenizer.
    pub attribution_model: &'a AttributionModel,
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
    /// Ids of the tokens that are not text.
    pub special_tokens: &'a [u32],
    /// To be called with the number of steps done; fails when the call is cancelled.
    pub advance: &'a mut dyn FnMut(usize) -> Result<()>,
}

/// What a method gives for one text.
#[derive(Clone, Debug)]
pub struct Attributions {
    /// `[source, step, ...]`.
    pub source: Option<ArrayD<f32>>,
    /// `[target, step, ...]`, with a row for each token that any step sees at least. What is at and after a step's own token does
    /// not count: the pipeline makes it NaN, and adds the rows that are left out.
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

impl Attributions {
    /// Attributions of the same shape for a text of `source` and `target` tokens without steps.
    pub(crate) fn without_steps(&self, source: usize, target: usize) -> Self {
        let none = |scores: &Option<ArrayD<f32>>, rows: usize| {
            let mut shape = scores.as_ref()?.raw_dim();
            (shape[0], shape[1]) = (rows, 0);
            Some(ArrayD::zeros(shape))
        };
        Self {
            source: none(&self.source, source),
            target: none(&self.target, target),
            step_scores: self.step_scores.iter().map(|(name, _)| (name.clone(), Array1::zeros(0))).collect(),
            sequence_scores: Vec::new(),
            kind: self.kind.clone(),
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

    /// Refuses options that do not fit a model, before any text is generated.
    ///
    /// # Errors
    /// When an option names something that the model does not have.
    fn check(&self, _: &Model) -> Result<()> {
        Ok(())
    }

    /// The steps that have to be attributed so that those of a text get what they get in the whole text: most methods attribute
    /// each step by itself.
    fn needed_steps(&self, text: &TextSteps, attribute_target: bool) -> Range<usize> {
        let _ = attribute_target;
        text.steps.clone()
    }

    /// What a text costs on a model. A step counts as many times in the progress as there are forwards at most; what turns out
    /// not to be needed counts as done.
    fn cost(&self, model: &Model, text: &TextSteps, attribute_target: bool) -> Cost;
}

/// Forwards and pullbacks that a method needs for one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Forwards, each for all steps.
    pub forwards: Bounds,
    /// Pullbacks of each step.
    pub pullbacks: usize,
}

impl Cost {
    /// Numbers that are known before the method runs.
    pub(crate) fn exactly(forwards: usize, pullbacks: usize) -> Self {
        Self { forwards: Bounds { least: forwards, most: forwards }, pullbacks }
    }
}

/// The least and the most that a number may come to. They differ where a method stops when it has found what it looks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds<T = usize> {
    /// The least.
    pub least: T,
    /// The most.
    pub most: T,
}

impl Bounds {
    /// Both times a number.
    pub(crate) fn times(self, number: usize) -> Self {
        Self { least: self.least.saturating_mul(number), most: self.most.saturating_mul(number) }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.least == self.most {
            true => write!(f, "{}", self.least),
            false => write!(f, "{} to {}", self.least, self.most),
        }
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
    pub(crate) arguments: fn() -> Vec<&'static str>,
    pub(crate) make: Make,
}

impl MethodInfo {
    /// Names of the arguments that [`method_named`] takes for it.
    ///
    /// ```
    /// let saliency = inseq_methods::list_methods().iter().find(|method| method.name == "saliency").unwrap();
    /// assert_eq!(saliency.arguments(), ["abs"]);
    /// ```
    pub fn arguments(&self) -> Vec<&'static str> {
        (self.arguments)()
    }
}

const METHODS: &[MethodInfo] = &[
    gradient::SALIENCY,
    gradient::INPUT_X_GRADIENT,
    gradient::INTEGRATED_GRADIENTS,
    gradient::DEEP_LIFT,
    gradient::GRADIENT_SHAP,
    gradient::SMOOTH_GRAD,
    gradient::SEQUENTIAL_INTEGRATED_GRADIENTS,
    gradient::DISCRETIZED_INTEGRATED_GRADIENTS,
    gradient::LAYER_INTEGRATED_GRADIENTS,
    gradient::LAYER_GRADIENT_X_ACTIVATION,
    gradient::LAYER_DEEP_LIFT,
    internals::ATTENTION,
    internals::ATTENTION_ROLLOUT,
    internals::ATTENTION_FLOW,
    internals::VALUE_ZEROING,
    perturbation::OCCLUSION,
    perturbation::LIME,
    perturbation::KERNEL_SHAP,
    perturbation::SHAPLEY_VALUE_SAMPLING,
    perturbation::PARTITION_SHAP,
    perturbation::REAGENT,
    dummy::INFO,
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

/// Names of the arguments that [`options`] reads into a struct.
pub(crate) fn names_of<T: DeserializeOwned>() -> Vec<&'static str> {
    let mut names: &'static [&'static str] = &[];
    // The struct names its fields before it asks for a value, and gets none.
    let _ = T::deserialize(FieldNames(&mut names));
    names.to_vec()
}

/// Takes down the names of a struct's fields.
struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(serde::de::Error::custom("no value"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("not a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

pub(crate) fn options<T: DeserializeOwned>(method: &str, arguments: &Map<String, Value>) -> Result<T> {
    crate::arguments::read(&format!("the method `{method}`"), arguments)
}

/// Multiplies gradients by the embeddings of a point, less those of a baseline.
pub(crate) fn times_embeddings(gradients: &mut [Attributions], point: &Point, baseline: Option<&Point>) -> Result<()> {
    let difference = |of: fn(&Point) -> Option<burn::tensor::Tensor<3>>| -> Result<Option<(Vec<f32>, [usize; 3])>> {
        let Some(mut values) = of(point) else { return Ok(None) };
        if let Some(baseline) = baseline.and_then(of) {
            values = values - baseline;
        }
        let shape = values.dims();
        Ok(Some((read(values, "embeddings")?, shape)))
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
