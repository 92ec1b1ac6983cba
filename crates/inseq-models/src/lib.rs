//! Burn implementations of Hugging Face sequence models: layers with batched pullbacks, architectures, checkpoints,
//! tokenizers and generation. This crate contains no attribution method.
//!
//! The example takes tensors from Burn. This crate re-exports them as [`tensor`], and the crate `inseq` as `inseq::tensor`: a program
//! that depends on `inseq` needs no dependency on Burn and writes `use inseq::tensor::{DType, Tensor, TensorData}`.
//!
//! ```
//! # #[cfg(feature = "demo")] {
//! use std::ops::ControlFlow;
//!
//! use burn::tensor::{DType, Tensor, TensorData};
//! use inseq_models::decoding::ModelDecoder;
//! use inseq_models::generation::{GenerationConfig, Prompts, generate};
//! use inseq_models::model::{Source, Wanted};
//! use inseq_models::tokenizer::{Role, Tokenizer};
//! use inseq_models::{architectures, demo, device};
//!
//! // Load a model and its tokenizer. `Repository::open` takes a folder or a name on the hub.
//! let repository = demo::repository();
//! let device = device::parse("cpu")?;
//! let loaded = architectures::load(&repository, &device, DType::F32)?;
//! let (model, tokenizer) = (&loaded.model, Tokenizer::load(&repository)?);
//!
//! // Encode a text: embeddings have the axes `[batch, position, feature]`.
//! let ids = tokenizer.encode("The doors are white.", Role::Source, true)?.ids;
//! let embeddings = model.encoder.as_ref().unwrap().embedding.forward(&ids, 1);
//! let source = Source { embeddings, lengths: vec![ids.len()] };
//!
//! // Generate its translation.
//! let text_of = |ids: &[u32]| tokenizer.decode(ids, Role::Target, true);
//! let starts = [vec![loaded.decoder_start.unwrap()]];
//! let prompts = Prompts { starts: &starts, sources: &[ids.clone()], text_of: &text_of };
//! let mut decoder = ModelDecoder::new(model, Some(&source), 1);
//! let config = GenerationConfig::load(&repository)?;
//! let target = generate(&mut decoder, &prompts, &config, &mut |_| ControlFlow::Continue(()))?.remove(0).ids;
//! assert_eq!(text_of(&target)?, "Les portes sont blanches.");
//!
//! // One forward over the whole target, then the gradient of the first generated token's logit at the source embeddings.
//! let trace = model.trace(Some(&source), model.target_embedding.forward(&target, 1));
//! let logits = model.logits(trace.hidden().clone().narrow(1, 0, 1).squeeze_dim::<2>(0));
//! let mut one_hot = vec![0.0_f32; model.vocabulary()];
//! one_hot[target[1] as usize] = 1.0;
//! let one_hot = Tensor::<2>::from_data(TensorData::new(one_hot, [1, model.vocabulary()]), &device);
//! let cotangents = model.logits_pullback(one_hot, &logits); // [row, feature]
//! let gradients = model.pullback(&trace, cotangents, &[0..1], Wanted { source: true, target: false, first: &[] });
//! assert_eq!(gradients.source.unwrap().dims(), [1, 1, ids.len(), model.features()]);
//! # }
//! # Ok::<(), inseq_models::Error>(())
//! ```
//!
//! | module | content |
//! |---|---|
//! | [`checkpoint`] | repositories (a folder, the hub, memory) and their weights |
//! | [`architectures`] | model types: from `config.json` and tensors to a [`Model`](model::Model) |
//! | [`model`] | the model: forwards, traces, pullbacks |
//! | [`layers`] | layers with their pullbacks |
//! | [`tokenizer`] | tokenizers and chat templates |
//! | [`generation`], [`decoding`] | greedy search, beam search, sampling |
//! | [`device`], [`parallel`] | devices by name, parallel work |
//!
//! # Panics
//!
//! Functions of tensors document their shapes. A tensor of another shape, on another device, or an index that is out of range panics, as it
//! does in Burn.

#![forbid(unsafe_code)]

pub mod architectures;
pub mod checkpoint;
pub mod decoding;
#[cfg(feature = "demo")]
pub mod demo;
pub mod device;
pub mod generation;
pub mod layers;
pub mod model;
pub mod parallel;
pub mod tokenizer;

mod error;

/// Tensors and devices of Burn, the type of states, weights and scores.
pub use burn::tensor;
pub use error::{Error, Result};
