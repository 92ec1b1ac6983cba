//! Gradient methods at an inner layer.

use std::sync::Arc;

use burn::tensor::Tensor;
use inseq_core::{About, Argument};
use inseq_models::model::{Layer, Model};
use serde_json::{Map, Value};

use super::{DeepLift, InputXGradient, IntegratedGradients, deep_lift, integrated_gradients};
use crate::engine::{Engine, Steps, TextSteps};
use crate::method::{Attributions, Cost, MakeMethod, Method, MethodContext, MethodInfo, options};
use crate::{Error, Result};

/// The layer, as an argument of the methods here.
const TARGET_LAYER: Argument = Argument::new(
    "target_layer",
    "none",
    "The layer: a block by its number, counted from 0, such as encoder.2, or a module by its name in transformers, \
     such as transformer.h.3.mlp, for its output; by default the embeddings.",
);

const INTEGRATED_GRADIENTS_ARGUMENTS: [Argument; integrated_gradients::ARGUMENTS.len() + 1] =
    and_layer(integrated_gradients::ARGUMENTS);
const DEEP_LIFT_ARGUMENTS: [Argument; deep_lift::ARGUMENTS.len() + 1] = and_layer(deep_lift::ARGUMENTS);

/// The arguments of a method and the layer.
const fn and_layer<const N: usize>(arguments: &[Argument]) -> [Argument; N] {
    let mut all = [TARGET_LAYER; N];
    let mut index = 0;
    while index < arguments.len() {
        all[index] = arguments[index];
        index += 1;
    }
    all
}

/// The entry of the registry.
pub(crate) fn integrated_gradients() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "layer_integrated_gradients",
            description: "How much does each feature of a layer contribute on the path from the baseline's states to \
                          the input's?",
            details: "Integrated gradients with the states of a layer as input. Scores are signed.",
            arguments: &INTEGRATED_GRADIENTS_ARGUMENTS,
        },
        cost: "n_steps forwards, n_steps pullbacks per step",
        citation: "Sundararajan et al. (2017), Axiomatic Attribution for Deep Networks, \
                   https://arxiv.org/abs/1703.01365",
        make: at_layer("layer_integrated_gradients", options::<IntegratedGradients>),
    }
}

/// The entry of the registry.
pub(crate) fn gradient_x_activation() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "layer_gradient_x_activation",
            description: "How much would each feature of a layer contribute if the model were linear above the layer?",
            details: "The state of a layer times the gradient of the attributed function with respect to it. Scores are signed.",
            arguments: &[TARGET_LAYER],
        },
        cost: "1 forward, 1 pullback per step",
        citation: "Shrikumar et al. (2016), Not Just a Black Box, https://arxiv.org/abs/1605.01713",
        make: at_layer("layer_gradient_x_activation", |_, _| Ok(InputXGradient)),
    }
}

/// The entry of the registry.
pub(crate) fn deep_lift() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "layer_deeplift",
            description: "How much of the score's difference does the difference of each feature of a layer explain?",
            details: "DeepLIFT with the states of a layer as input. Scores are signed.",
            arguments: &DEEP_LIFT_ARGUMENTS,
        },
        cost: "1 forward, or 2 if an operation is rescaled; 1 pullback per step",
        citation: "Shrikumar et al. (2017), Learning Important Features Through Propagating Activation \
                   Differences, https://arxiv.org/abs/1704.02685",
        make: at_layer("layer_deeplift", options::<DeepLift>),
    }
}

/// A gradient method whose input is the state of a layer instead of the embeddings.
///
/// The method runs on the part of the model above the layer. A residual that is added to the state above the layer keeps the
/// values of the text. Granular scores `[input, step, feature]`, one row for each position of the layer.
#[derive(Clone, Debug)]
pub struct AtLayer<M> {
    name: &'static str,
    layer: Option<String>,
    method: M,
}

impl<M: Method> AtLayer<M> {
    /// `method` at a layer, whose name [`Model::layer_named`] reads, or at the embeddings.
    pub fn new(name: &'static str, layer: Option<String>, method: M) -> Self {
        Self { name, layer, method }
    }

