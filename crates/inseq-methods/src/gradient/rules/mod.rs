//! Gradient x input with other rules of propagation.
//!
//! A set of rules is data ([`Propagation`]): one file for each set, with its formula, its paper, and what is known to go wrong. All sets
//! share the methods of this file, which cost one forward and one pullback per step.

mod baseline;
pub(crate) mod gim;
pub(crate) mod libragrad;
pub(crate) mod lrp;
pub(crate) mod own;
pub(crate) mod relp;

use std::any::Any;
use std::fmt;

use inseq_core::Argument;
use inseq_models::layers::Propagation;
use inseq_models::model::{Model, Trace};
use serde::Serialize;
use serde_json::{Map, Value};

pub use baseline::RuleBaseline;
pub use gim::Gim;
pub use libragrad::{GatedSide, LibraGrad};
pub use lrp::{Lrp, LrpRule};
pub use own::OwnRules;
pub use relp::RelP;

use super::{delta, saliency, times_embeddings};
use crate::engine::{Point, TextSteps};
use crate::method::{Attributions, Cost, INCLUDE_EOS_BASELINE, Method, MethodContext, fields};
use crate::{Error, Result};

/// The argument `multiply_by_inputs` of every set.
const MULTIPLY_BY_INPUTS: Argument = Argument::new(
    "multiply_by_inputs",
    "true",
    "Whether cotangents of the embeddings are multiplied by the embeddings, minus those of the baseline.",
);

/// The argument `return_convergence_delta` of every set.
const RETURN_CONVERGENCE_DELTA: Argument = Argument::new(
    "return_convergence_delta",
    "false",
    "Whether the step score `deltas` gives the sum of the scores minus the attributed function: what biases take, and what the \
     rules do not conserve. Needs the baseline zero.",
);

/// What a [set of rules](RuleSet) makes of the cotangents of the embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleScores {
    /// Whether they are multiplied by the embeddings, minus those of the baseline.
    pub multiply_by_inputs: bool,
    /// The baseline.
    pub baseline: RuleBaseline,
    /// Whether the step score `deltas` gives the sum of the scores minus the attributed function.
    pub return_convergence_delta: bool,
}

/// A set of rules of propagation, with the arguments of its method. Every set is a [`Method`].
pub trait RuleSet: Any + fmt::Debug + Serialize + Send + Sync {
    /// Name of the method.
    const NAME: &'static str;

    /// The rules.
    fn rules(&self) -> Propagation;

    /// What becomes of the cotangents.
    fn scores(&self) -> RuleScores;
}

impl<S: RuleSet> Method for S {
    fn name(&self) -> &str {
        S::NAME
    }

    fn arguments(&self) -> Map<String, Value> {
        fields(self)
    }

    fn validate(&self) -> Result<()> {
        self.rules()
            .validate()
            .map_err(|(rule, problem)| Error::argument(rule, format!("{}: the rule `{rule}` {problem}", S::NAME)))?;
        let scores = self.scores();
        let sums = scores.multiply_by_inputs && scores.baseline == RuleBaseline::Zero;
        if scores.return_convergence_delta && !sums {
            return Err(Error::argument(
                "return_convergence_delta",
                format!(
                    "{}: `return_convergence_delta` compares the sum of the scores with the attributed function, which has a meaning \
                     only for embeddings times cotangents; set `baseline` to \"zero\" and `multiply_by_inputs` to true, or leave it out",
                    S::NAME
                ),
            ));
        }
        Ok(())
    }

    fn propagation(&self) -> Propagation {
        self.rules()
    }

    fn unused_options(&self) -> &'static [&'static str] {
        let scores = self.scores();
        match scores.multiply_by_inputs && scores.baseline != RuleBaseline::Zero {
            true => &[],
            false => &[INCLUDE_EOS_BASELINE],
        }
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> Result<Attributions> {
        let point = context.engine.inputs(&[context.text(entry)])?;
        let trace = context.engine.trace_by(self.rules(), &point);
        Ok(by_rules(context, &point, &trace, self.scores())?.pop().unwrap_or_default())
    }

    fn attribute(&self, context: &mut MethodContext) -> Result<Vec<Attributions>> {
        by_rules(context, context.point, context.trace, self.scores())
    }

    fn cost(&self, _: &Model, _: &TextSteps, _: bool) -> Cost {
        Cost::exactly(1, 1)
    }
}

/// Attributes the texts of a point together, by the rules of the trace.
fn by_rules(
    context: &mut MethodContext,
    point: &Point,
    trace: &Trace,
    scores: RuleScores,
) -> Result<Vec<Attributions>> {
    let (mut results, ends) = saliency::gradients_and_scores(context, point, trace)?;
    if scores.multiply_by_inputs {
        let baseline = scores.baseline.of(context, point)?;
        times_embeddings(&mut results, point, baseline.as_ref())?;
    }
    if scores.return_convergence_delta {
        for (result, end) in results.iter_mut().zip(&ends) {
            let deltas = delta(result, &vec![0.0; end.len()], end);
            result.step_scores.push(("deltas".into(), deltas));
        }
    }
    Ok(results)
}
