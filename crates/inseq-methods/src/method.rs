//! The interface of attribution methods.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use inseq_core::{About, AttributionKind, Entry, SequenceScore, did_you_mean};
use inseq_models::layers::Propagation;
use inseq_models::model::{Model, Trace, Wanted};
use ndarray::{Array1, ArrayD, Axis};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use crate::cost::{Bounds, Cost};
use crate::engine::{Engine, Point, Steps, TextSteps};
use crate::loading::Loading;
use crate::step_functions::SharedStepFunction;
use crate::text_model::TextModel;
use crate::{Error, Result};

/// Input of a method: a batch of texts with one forward.
pub struct MethodContext<'a> {
    /// The model with its tokenizer.
    pub text_model: &'a TextModel,
    /// Runs the model within the memory budget.
    pub engine: &'a Engine<'a>,
    /// The texts at their own embeddings, one entry for each text.
    pub point: &'a Point<'a>,
    /// The forward at `point`, by the rules of the method's [propagation](Method::propagation).
    pub trace: &'a Trace,
    /// The attributed function.
    pub function: SharedStepFunction,
    /// Whether target prefixes are attributed.
    pub attribute_target: bool,
    /// Ids of special tokens.
    pub special_tokens: &'a [u32],
    /// Progress callback; call it with the number of finished steps. It fails if the call is cancelled.
    pub advance: &'a mut dyn FnMut(usize) -> Result<()>,
}

impl fmt::Debug for MethodContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, point, function, attribute_target, special_tokens, .. } = self;
        f.debug_struct("MethodContext")
            .field("engine", engine)
            .field("point", point)
            .field("function", function)
            .field("attribute_target", attribute_target)
            .field("special_tokens", special_tokens)
            .finish_non_exhaustive()
    }
}

impl<'a> MethodContext<'a> {
    /// The text of an entry of the batch.
    ///
    /// # Panics
    /// The batch has no such entry.
    pub fn text(&self, entry: usize) -> &'a TextSteps {
        self.point.texts[entry]
    }

    /// The attributed sides: the source of encoder-decoder models, and target prefixes if requested.
    pub fn wanted(&self) -> Wanted<'static> {
        Wanted { source: !self.engine.model.is_decoder_only(), target: self.attribute_target, first: &[] }
    }
}

/// Attributions of one text by a method.
#[derive(Clone, Debug)]
pub struct Attributions {
    /// Scores of source tokens, `[source, step, ...]`.
    pub source: Option<ArrayD<f32>>,
    /// Scores of target tokens, `[target, step, ...]`, with at least a row for each token that any step sees. Scores at or after a
    /// step's own token are ignored: the pipeline sets them to NaN, and adds the missing rows.
    pub target: Option<ArrayD<f32>>,
    /// Further scores of each step, such as convergence deltas, by name.
    pub step_scores: Vec<(String, Array1<f32>)>,
    /// Arrays that describe the whole text, by name, with the meaning of their axes.
    pub sequence_scores: Vec<(String, SequenceScore)>,
    /// Meaning of the trailing axes.
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
    /// Refuses scores that do not fit their text.
    ///
    /// # Errors
    /// The shape of an array does not fit the text, its steps and the kind; the error names the method.
    pub(crate) fn check(&self, method: &str, model: &Model, text: &TextSteps) -> Result<()> {
        let refuse = |problem: String| {
            Err(Error::Method { method: method.to_owned(), problem: format!("{problem} (text {})", text.index + 1) })
        };
        if self.source.is_some() && model.is_decoder_only() {
            return refuse("gave source attributions, but the model has no encoder; expected none".into());
        }
        let steps = text.steps.len();
        let further = match &self.kind {
            AttributionKind::Coarse => 0,
            AttributionKind::Granular => 1,
            AttributionKind::MultiDimensional { dimensions } => dimensions.len(),
        };
        let seen = text.seen();
        let sides = [
            ("source", &self.source, text.source.len()..=text.source.len()),
            ("target", &self.target, seen..=text.target.len()),
        ];
        for (side, array, rows) in sides {
            let Some(shape) = array.as_ref().map(|array| array.shape()) else { continue };
            let fits = shape.len() == 2 + further && rows.contains(&shape[0]) && shape[1] == steps;
            if !fits {
                let rows = match rows.start() == rows.end() {
                    true => rows.start().to_string(),
                    false => format!("{} to {}", rows.start(), rows.end()),
                };
                return refuse(format!(
                    "gave {side} attributions of shape {shape:?}; expected {rows} rows (tokens), {steps} columns (steps) and \
                     {further} further axes"
                ));
            }
        }
        match self.step_scores.iter().find(|(_, scores)| scores.len() != steps) {
            Some((name, scores)) => refuse(format!(
                "gave {} values of the step score `{name}`; expected one for each of {steps} steps",
                scores.len()
            )),
            None => Ok(()),
        }
    }

