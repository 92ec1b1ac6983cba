//! Layers with a forward and a pullback of cotangents.
//!
//! Activations have the axes `[batch, position, feature]`; cotangents have `[batch, probe, position, feature]`, with one probe
//! per attributed step. All probes share the trace of one forward. Because the probe axis is next to the position axis,
//! every linear layer pulls all probes of a batch entry back in a single matrix product. Gradients of weights are never
//! computed.

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
mod propagation;
mod rotary;
mod rows;
mod rule;
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
pub use propagation::{Compared, Propagation, Slope, Softmax, Statistics};
pub use rotary::{Rotary, Rotation, Stretch};
pub use rows::Rows;
pub use rule::Rule;
pub use shared_rows::{Mapped, SharedRows};
pub use short_convolution::{GatedPositions, ShortConvolution, ShortConvolutionTrace};
