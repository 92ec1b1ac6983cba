//! Layers that know how to run forward and how to pull a cotangent back.
//!
//! Axes: activations are `[batch, position, feature]`; cotangents are `[batch, probe, position, feature]`, one probe
//! for each attributed step. Probes share the trace of the one forward, and because they lie beside the positions of
//! one batch entry, every linear layer pulls all of them back in a single matrix product. No weight gradient is ever
//! formed.

mod activation;
mod attention;
mod embedding;
mod experts;
mod feed;
mod feed_forward;
mod kernels;
mod linear;
mod mask;
mod mixer;
mod norm;
mod positions;
mod rotary;
mod rows;
mod shared_rows;
mod short_convolution;

pub use activation::Activation;
pub use attention::{Attention, AttentionCotangents, AttentionTrace, KeyValues, LeftOutValues};
pub use embedding::Embedding;
pub use experts::{Experts, ExpertsTrace};
pub use feed::{Feed, FeedTrace};
pub use feed_forward::{FeedForward, FeedForwardTrace};
pub(crate) use kernels::log_softmax_row;
pub use linear::Linear;
pub use mask::{DistanceBias, Mask, Visibility};
pub use mixer::{History, Mixer, MixerCotangents, MixerTrace};
pub use norm::{Norm, NormKind, NormTrace};
pub use positions::{fairseq_positions, sinusoidal_positions};
pub use rotary::{Rotary, Rotation, Stretch};
pub use rows::Rows;
pub use shared_rows::{Mapped, SharedRows};
pub use short_convolution::{GatedPositions, ShortConvolution, ShortConvolutionTrace};
