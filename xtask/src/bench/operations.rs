//! How many floating-point operations a workload needs.

use super::workload::{Shape, Workload};

/// Operations of the products with weights, which are nearly all; `None` for what is no gradient.
///
/// For `P` weights and `n` positions the trace takes `2 P n` and the pullback of a step `2 P n` again, whatever the code.
/// Of the decoder only what a step's gradient depends on is counted: the `p` positions before its token, one row in the top
/// layer above its self-attention, and, where targets are not attributed, nothing of the bottom layer's self-attention.
/// Products between activations (attention) are left out, so the rate that comes of it is slightly too low.
pub fn count(shape: &Shape, workload: &Workload) -> Option<f64> {
    let points = match workload.job.task {
        "saliency" | "input_x_gradient" => 1,
        // The forward at the input gives the step scores.
        "integrated_gradients" => workload.job.n_steps as u64,
        _ => return None,
    };
    let (source, target) = (workload.lengths.0 as u64, workload.lengths.1 as u64);
    let query_output = 2 * shape.width * shape.heads_inner;
    let key_value = 2 * shape.width * shape.key_value_inner;
    let has_encoder = shape.encoder_layers > 0;
    let encoder =
        if has_encoder { source * shape.encoder_layers * (query_output + key_value + shape.feed_forward) } else { 0 };
    // With the decoder start before it and its last token never fed back, an encoder-decoder's target has as many positions
    // as steps; a decoder-only model's steps see the prompt as well.
    let prefixes = if has_encoder { 1..=target } else { source..=source + target - 1 };
    let own = query_output + key_value + shape.feed_forward;
    let cross = if has_encoder { query_output } else { 0 };
    let memory = if has_encoder { source * key_value } else { 0 };
    let head = target * shape.vocabulary * shape.width;
    let trace = encoder + shape.decoder_layers * (prefixes.end() * (own + cross) + memory) + head;

    let pullback: u64 = prefixes
        .map(|prefix| {
            let layers: u64 = (0..shape.decoder_layers)
                .map(|layer| {
                    let rows = if layer == shape.decoder_layers - 1 { 1 } else { prefix };
                    let self_attention =
                        if layer == 0 && has_encoder { 0 } else { rows * query_output + prefix * key_value };
                    rows * (shape.feed_forward + cross) + memory + self_attention
                })
                .sum();
            layers + encoder
        })
        .sum();
    let texts = workload.job.source.len() as u64;
    Some((2 * texts * points * (trace + head + pullback)) as f64)
}
