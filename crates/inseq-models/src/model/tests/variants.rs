//! The models that the tests assemble.

use super::{HEADS, WIDTH};
use crate::layers::{Activation, DistanceBias, NormKind, Stretch};
use crate::model::Residual;

/// What can differ between architectures.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) encoder: bool,
    pub(crate) norms: Placement,
    pub(crate) norm_kind: NormKind,
    pub(crate) activation: Activation,
    pub(crate) gated: bool,
    /// The block that has a convolution in the place of its self-attention, and the taps.
    pub(crate) taps: Option<(usize, usize)>,
    /// Experts, and how many of them a position chooses.
    pub(crate) experts: Option<(usize, usize)>,
    pub(crate) key_value_heads: usize,
    pub(crate) head_norms: bool,
    pub(crate) rotated: usize,
    pub(crate) stretch: Stretch,
    pub(crate) learned_positions: bool,
    pub(crate) bias: Option<DistanceBias>,
    pub(crate) window: Option<usize>,
    pub(crate) soft_caps: bool,
    pub(crate) residual: Residual,
    /// Embeddings and head narrower than the blocks.
    pub(crate) projected: bool,
    /// Norms after the embeddings and after the last block.
    pub(crate) outer_norms: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Placement {
    Before,
    After,
    Around,
    /// Before, and the residual goes on from what is normed.
    BeforeBoth,
}

impl Default for Variant {
    fn default() -> Self {
        Self {
            encoder: true,
            norms: Placement::After,
            norm_kind: NormKind::Layer,
            activation: Activation::Silu,
            gated: false,
            taps: None,
            experts: None,
            key_value_heads: HEADS,
            head_norms: false,
            rotated: 0,
            stretch: Stretch::None,
            learned_positions: true,
            bias: None,
            window: None,
            soft_caps: false,
            residual: Residual::Sequential,
            projected: false,
            outer_norms: false,
        }
    }
}

impl Variant {
    pub(crate) fn features(&self) -> usize {
        if self.projected { WIDTH / 2 } else { WIDTH }
    }
}

fn slopes() -> Option<DistanceBias> {
    Some(DistanceBias::Linear([0.5, 0.25, 0.1, 0.7].into()))
}

fn buckets(bidirectional: bool) -> Option<DistanceBias> {
    let table = (0..8 * HEADS).map(|i| (i as f32 * 0.7).sin()).collect();
    Some(DistanceBias::Buckets { table, heads: HEADS, max_distance: 6, bidirectional })
}

/// A variant near to each kind of architecture, and some that none has.
pub(crate) fn variants() -> Vec<Variant> {
    let default = Variant::default;
    let mut all = Vec::new();
    for encoder in [true, false] {
        for norms in [Placement::Before, Placement::After, Placement::Around, Placement::BeforeBoth] {
            for activation in [Activation::Relu, Activation::Silu, Activation::Gelu, Activation::GeluTanh] {
                all.push(Variant { encoder, norms, activation, ..default() });
            }
        }
    }
    // Each activation, plain and gated by turns.
    all.extend(Activation::ALL.into_iter().enumerate().map(|(index, activation)| Variant {
        encoder: false,
        activation,
        gated: index % 2 == 0,
        ..default()
    }));
    let rms = NormKind::RootMeanSquare;
    let before = Placement::Before;
    let decoder = || Variant { encoder: false, norms: before, learned_positions: false, ..default() };
    all.extend([
        // T5
        Variant { norms: before, norm_kind: rms, gated: true, bias: buckets(true), outer_norms: true, ..default() },
        // BART
        Variant { outer_norms: true, ..default() },
        // OPT with projections
        Variant { encoder: false, projected: true, ..default() },
        // BLOOM
        Variant { bias: slopes(), outer_norms: true, ..decoder() },
        // GPT-NeoX
        Variant { rotated: 2, residual: Residual::Parallel, outer_norms: true, ..decoder() },
        // Qwen3
        Variant { norm_kind: rms, gated: true, key_value_heads: 2, head_norms: true, rotated: 4, ..decoder() },
        // Mistral
        Variant { norm_kind: rms, gated: true, key_value_heads: 1, rotated: 4, window: Some(3), ..decoder() },
        // Mixtral
        Variant {
            norm_kind: rms,
            gated: true,
            experts: Some((5, 2)),
            key_value_heads: 2,
            rotated: 4,
            window: Some(3),
            ..decoder()
        },
        // LFM2
        Variant {
            norm_kind: rms,
            gated: true,
            taps: Some((0, 3)),
            key_value_heads: 2,
            head_norms: true,
            rotated: 4,
            outer_norms: true,
            ..decoder()
        },
        // More taps than positions, and one.
        Variant { taps: Some((1, 12)), norms: Placement::BeforeBoth, ..default() },
        Variant { taps: Some((1, 1)), residual: Residual::Parallel, ..decoder() },
        // Of experts that are not gated, one is chosen, or all.
        Variant { experts: Some((3, 1)), activation: Activation::Relu, ..default() },
        Variant { experts: Some((2, 2)), norms: before, ..default() },
        // Gemma 2
        Variant {
            norms: Placement::Around,
            norm_kind: rms,
            gated: true,
            key_value_heads: 2,
            rotated: 4,
            window: Some(2),
            soft_caps: true,
            outer_norms: true,
            ..decoder()
        },
        // None.
        Variant { bias: buckets(false), window: Some(4), projected: true, key_value_heads: 2, ..default() },
    ]);
    all
}

/// A decoder whose texts of more than four positions rotate by other frequencies.
pub(super) fn stretched(stretch: Stretch) -> Variant {
    let norm_kind = NormKind::RootMeanSquare;
    Variant { encoder: false, norms: Placement::Before, norm_kind, rotated: 4, stretch, ..Variant::default() }
}

pub(super) fn stretches() -> [Stretch; 2] {
    [
        Stretch::Beyond { limit: 4, frequencies: vec![0.4, 0.05], renews_keys: false },
        Stretch::Dynamic { limit: 4, factor: 4.0, base: 100.0, rotated: 4 },
    ]
}
