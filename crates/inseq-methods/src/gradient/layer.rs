//! Gradient methods at an inner layer.

use burn::tensor::Tensor;
use inseq_models::model::{Layer, Model};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{DeepLift, InputXGradient, IntegratedGradients};
use crate::engine::{Engine, TextSteps};
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, names_of, options};
use crate::{Error, Result};

pub(crate) const INTEGRATED_GRADIENTS: MethodInfo = MethodInfo {
    name: "layer_integrated_gradients",
    description: "How much does each feature of a layer contribute on the way from the baseline's states to the input's?",
    cost: "n_steps forwards, n_steps pullbacks a step",
    paper: "Sundararajan et al. (2017), Axiomatic Attribution for Deep Networks, https://arxiv.org/abs/1703.01365",
    details: "Integrated gradients between a layer's states. Signed. Arguments: those of integrated_gradients, and `target_layer` \
              (the embeddings; a block by its number, counted from 0, as `encoder.2`, or a module by its name in transformers, as \
              `transformer.h.3.mlp`: its output).",
    arguments: || with_layer::<IntegratedGradients>(),
    make: |arguments| {
        let (layer, rest) = taken(arguments)?;
        let method: IntegratedGradients = others("layer_integrated_gradients", &rest)?;
        method.validate()?;
        Ok(Box::new(AtLayer { name: "layer_integrated_gradients", layer, method }))
    },
};

pub(crate) const GRADIENT_X_ACTIVATION: MethodInfo = MethodInfo {
    name: "layer_gradient_x_activation",
    description: "How much would each feature of a layer contribute, were the model linear above it?",
    cost: "1 forward, 1 pullback a step",
    paper: "Shrikumar et al. (2016), Not Just a Black Box, https://arxiv.org/abs/1605.01713",
    details: "A layer's state times the gradient of the attributed function with regard to it. Signed. Arguments: `target_layer` \
              (the embeddings; a block by its number, counted from 0, as `encoder.2`, or a module by its name in transformers, as \
              `transformer.h.3.mlp`: its output).",
    arguments: || with_layer::<super::NoOptions>(),
    make: |arguments| {
        let (layer, rest) = taken(arguments)?;
        others::<super::NoOptions>("layer_gradient_x_activation", &rest)?;
        Ok(Box::new(AtLayer { name: "layer_gradient_x_activation", layer, method: InputXGradient }))
    },
};

pub(crate) const DEEP_LIFT: MethodInfo = MethodInfo {
    name: "layer_deeplift",
    description: "How much does the difference of each feature of a layer explain of the score's difference?",
    cost: "1 forward, 2 where something is rescaled, 1 pullback a step",
    paper: "Shrikumar et al. (2017), Learning Important Features Through Propagating Activation Differences, \
            https://arxiv.org/abs/1704.02685",
    details: "DeepLIFT between a layer's states. Signed. Arguments: those of deeplift, and `target_layer` (the embeddings; a block \
              by its number, counted from 0, as `encoder.2`, or a module by its name in transformers, as `transformer.h.3.mlp`: \
              its output).",
    arguments: || with_layer::<DeepLift>(),
    make: |arguments| {
        let (layer, rest) = taken(arguments)?;
        let method: DeepLift = others("layer_deeplift", &rest)?;
        Ok(Box::new(AtLayer { name: "layer_deeplift", layer, method }))
    },
};

/// A gradient method whose input is a layer's state rather than the embeddings.
///
/// What is above the layer is a model of its own, and the method is run on that; what the layer's state is added to on its way
/// up stays as the text has it. Granular scores `[input, step, feature]`, one row for each position of the layer.
#[derive(Clone, Debug)]
pub struct AtLayer<M> {
    name: &'static str,
    layer: Option<String>,
    method: M,
}

impl<M: Method> AtLayer<M> {
    /// `method` at a layer, as [`Model::layer_named`] reads its name, or at the embeddings.
    pub fn new(name: &'static str, layer: Option<String>, method: M) -> Self {
        Self { name, layer, method }
    }

    fn layer(&self, model: &Model) -> Result<Option<Layer>> {
        let Some(name) = &self.layer else { return Ok(None) };
        model.layer_named(name).map_err(|problem| Error::Argument(format!("`target_layer` {name:?} {problem}")))
    }

    /// Attributes the texts of `context` to the states of a layer of the model.
    fn attribute_above(
        &self,
        context: &mut MethodContext,
        texts: &[&TextSteps],
        layer: Layer,
        residual: Option<Tensor<2>>,
    ) -> Result<Vec<Attributions>> {
        let whole = context.engine.model;
        let model = whole.above(layer, residual);
        let engine = Engine { model: &model, memory_budget: context.engine.memory_budget, layer: Some((whole, layer)) };
        let point = engine.inputs(texts);
        let trace = engine.trace(&point);
        self.method.attribute(&mut MethodContext {
            attribution_model: context.attribution_model,
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

/// The argument `target_layer`, and the others.
fn taken(arguments: &Map<String, Value>) -> Result<(Option<String>, Map<String, Value>)> {
    let mut rest = arguments.clone();
    let layer = match rest.remove("target_layer") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(other) => {
            return Err(Error::Argument(format!("`target_layer` must be a name such as `encoder.2`, found {other}")));
        }
    };
    Ok((layer, rest))
}

/// The arguments beside `target_layer`, which is named where one is unknown.
fn others<T: DeserializeOwned>(method: &str, rest: &Map<String, Value>) -> Result<T> {
    options(method, rest).map_err(|error| Error::Argument(format!("{error} (beside `target_layer`)")))
}

/// Names of the arguments of a method at a layer.
fn with_layer<T: DeserializeOwned>() -> Vec<&'static str> {
    [names_of::<T>(), vec!["target_layer"]].concat()
}

impl<M: Method> Method for AtLayer<M> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let whole = context.engine.model;
        let Some(layer) = self.layer(whole)? else { return self.method.attribute(context) };
        let texts = context.point.texts.clone();
        if !layer.has_residual() {
            return self.attribute_above(context, &texts, layer, None);
        }
        // Each text has a residual stream of its own.
        let mut all = Vec::new();
        for text in texts {
            let point = context.engine.inputs(&[text]);
            let residual = whole.states_at(layer, point.source.as_ref(), point.target).residual;
            let residual = residual.map(|residual| residual.squeeze_dim(0));
            all.extend(self.attribute_above(context, &[text], layer, residual)?);
        }
        Ok(all)
    }

    fn check(&self, model: &Model) -> Result<()> {
        self.layer(model).map(drop)
    }

    fn cost(&self, model: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        match self.layer(model) {
            Ok(Some(layer)) => self.method.cost(&model.above(layer, None), text, attribute_target),
            _ => self.method.cost(model, text, attribute_target),
        }
    }
}
