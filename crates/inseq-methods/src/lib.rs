//! Attribution methods, step functions and the attribution pipeline for sequence models.

#![forbid(unsafe_code)]

pub mod citations;
pub mod engine;
pub mod evaluation;
pub mod gradient;
pub mod internals;
pub mod perturbation;
pub mod step_functions;

mod alternatives;
mod arguments;
mod attributed;
mod attributing;
mod attribution_model;
mod call;
mod chats;
mod choices;
mod context;
mod cost;
mod count;
mod device;
mod dummy;
mod error;
mod feature_groups;
mod forward;
mod generating;
mod info;
mod keywords;
mod limits;
mod loading;
mod method;
mod other_contexts;
mod passage;
mod pieces;
mod plan;
mod point;
mod positions;
mod progress;
mod quadrature;
mod reading;
mod registered;
mod registry;
mod request;
mod scattered;
mod selection;
mod sequences;
mod steps;
mod target_spans;
mod targets;
mod template;
mod text_model;
mod texts;
mod unused_options;

pub use attribution_model::AttributionModel;
pub use context::{ContextDialogue, ContextOutcome, ContextRequest, NoDialogue, OutputContextStrategy};
pub use count::{Count, OutOfRange};
pub use dummy::Dummy;
pub use error::{Error, Result};
pub use feature_groups::{FeatureGroups, TextSpans};
pub use inseq_models::tokenizer::{Chat, Message};
pub use limits::{Cancellation, Limits};
pub use loading::{DEFAULT_MEMORY_BUDGET, LoadOptions, Loading, Policy};
pub use method::{
    ATTRIBUTED_FN, Attributions, Bounds, Cost, INCLUDE_EOS_BASELINE, MakeMethod, Method, MethodContext, MethodInfo,
    from_arguments, without_arguments,
};
pub use plan::Plan;
pub use progress::{Progress, ProgressCallback};
pub use registry::{Methods, explain, list_methods, method_named};
pub use request::{AttributionRequest, MethodChoice, StepFunctionChoice};
pub use target_spans::TargetSpans;
pub use text_model::TextModel;