    fn layer(&self, model: &Model) -> Result<Option<Layer>> {
        let Some(name) = &self.layer else { return Ok(None) };
        model
            .layer_named(name)
            .map_err(|problem| Error::argument("target_layer", format!("`target_layer` {name:?} {problem}")))
    }

    /// Attributes the texts of `context` to the states of one layer.
    fn attribute_above(
        &self,
        context: &mut MethodContext,
        texts: &[&TextSteps],
        layer: Layer,
        residual: Option<Tensor<2>>,
    ) -> Result<Vec<Attributions>> {
        let whole = context.engine.model;
        let model = whole.above(layer, residual)?;
        let engine = Engine { model: &model, memory_budget: context.engine.memory_budget, layer: Some((whole, layer)) };
        let point = engine.inputs(texts)?;
        let trace = engine.trace_by(self.method.propagation(), &point);
        self.method.attribute(&mut MethodContext {
            text_model: context.text_model,
            engine: &engine,
            point: &point,
            trace: &trace,
            function: context.function.clone(),
            attribute_target: context.attribute_target,
            special_tokens: context.special_tokens,
            advance: &mut *context.advance,
        })
    }
}

/// Makes a method at a layer; `inner` makes the method from the arguments other than `target_layer`.
fn at_layer<M: Method + 'static>(
    name: &'static str,
    inner: fn(&'static str, &Map<String, Value>) -> Result<M>,
) -> MakeMethod {
    Arc::new(move |arguments| {
        let (layer, rest) = taken(arguments)?;
        Ok(Arc::new(AtLayer { name, layer, method: inner(name, &rest)? }))
    })
}

/// The argument `target_layer`, and the others.
fn taken(arguments: &Map<String, Value>) -> Result<(Option<String>, Map<String, Value>)> {
    let mut rest = arguments.clone();
    let layer = match rest.remove("target_layer") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(other) => {
            return Err(Error::argument(
                "target_layer",
                format!("`target_layer` must be a name such as `encoder.2`, found {other}"),
            ));
        }
    };
    Ok((layer, rest))
}

impl<M: Method> Method for AtLayer<M> {
    fn name(&self) -> &str {
        self.name
    }

    fn arguments(&self) -> Map<String, Value> {
        let mut arguments = self.method.arguments();
        arguments.insert(TARGET_LAYER.name.to_owned(), self.layer.clone().into());
        arguments
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let whole = context.engine.model;
        let Some(layer) = self.layer(whole)? else { return self.method.attribute_text(context, entry) };
        let text = context.text(entry);
        let residual = match layer.has_residual() {
            true => {
                let point = context.engine.inputs(&[text])?;
                let residual = whole.states_at(layer, point.source.as_ref(), point.target)?.residual;
                residual.map(|residual| residual.squeeze_dim(0))
            }
            false => None,
        };
        Ok(self.attribute_above(context, &[text], layer, residual)?.pop().unwrap_or_default())
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let texts = context.point.texts.clone();
        match self.layer(context.engine.model)? {
            None => self.method.attribute(context),
            Some(layer) if !layer.has_residual() => self.attribute_above(context, &texts, layer, None),
            // Each text has a residual stream of its own.
            Some(_) => (0..texts.len()).map(|entry| self.attribute_text(context, entry)).collect(),
        }
    }

    fn validate(&self) -> Result<()> {
        self.method.validate()
    }

    fn unused_options(&self) -> &'static [&'static str] {
        self.method.unused_options()
    }

    fn needed_steps(&self, text: &TextSteps, attribute_target: bool) -> Steps {
        self.method.needed_steps(text, attribute_target)
    }

    fn check(&self, model: &Model) -> Result<()> {
        match self.layer(model)? {
            Some(layer) => self.method.check(&model.above(layer, None)?),
            None => self.method.check(model),
        }
    }

    fn cost(&self, model: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        match self.layer(model).map(|layer| layer.map(|layer| model.above(layer, None))) {
            Ok(Some(Ok(above))) => self.method.cost(&above, text, attribute_target),
            _ => self.method.cost(model, text, attribute_target),
        }
    }
}
