//! Attribution methods, step functions and the attribution pipeline for sequence models.

#![forbid(unsafe_code)]

pub mod engine;
pub mod gradient;
pub mod internals;
pub mod perturbation;
pub mod step_functions;

mod alternatives;
mod arguments;
mod attribution_model;
mod chats;
mod count;
mod dummy;
mod error;
mod feature_groups;
mod keywords;
mod loading;
mod method;
mod other_contexts;
mod pieces;
mod pipeline;
mod plan;
mod positions;
mod quadrature;
mod reading;
mod registry;
mod request;
mod targets;

pub use attribution_model::AttributionModel;
pub use chats::Chat;
pub use count::{Count, OutOfRange};
pub use dummy::Dummy;
pub use error::{Error, Result};
pub use feature_groups::{FeatureGroups, TextSpans};
pub use inseq_models::tokenizer::Message;
pub use loading::{DEFAULT_MEMORY_BUDGET, LoadOptions, Loading, Policy};
pub use method::{
    Attributions, Bounds, Cost, MakeMethod, Method, MethodContext, MethodInfo, from_arguments, without_arguments,
};
pub use plan::Plan;
pub use registry::{Methods, explain, list_methods, method_named};
pub use request::{AttributionRequest, MethodChoice, Progress, ProgressCallback, StepFunctionChoice};
