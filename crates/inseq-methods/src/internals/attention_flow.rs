//! Attention flow.

use inseq_core::AttributionKind;
use ndarray::Array2;
use petgraph::algo::ford_fulkerson;
use petgraph::graph::{DiGraph, NodeIndex};
use rayon::prelude::*;

use super::{Mixing, Weights, padded, seen};
use crate::Result;
use crate::engine::TextSteps;
use crate::gradient::NoOptions;
use crate::method::{Attributions, Cost, Method, MethodContext, MethodInfo, options};

pub(crate) const INFO: MethodInfo = MethodInfo {
    name: "attention_flow",
    description: "How much can flow from each input token to the predicting state, were attention weights pipes?",
    cost: "1 forward, 1 maximum flow a token and step",
    paper: "Abnar & Zuidema (2020), Quantifying Attention Flow in Transformers, https://arxiv.org/abs/2005.00928",
    details: "The layers' states are the nodes of a network whose capacities are those of attention_rollout: half residual, half \
              attention, heads averaged. A token's score is the largest flow from it to the state that predicts the step's \
              token, between 0 and 1. No arguments.",
    make: |arguments| {
        options::<NoOptions>("attention_flow", arguments)?;
        Ok(Box::new(AttentionFlow))
    },
};

/// How much can flow from each input token to the predicting state, were attention weights pipes?
///
/// Coarse scores `[input, step]`, between 0 and 1. Cost: one forward, and one maximum flow for each token and step.
/// Abnar & Zuidema, 2020, <https://arxiv.org/abs/2005.00928>.
#[derive(Clone, Debug)]
pub struct AttentionFlow;

impl Method for AttentionFlow {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        let texts = context.point.texts.clone();
        let mut results = Vec::new();
        for (entry, text) in texts.into_iter().enumerate() {
            let network = Network::new(&Mixing::of(&Weights::of(context, entry)?), text);
            let mut source = Array2::<f32>::zeros((text.source.len(), text.steps.len()));
            let mut target = Array2::<f32>::zeros((seen(text), text.steps.len()));
            for (step, position) in text.steps.clone().enumerate() {
                let flows = |inputs: &[NodeIndex]| -> Vec<f32> {
                    inputs.par_iter().map(|&input| network.flow(input, position - 1)).collect()
                };
                for (token, flow) in flows(&network.source).into_iter().enumerate() {
                    source[[token, step]] = flow;
                }
                if context.attribute_target {
                    for (token, flow) in flows(&network.target[..position]).into_iter().enumerate() {
                        target[[token, step]] = flow;
                    }
                }
                (context.advance)(1)?;
            }
            results.push(Attributions {
                source: context.engine.model.encoder.is_some().then(|| source.into_dyn()),
                target: context.attribute_target.then(|| padded(target.into_dyn(), text)),
                kind: AttributionKind::Coarse,
                ..Attributions::default()
            });
        }
        Ok(results)
    }

    fn cost(&self, _: &TextSteps, _: bool) -> Cost {
        Cost::forwards(1)
    }
}

/// Capacities from the inputs up.
struct Network {
    graph: DiGraph<(), f32>,
    source: Vec<NodeIndex>,
    target: Vec<NodeIndex>,
    /// The last layer's states.
    outputs: Vec<NodeIndex>,
}

impl Network {
    fn new(mixing: &Mixing, text: &TextSteps) -> Self {
        let mut graph = DiGraph::new();
        let nodes = |count: usize, graph: &mut DiGraph<(), f32>| -> Vec<NodeIndex> {
            (0..count).map(|_| graph.add_node(())).collect()
        };
        let connect = |graph: &mut DiGraph<(), f32>,
                       below: &[NodeIndex],
                       above: &[NodeIndex],
                       weights: &Array2<f32>,
                       scale: f32| {
            for ((query, key), &weight) in weights.indexed_iter().filter(|(_, weight)| **weight > 0.0) {
                graph.add_edge(below[key], above[query], weight * scale);
            }
        };
        let source = nodes(text.source.len(), &mut graph);
        let mut encoded = source.clone();
        for layer in &mixing.encoder {
            let above = nodes(encoded.len(), &mut graph);
            connect(&mut graph, &encoded, &above, layer, 1.0);
            encoded = above;
        }
        let target = nodes(seen(text), &mut graph);
        let mut states = target.clone();
        for (own, cross) in &mixing.decoder {
            let above = nodes(states.len(), &mut graph);
            connect(&mut graph, &states, &above, own, 1.0);
            states = above;
            if let Some(cross) = cross {
                let above = nodes(states.len(), &mut graph);
                connect(&mut graph, &states, &above, &Array2::eye(states.len()), 0.5);
                connect(&mut graph, &encoded, &above, cross, 0.5);
                states = above;
            }
        }
        Self { graph, source, target, outputs: states }
    }

    fn flow(&self, input: NodeIndex, output: usize) -> f32 {
        ford_fulkerson(&self.graph, input, self.outputs[output]).0
    }
}
