//! What a model knows by name: its registries, and their owner's additions.

use std::sync::Arc;

use inseq_core::aggregators::{AggregationFunction, Aggregators, Merging};
use serde_json::{Map, Value};

use crate::Result;
use crate::attribution_model::AttributionModel;
use crate::method::{Method, MethodInfo};
use crate::registry::Methods;
use crate::step_functions::{SharedStepFunction, StepFunctionInfo, StepFunctions};

impl AttributionModel {
    /// The attribution methods that requests can ask for by name.
    pub fn methods(&self) -> &Methods {
        &self.choices.methods
    }

    /// The attribution methods that requests can ask for by name, to add others.
    pub fn methods_mut(&mut self) -> &mut Methods {
        &mut self.choices.methods
    }

    /// Lets requests ask for a method by its own name.
    ///
    /// # Errors
    /// When the name is empty or taken.
    pub fn register_method(&mut self, method: impl Method + 'static) -> Result<()> {
        self.choices.methods.register(MethodInfo::of(Arc::new(method)))
    }

    /// The step functions that requests can ask for by name.
    pub fn step_functions(&self) -> &StepFunctions {
        &self.choices.step_functions
    }

    /// The step functions that requests can ask for by name, to add others.
    pub fn step_functions_mut(&mut self) -> &mut StepFunctions {
        &mut self.choices.step_functions
    }

    /// The aggregators that results of the model can be asked to apply by name.
    pub fn aggregators(&self) -> &Aggregators {
        &self.aggregators
    }

    /// The aggregators that results of the model can be asked to apply by name, to add others.
    pub fn aggregators_mut(&mut self) -> &mut Aggregators {
        &mut self.aggregators
    }

    /// Lets requests ask for a step function by its name. `aggregation` is what makes one score of a merged token's; results
    /// keep it, also in files.
    ///
    /// ```
    /// # #[cfg(feature = "demo")] {
    /// use inseq_core::aggregators::{AggregationFunction, Aggregators, Merging};
    /// use inseq_methods::step_functions::from_closure;
    /// use inseq_methods::{AttributionModel, AttributionRequest};
    ///
    /// let mut model = AttributionModel::demo()?;
    /// let margin = from_closure("margin", |context| {
    ///     Ok(context.of_targets(context.logits.clone()) - context.logits.clone().mean_dim(1).squeeze_dim(1))
    /// });
    /// model.register_step_function(margin, Some(AggregationFunction::Sum))?;
    /// let request = AttributionRequest::new(["The doors are white."]).attributed_fn("margin").step_scores(["margin"]);
    /// assert!(model.attribute(&request)?.sequences[0].step_scores["margin"][0] > 0.0);
    /// # }
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the name is taken, or could be an expression.
    pub fn register_step_function(
        &mut self,
        function: SharedStepFunction,
        aggregation: Option<AggregationFunction>,
    ) -> Result<()> {
        self.choices.step_functions.register(StepFunctionInfo::of(function, aggregation))
    }

    /// Removes a registered step function, and returns its entry.
    pub fn remove_step_function(&mut self, name: &str) -> Option<StepFunctionInfo> {
        self.choices.step_functions.remove(name)
    }

    /// How scores of several tokens become those of one, with what registered step functions ask for. Results of the model
    /// know it already ([`SequenceAttribution::step_score_merging`](inseq_core::SequenceAttribution::step_score_merging));
    /// it is what [`Spans::merging`](inseq_core::aggregators::Spans::merging) takes for others.
    pub fn merging(&self) -> Merging {
        self.choices.step_functions.merging()
    }

    /// A step function by its name, registered ones among them, or written as an expression over the model's tokens, as
    /// [`step_functions::GRAMMAR`](crate::step_functions::GRAMMAR) explains.
    ///
    /// # Errors
    /// When the name or an argument is unknown; of an expression, pointing at what is wrong in it.
    pub fn step_function(&self, name: &str, arguments: &Map<String, Value>) -> Result<SharedStepFunction> {
        self.choices.step_function(&self.text_model, name, arguments)
    }
}
