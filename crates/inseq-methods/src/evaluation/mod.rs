//! Which attribution methods are faithful to a model, on which texts.
//!
//! Every method attributes the log-probability of a whole generated text to the tokens of the input, as one span. The metrics then
//! remove tokens in the order of the scores. Methods and metrics share the forwards: a subset of tokens is run once per text, subsets with the
//! same start share it, and all methods read one forward of the unchanged text.
//!
//! ```
//! # #[cfg(feature = "demo")] {
//! use inseq_methods::AttributionModel;
//! use inseq_methods::evaluation::EvaluationRequest;
//!
//! let texts = ["The tired nurse said that she was late.", "The happy cook said that he was early."];
//! let request = EvaluationRequest::new(texts).methods(["saliency", "attention"]).metrics(["logprob_drop"]);
//! let evaluation = AttributionModel::demo()?.evaluate(&request)?;
//! // The methods of the request, and the anchors `leave_one_out` and `random`.
//! assert_eq!(evaluation.methods.len(), 4);
//! assert_eq!(evaluation.metrics[0].name, "drop_5");
//! # }
//! # Ok::<(), inseq_methods::Error>(())
//! ```

mod agreement;
mod anchors;
mod aopc;
mod curves;
mod lds;
mod logprob_drop;
mod mas;
mod metric;
mod morf;
mod recommend;
mod recovery;
mod registry;
mod removal;
mod request;
mod run;
mod scored;
mod shapley;
mod statistics;

pub use anchors::{LEAVE_ONE_OUT, RANDOM};
pub use metric::MetricInfo;
pub use recommend::{Recommended, recommended};
pub use registry::{list_metrics, metric_named};
pub use removal::Removal;
pub use request::EvaluationRequest;
