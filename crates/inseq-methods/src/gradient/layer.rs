//! Gradient methods at an inner layer.

use inseq_models::model::{Layer, Model};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{DeepLift, InputXGradient, IntegratedGradients};
use crate::engine::{Engine, TextSteps};
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, options};
use crate::{Error, Result};

pub(crate) const INTEGRATED_GRADIENTS: MethodInfo = MethodInfo {
    name: "layer_integrated_gradients",
    description: "How much does each feature of a layer contribute on the way from the baseline's states to the input's?",
    cost: "n_steps forwards, n_steps pullbacks a step",
    paper: "Sundararajan et al. (2017), Axiomatic Attribution for Deep Networks, https://arxiv.org/abs/1703.01365",
    details: "Integrated gradients between a layer's states. Signed. Arguments: those of integrated_gradients, and `target_layer` \
              (the embeddings; `encoder.2`, `decoder.0`: the output of a block, counted from 0).",
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
              (the embeddings; `encoder.2`, `decoder.0`: the output of a block, counted from 0).",
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
    details: "DeepLIFT between a layer's states. Signed. Arguments: those of deeplift, and `target_layer` (the embeddings; \
              `encoder.2`, `decoder.0`: the output of a block, counted from 0).",
    make: |arguments| {
        let (layer, rest) = taken(arguments)?;
        let method: DeepLift = others("layer_deeplift", &rest)?;
        Ok(Box::new(AtLayer { name: "layer_deeplift", layer, method }))
    },
};

/// A gradient method whose input is a layer's state rather than the embeddings.
///
/// What is above the layer is a model of its own, and the method is run on that. Granular scores `[input, step, feature]`,
/// one row for each position of the layer.
#[derive(Clone, Debug)]
pub struct AtLayer<M> {
    name: &'static str,
    layer: Option<Layer>,
    method: M,
}

impl<M: Method> AtLayer<M> {
    /// `method` at the output of a block, or at the embeddings.
    pub fn new(name: &'static str, layer: Option<Layer>, method: M) -> Self {
        Self { name, layer, method }
    }
}

/// The argument `target_layer`, and the others.
fn taken(arguments: &Map<String, Value>) -> Result<(Option<Layer>, Map<String, Value>)> {
    let mut rest = arguments.clone();
    let layer = match rest.remove("target_layer") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => parse(&name)?,
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

/// A block by its name: `encoder.2`, `decoder.0`, or as transformers names it, `model.decoder.layers.0`.
fn parse(name: &str) -> Result<Option<Layer>> {
    if name.split('.').any(|part| part.starts_with("embed") || part == "shared" || part == "wte") {
        return Ok(None);
    }
    let index = name.rsplit('.').next().and_then(|last| last.parse().ok());
    let index = index.ok_or_else(|| {
        Error::Argument(format!(
            "`target_layer` {name:?} names no layer: give `embeddings`, or a block by its number, such as `encoder.2` or \
             `decoder.0`"
        ))
    })?;
    Ok(Some(if name.contains("encoder") { Layer::Encoder(index) } else { Layer::Decoder(index) }))
}

impl<M: Method> Method for AtLayer<M> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let Some(layer) = self.layer else { return self.method.attribute(context) };
        let whole = context.engine.model;
        let (stack, Layer::Encoder(index) | Layer::Decoder(index)) = match layer {
            Layer::Encoder(_) => ("encoder", layer),
            Layer::Decoder(_) => ("decoder", layer),
        };
        let blocks = whole.blocks(layer);
        if index >= blocks {
            return Err(Error::Argument(format!("there is no layer {stack}.{index}: the {stack} has {blocks} blocks")));
        }
        let model = whole.above(layer);
        let engine = Engine { model: &model, memory_budget: context.engine.memory_budget, layer: Some((whole, layer)) };
        let point = engine.inputs(&context.point.texts);
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

    fn cost(&self, model: &Model, text: &TextSteps, attribute_target: bool) -> Cost {
        match self.layer {
            Some(layer @ (Layer::Encoder(index) | Layer::Decoder(index))) if index < model.blocks(layer) => {
                self.method.cost(&model.above(layer), text, attribute_target)
            }
            _ => self.method.cost(model, text, attribute_target),
        }
    }
}
