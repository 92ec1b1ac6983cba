//! The registries of a model, and additions to them.

use std::sync::Arc;

use inseq_core::aggregators::Aggregators;
use serde_json::{Map, Value};

use crate::Result;
use crate::attribution_model::AttributionModel;
use crate::method::{Method, MethodInfo};
use crate::registry::Methods;
use crate::step_functions::{SharedStepFunction, StepFunctionInfo, StepFunctions};

impl AttributionModel {
    /// Attribution methods by name.
    pub fn methods(&self) -> &Methods {
        &self.choices.methods
    }

    /// Attribution methods by name, for additions.
    pub fn methods_mut(&mut self) -> &mut Methods {
        &mut self.choices.methods
    }

    /// Registers a method under its own name.
    ///
    /// # Errors
    /// The name is empty or taken.
    pub fn register_method(&mut self, method: impl Method + 'static) -> Result<()> {
        self.choices.methods.register(MethodInfo::of(Arc::new(method)))
    }

    /// Step functions by name.
    pub fn step_functions(&self) -> &StepFunctions {
        &self.choices.step_functions
    }

    /// Step functions by name, for additions.
    pub fn step_functions_mut(&mut self) -> &mut StepFunctions {
        &mut self.choices.step_functions
    }

    /// Aggregators by name, for results of the model.
    pub fn aggregators(&self) -> &Aggregators {
        &self.aggregators
    }

    /// Aggregators by name, for additions.
    pub fn aggregators_mut(&mut self) -> &mut Aggregators {
        &mut self.aggregators
    }

    /// Registers a step function under its name. Results, also in files, keep the function that merges its scores
    /// ([`StepFunction::merging`](crate::step_functions::StepFunction::merging)).
    ///
    /// ```
    /// # #[cfg(feature = "demo")] {
    /// use inseq_core::aggregators::AggregationFunction;
    /// use inseq_methods::step_functions::{from_closure, merged_by};
    /// use inseq_methods::{AttributionModel, AttributionRequest};
    ///
    /// let mut model = AttributionModel::demo()?;
    /// let margin = from_closure("margin", |context| {
    ///     Ok(context.of_targets(context.logits.clone()) - context.logits.clone().mean_dim(1).squeeze_dim(1))
    /// });
    /// model.register_step_function(merged_by(margin, AggregationFunction::Sum))?;
    /// let request = AttributionRequest::new(["The doors are white."]).attributed_fn("margin").step_scores(["margin"]);
    /// assert!(model.attribute(&request)?.sequences[0].step_scores["margin"][0] > 0.0);
    /// # }
    /// # Ok::<(), inseq_methods::Error>(())
    /// ```
    ///
    /// # Errors
    /// The name is taken, or could be an expression.
    pub fn register_step_function(&mut self, function: SharedStepFunction) -> Result<()> {
        self.choices.step_functions.register(StepFunctionInfo::of(function))
    }

    /// Removes a registered step function, and returns its entry.
    pub fn remove_step_function(&mut self, name: &str) -> Option<StepFunctionInfo> {
        self.choices.step_functions.remove(name)
    }

    /// A step function by name, including registered ones, or by its expression over the model's tokens (see
    /// [`step_functions::GRAMMAR`](crate::step_functions::GRAMMAR)).
    ///
    /// # Errors
    /// The name or an argument is unknown, or an expression is wrong; the error points at the place in the expression.
    pub fn step_function(&self, name: &str, arguments: &Map<String, Value>) -> Result<SharedStepFunction> {
        self.choices.step_function(&self.text_model, name, arguments)
    }
}
