//! Position embeddings.

/// The sinusoidal table of transformers' Marian, Pegasus and Fairseq-derived models, row-major `[position, feature]`:
/// sines in the first half of the features, cosines in the second (the original paper interleaves them).
///
/// Vaswani et al., 2017, <https://arxiv.org/abs/1706.03762>, section 3.5.
pub fn sinusoidal_positions(positions: usize, features: usize) -> Vec<f32> {
    let sentinel = features.div_ceil(2);
    let mut table = vec![0f32; positions * features];
    for position in 0..positions {
        for feature in 0..features {
            let angle = |j: usize| position as f64 / 10000f64.powf(2.0 * (j / 2) as f64 / features as f64);
            let value =
                if feature < sentinel { angle(2 * feature).sin() } else { angle(2 * (feature - sentinel) + 1).cos() };
            table[position * features + feature] = value as f32;
        }
    }
    table
}

/// The sinusoidal table of fairseq, in M2M-100, NLLB and XGLM, row-major `[position, feature]`: sines, then cosines,
/// starting at the position `first`. The wavelengths end one step earlier than in [`sinusoidal_positions`].
pub fn fairseq_positions(first: usize, positions: usize, features: usize) -> Vec<f32> {
    let half = features / 2;
    let step = 10000f64.ln() / (half.max(2) - 1) as f64;
    let mut table = vec![0f32; positions * features];
    for (position, row) in table.chunks_mut(features.max(1)).enumerate() {
        for pair in 0..half {
            let angle = (first + position) as f64 * (-step * pair as f64).exp();
            row[pair] = angle.sin() as f32;
            row[half + pair] = angle.cos() as f32;
        }
    }
    table
}
