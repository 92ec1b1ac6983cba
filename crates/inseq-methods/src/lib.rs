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
mod method;
mod other_contexts;
mod pieces;
mod pipeline;
mod plan;
mod positions;
mod reading;
mod request;
mod targets;

pub use attribution_model::{AttributionModel, DEFAULT_MEMORY_BUDGET, LoadOptions};
pub use count::{Count, OutOfRange};
pub use dummy::Dummy;
pub use error::{Error, Result};
pub use feature_groups::{FeatureGroups, TextSpans};
pub use method::{Attributions, Bounds, Cost, Method, MethodContext, MethodInfo, explain, list_methods, method_named};
pub use plan::Plan;
pub use request::{AttributionRequest, Progress, ProgressCallback, StepFunctionChoice};