    /// The attributions of some steps, in this order.
    pub(crate) fn of_steps(&self, steps: &[usize]) -> Self {
        let columns = |scores: &Option<ArrayD<f32>>| scores.as_ref().map(|scores| scores.select(Axis(1), steps));
        let of_score = |(name, scores): &(String, Array1<f32>)| (name.clone(), scores.select(Axis(0), steps));
        Self {
            source: columns(&self.source),
            target: columns(&self.target),
            step_scores: self.step_scores.iter().map(of_score).collect(),
            sequence_scores: self.sequence_scores.clone(),
            kind: self.kind.clone(),
        }
    }

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

/// The option [`AttributionRequest::attributed_fn`](crate::AttributionRequest::attributed_fn).
pub const ATTRIBUTED_FN: &str = "attributed_fn";

/// The option [`AttributionRequest::include_eos_baseline`](crate::AttributionRequest::include_eos_baseline).
pub const INCLUDE_EOS_BASELINE: &str = "include_eos_baseline";

/// [`Method::unused_options`] of a method that looks at no score of the output, and so at no baseline either.
pub(crate) const FUNCTION_AND_BASELINE: &[&str] = &[ATTRIBUTED_FN, INCLUDE_EOS_BASELINE];

/// An attribution method with its options.
///
/// A method must implement only [`name`](Self::name) and [`attribute_text`](Self::attribute_text).
pub trait Method: Any + fmt::Debug + Send + Sync {
    /// Name of the method in results. Names of built-in methods are for these alone: a call refuses another method with such a name.
    fn name(&self) -> &str;

    /// Attributes every step of one text of a batch, `context.text(entry)`.
    ///
    /// # Errors
    /// The device, the step function or the progress callback fails.
    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions>;

    /// Attributes every step of every text of a batch, one result per text in order. Override it to run texts
    /// together; the default runs them one after another.
    ///
    /// # Errors
    /// As [`attribute_text`](Self::attribute_text).
    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        (0..context.point.texts.len()).map(|entry| self.attribute_text(context, entry)).collect()
    }

    /// The method's arguments by name, for results.
    fn arguments(&self) -> Map<String, Value> {
        Map::new()
    }

    /// Checks the options, independent of a model.
    ///
    /// # Errors
    /// An option is out of range, or options contradict each other.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// Refuses a model that the method has no meaning for, and options that do not fit it, before any text is generated.
    ///
    /// # Errors
    /// When the model, or an option, asks for something that there is not.
    fn check(&self, _: &Model) -> Result<()> {
        Ok(())
    }

    /// The rules by which the [trace of the context](MethodContext::trace) pulls cotangents back; by default the derivative
    /// everywhere. The forward is the same under all rules.
    fn propagation(&self) -> Propagation {
        Propagation::GRADIENT
    }

