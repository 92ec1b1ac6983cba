//! Citations: which sources of a prompt each sentence of an answer rests on.
//!
//! [`AttributionModel::cite`] takes a prompt with its [`Sources`], and gives each of them a score for every sentence of the answer. Some
//! methods run the prompt with some of its sources left out, followed by the same answer. Others attribute each sentence to the
//! tokens of the prompt. One forward serves all sentences.
//!
//! ```
//! # #[cfg(feature = "demo")] {
//! use inseq_core::CitationRule;
//! use inseq_methods::AttributionModel;
//! use inseq_methods::citations::{CitationRequest, Document, LeaveOneOut, PromptTemplate, Slot};
//!
//! let model = AttributionModel::demo()?;
//! let documents = ["The doors are white.", "The tired nurse said that she was late."];
//! let documents = documents.iter().enumerate().map(|(index, text)| Document::new(format!("text {index}"), *text));
//! let template = PromptTemplate::parse(PromptTemplate::DOCUMENTS)?.separator(" ");
//! let sources = template.fill([("documents", Slot::Documents(documents.collect()))])?;
//! let request = CitationRequest::new(sources).answer("Les portes sont blanches.").method(LeaveOneOut::default());
//! let citations = model.cite(&request)?;
//! assert_eq!(citations.sentences[0].cited(&CitationRule::default().most(1)), [0]);
//! # }
//! # Ok::<(), inseq_methods::Error>(())
//! ```

mod answer;
mod arc_jsd;
mod attention;
mod cite;
mod context;
mod context_cite;
mod gradient;
mod lasso;
mod leave_one_out;
mod memory;
mod method;
mod mirage;
mod plan;
mod prompt;
mod registry;
mod request;
mod screening;
mod source_rows;
mod sources;
mod template;
mod token_attribution;
mod token_scores;
mod variants;

pub use arc_jsd::ArcJsd;
pub use attention::Attention;
pub use context::CitationContext;
pub use context_cite::ContextCite;
pub use gradient::Gradient;
pub use leave_one_out::LeaveOneOut;
pub use method::{AttributionWork, CitationMethod, CitationMethodInfo, CitationScores};
pub use mirage::Mirage;
pub use plan::{CitationCost, CitationPlan};
pub use prompt::Mask;
pub use registry::{list_methods, method_named};
pub use request::CitationRequest;
pub use source_rows::SourceRows;
pub use sources::{SourceUnit, Sources};
pub use template::{Document, PromptTemplate, Slot};
pub use token_attribution::Through;

#[cfg(doc)]
use crate::AttributionModel;
