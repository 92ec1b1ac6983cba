//! Ask a sequence model why it wrote what it wrote.
//!
//! A model is loaded from a Hugging Face checkpoint. It generates a text, or takes one that is given. Every generated token is
//! attributed to the input, and to the tokens before it. The result can be aggregated, shown, saved and shared.
//!
//! ```
//! # #[cfg(feature = "demo")] {
//! use inseq::prelude::*;
//!
//! let model = AttributionModel::demo()?; // or AttributionModel::load("Helsinki-NLP/opus-mt-en-fr")?
//! let request = AttributionRequest::new(["The tired nurse said that she was late."])
//!     .method("saliency")
//!     .attribute_target(true)
//!     .step_scores(["probability"]);
//! let result = model.attribute(&request)?;
//!
//! // One number for each source token and each generated token: axes `[source, target]`.
//! let scores = result.aggregate()?;
//! let sequence = &scores.sequences[0];
//! assert_eq!(sequence.source_attributions.as_ref().unwrap().shape()[0], sequence.source.len());
//! println!("{}", inseq::viz::terminal::render(&scores, &TerminalOptions::default())?);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The layers
//!
//! Each layer is a crate of its own, and a module here:
//!
//! | module | crate | what it holds |
//! |---|---|---|
//! | [`core`] | `inseq-core` | results: tokens, scores, aggregators, files; no deep-learning stack |
//! | [`models`] | `inseq-models` | models with batched pullbacks, checkpoints, tokenizers, generation |
//! | [`methods`] | `inseq-methods` | attribution methods, step functions, the pipeline |
//! | [`viz`] | `inseq-viz` | pictures: terminal, HTML, SVG, PNG, TikZ |
//! | `datasets` | `inseq-datasets` | attribution of whole datasets, with the feature `datasets` |
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `flex` (default) | the pure-Rust CPU backend |
//! | `tch`, `wgpu`, `vulkan`, `cuda` | other backends, chosen at run time by [`LoadOptions::device`](methods::LoadOptions) |
//! | `hub` | models of the Hugging Face hub by name (`org/name`) |
//! | `demo` | a small English to French model, [`AttributionModel::demo`](methods::AttributionModel) |
//! | `arrow`, `csv`, `parquet` | tables of scores, [`core::SaveOptions`] |
//! | `datasets` | attribution of whole datasets, with Arrow and Parquet |
//! | `figure`, `png` | SVG and TikZ, and PNG pictures |
//!
//! # Speed in debug builds
//!
//! Without optimisation the kernels are many times slower. Put this into the `Cargo.toml` of your workspace:
//!
//! ```toml
//! [profile.dev.package."*"]
//! opt-level = 3
//! ```

#![forbid(unsafe_code)]

pub use inseq_core as core;
#[cfg(feature = "datasets")]
pub use inseq_datasets as datasets;
pub use inseq_methods as methods;
pub use inseq_models as models;
/// Tensors of Burn, for step functions and methods of your own.
pub use inseq_models::tensor;
pub use inseq_viz as viz;
/// Arrays of scores.
pub use ndarray;
/// Values of arguments: [`serde_json::json`], [`serde_json::Map`].
pub use serde_json;

/// The items that most programs use.
pub mod prelude {
    pub use inseq_core::aggregators::AggregationFunction;
    pub use inseq_core::{AttributionResult, SequenceAttribution, Token};
    pub use inseq_methods::{
        AttributionModel, AttributionRequest, Chat, FeatureGroups, LoadOptions, Message, TargetSpans,
    };
    pub use inseq_models::checkpoint::HubOptions;
    pub use inseq_models::tokenizer::Role;
    pub use inseq_viz::html::HtmlOptions;
    pub use inseq_viz::terminal::TerminalOptions;
    pub use inseq_viz::{View, ViewOptions};
    pub use serde_json::json;
}
