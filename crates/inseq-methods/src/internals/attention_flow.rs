//! Attention flow.

use std::ops::Range;

use inseq_core::{About, AttributionKind};
use inseq_models::model::Model;
use ndarray::Array2;
use petgraph::algo::dinics;
use petgraph::graph::{DiGraph, NodeIndex};
use rayon::prelude::*;

use super::{Mixing, Weights, check_attention};
use crate::Result;
use crate::engine::TextSteps;
use crate::method::{Attributions, Cost, FUNCTION_AND_BASELINE, Method, MethodContext, MethodInfo, without_arguments};

/// The entry of the registry.
pub(crate) fn info() -> MethodInfo {
    MethodInfo {
        about: About {
            name: "attention_flow",
            description: "How much can flow from each input token to the predicting state, with attention weights as \
                          capacities?",
            details: "The states of the layers are the nodes of a network whose capacities are the matrices of \
                      attention_rollout: half residual, half attention, averaged over heads. The score of a token is the \
                      maximum flow from it to the state that predicts the step's token, between 0 and 1.",
            arguments: &[],
        },
        cost: "1 forward, 1 maximum flow per token and step",
        citation: "Abnar & Zuidema (2020), Quantifying Attention Flow in Transformers, \
                   https://arxiv.org/abs/2005.00928",
        make: without_arguments(AttentionFlow),
    }
}

/// How much can flow from each input token to the predicting state, with attention weights as capacities?
///
/// Coarse scores `[input, step]`, between 0 and 1. Cost: one forward, and one maximum flow for each token and step.
/// Abnar & Zuidema, 2020, <https://arxiv.org/abs/2005.00928>.
#[derive(Clone, Debug)]
pub struct AttentionFlow;

impl Method for AttentionFlow {
    fn name(&self) -> &str {
        "attention_flow"
    }

    fn unused_options(&self) -> &'static [&'static str] {
        FUNCTION_AND_BASELINE
    }

    fn check(&self, model: &Model) -> Result<()> {
        check_attention(model)
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let text = context.text(entry);
        let network = Network::new(&Mixing::of(&Weights::of(context, entry)?), text);
        let mut source = Array2::<f32>::zeros((text.source.len(), text.steps.len()));
        let mut target = Array2::<f32>::zeros((text.seen(), text.steps.len()));
        for (step, span) in text.steps.iter().enumerate() {
            let last = span.end - 1;
            // A feature's tokens share what flows from all of them; a step of several tokens has the mean over its tokens.
            let mut flows = |inputs: &[Input], into: &mut Array2<f32>, end: usize| -> Result<()> {
                for inputs in inputs.chunks(4 * rayon::current_num_threads()) {
                    let seen = inputs.par_iter().filter(|input| input.tokens.start < end);
                    let flow = |input: &Input| -> f32 {
                        span.clone().map(|position| network.flow(input.node, position - 1)).sum::<f32>()
                            / span.len() as f32
                    };
                    let flows: Vec<_> = seen.map(|input| (input, flow(input))).collect();
                    for (Input { tokens, .. }, flow) in flows {
                        let tokens = tokens.start..tokens.end.min(end);
                        let share = flow / tokens.len() as f32;
                        tokens.for_each(|token| into[[token, step]] = share);
                    }
                    // A flow through a long text takes long: the call can be stopped between any two.
                    (context.advance)(0)?;
                }
                Ok(())
            };
            flows(&network.source, &mut source, usize::MAX)?;
            if context.attribute_target {
                flows(&network.target, &mut target, last)?;
            }
            (context.advance)(1)?;
        }
        Ok(Attributions {
            source: context.wanted().source.then(|| source.into_dyn()),
            target: context.attribute_target.then(|| target.into_dyn()),
            kind: AttributionKind::Coarse,
            ..Attributions::default()
        })
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 0)
    }
}

/// A feature and the sources of its flow.
struct Input {
    tokens: Range<usize>,
    node: NodeIndex,
}

/// Capacities from the inputs up.
struct Network {
    graph: DiGraph<(), f32>,
    source: Vec<Input>,
    target: Vec<Input>,
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
        let target = nodes(text.seen(), &mut graph);
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
        let mut input = |nodes: &[NodeIndex], tokens: Range<usize>| {
            let node = match &nodes[tokens.clone()] {
                [one] => *one,
                several => {
                    let all = graph.add_node(());
                    // No more than 1 reaches any state.
                    for &token in several {
                        graph.add_edge(all, token, 1.0);
                    }
                    all
                }
            };
            Input { tokens, node }
        };
        let source = text.source_features.iter().map(|span| input(&source, span.clone())).collect();
        let target = text.seen_target_features().map(|span| input(&target, span)).collect();
        Self { graph, source, target, outputs: states }
    }

    fn flow(&self, input: NodeIndex, output: usize) -> f32 {
        dinics(&self.graph, input, self.outputs[output]).0
    }
}