    /// Options of a request that have no effect on the method, of [`ATTRIBUTED_FN`] and [`INCLUDE_EOS_BASELINE`]. A call that sets
    /// one of them gets a warning.
    fn unused_options(&self) -> &'static [&'static str] {
        &[]
    }

    /// The steps that must be attributed so that the requested steps get the same scores as in the whole text. Most methods
    /// attribute each step independently and need only the requested steps.
    fn needed_steps(&self, text: &TextSteps, attribute_target: bool) -> Steps {
        let _ = attribute_target;
        text.steps.clone()
    }

    /// Loads the files and models that the options name, if any, and returns the method with them. It runs once per call, before
    /// any text is generated; nothing is opened earlier.
    ///
    /// # Errors
    /// A file or model cannot be loaded, or `loading` does not allow it.
    fn prepare(&self, loading: &Loading) -> Result<Option<Arc<dyn Method>>> {
        let _ = loading;
        Ok(None)
    }

    /// The cost of a text on a model; by default one forward. In the progress, a step counts once per forward of the upper
    /// bound; forwards that are not needed count as finished.
    fn cost(&self, model: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        let _ = (model, text, attribute_target);
        Cost::exactly(1, 0)
    }
}

/// Makes a method from its arguments by name. It opens no files.
pub type MakeMethod = Arc<dyn Fn(&Map<String, Value>) -> Result<Arc<dyn Method>> + Send + Sync>;

/// One entry of [`Methods`](crate::Methods).
#[derive(Clone)]
pub struct MethodInfo {
    /// Name and arguments of the method, the question that it answers, and how it works.
    pub about: About,
    /// Numbers of forwards and pullbacks for a text.
    pub cost: &'static str,
    /// Citation of the paper.
    pub citation: &'static str,
    /// Makes the method from its arguments.
    pub make: MakeMethod,
}

impl fmt::Debug for MethodInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MethodInfo").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Deref for MethodInfo {
    type Target = About;

    fn deref(&self) -> &About {
        &self.about
    }
}

impl Entry for MethodInfo {
    const KIND: &'static str = "attribution method";

    fn facts(&self) -> Vec<(&'static str, &'static str)> {
        vec![("Cost", self.cost), ("Paper", self.citation)]
    }
}

impl MethodInfo {
    /// The entry of a method with fixed options, under its own name.
    pub fn of(method: Arc<dyn Method>) -> Self {
        Self {
            about: About {
                // Names live as long as the program; a method is registered once.
                name: method.name().to_owned().leak(),
                description: "A method that was registered.",
                ..About::default()
            },
            cost: "as the method says",
            citation: "none",
            make: Arc::new(move |_| Ok(method.clone())),
        }
    }

    /// Makes the method with the given arguments.
    ///
    /// # Errors
    /// An argument is unknown, or has a wrong type or value.
    pub fn with(&self, arguments: &Map<String, Value>) -> Result<Arc<dyn Method>> {
        if let Some(unknown) = self.unknown_argument(arguments) {
            let known: Vec<String> = self.arguments.iter().map(|known| format!("`{}`", known.name)).collect();
            let takes = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let hint = did_you_mean(unknown, self.arguments.iter().map(|known| known.name), 1);
            return Err(Error::argument(
                unknown,
                format!(
                    "arguments of the method `{}`: unknown argument `{unknown}`; it takes {takes}{hint}",
                    self.name
                ),
            ));
        }
        let method = (self.make)(arguments)?;
        method.validate()?;
        Ok(method)
    }
}

/// Makes a method whose fields are its arguments.
pub fn from_arguments<M: Method + DeserializeOwned + 'static>(name: &'static str) -> MakeMethod {
    Arc::new(move |arguments| Ok(Arc::new(options::<M>(name, arguments)?)))
}

/// Makes a method without arguments.
pub fn without_arguments<M: Method + Clone + 'static>(method: M) -> MakeMethod {
    Arc::new(move |_| Ok(Arc::new(method.clone())))
}

/// Reads the arguments of a method into a struct.
pub(crate) fn options<T: DeserializeOwned>(method: &str, arguments: &Map<String, Value>) -> Result<T> {
    crate::arguments::read(&format!("the method `{method}`"), arguments)
}

/// The fields of a method as its arguments.
pub(crate) fn fields<T: Serialize>(method: &T) -> Map<String, Value> {
    match serde_json::to_value(method) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
