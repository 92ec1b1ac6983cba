//! How many floating-point operations a workload needs at Marian-base size.

use super::workload::Workload;

const WIDTH: u64 = 512;
const INNER: u64 = 2048;
const LAYERS: u64 = 6;
const VOCABULARY: u64 = 59_514;

/// Operations of the products with weights, which are nearly all; `None` for what is no gradient.
///
/// For `P` weights and `n` positions the trace takes `2 P n` and the pullback of a step `2 P n` again, whatever the code.
/// Of the decoder only what a step's gradient depends on is counted: the `p` positions before its token, one row in the top
/// layer above its self-attention, nothing of the bottom layer's self-attention (targets are not attributed here).
/// Products between activations (attention) are left out, so the rate that comes of it is slightly too low.
pub fn count(workload: &Workload) -> Option<f64> {
    let points = match workload.job.task {
        "saliency" | "input_x_gradient" => 1,
        // The forward at the input gives the step scores.
        "integrated_gradients" => workload.job.n_steps as u64,
        _ => return None,
    };
    // With the decoder start before it and its last token never fed back, a target has as many positions as steps.
    let (source, target) = (workload.lengths.0 as u64, workload.lengths.1 as u64);
    let square = WIDTH * WIDTH;
    let feed_forward = 2 * WIDTH * INNER;
    let encoder = source * LAYERS * (4 * square + feed_forward);

    let decoder_trace = LAYERS * (target * (6 * square + feed_forward) + source * 2 * square);
    let head = target * VOCABULARY * WIDTH;
    let trace = encoder + decoder_trace + head;

    let pullback: u64 = (1..=target)
        .map(|prefix| {
            let layers: u64 = (0..LAYERS)
                .map(|layer| {
                    let rows = if layer == LAYERS - 1 { 1 } else { prefix };
                    let self_attention = if layer == 0 { 0 } else { rows * 2 * square + prefix * 2 * square };
                    rows * (feed_forward + 2 * square) + source * 2 * square + self_attention
                })
                .sum();
            layers + encoder
        })
        .sum();
    let texts = workload.job.source.len() as u64;
    Some((2 * texts * points * (trace + head + pullback)) as f64)
}
