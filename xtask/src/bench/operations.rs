//! How many floating-point operations a workload needs.

use super::workload::{Shape, Workload};

/// Operations of the matrix products; `None` for what is no gradient.
///
/// For `P` weights and `n` positions the trace takes `2 P n` and the pullback of a step `2 P n` again, whatever the code.
/// In the decoder, only what a step's gradient depends on is counted: the `p` positions before its token, one row in the top
/// layer above its self-attention, and, if targets are not attributed, nothing of the bottom layer's self-attention.
/// Attention takes a product of each query with each key that it may look at, and one of each weight with its value; their
/// pullbacks take twice as many.
pub fn count(shape: &Shape, workload: &Workload) -> Option<f64> {
    let points = match workload.job.task {
        "saliency" | "input_x_gradient" => 1,
        // The forward at the input gives the step scores.
        "integrated_gradients" => workload.job.arguments["n_steps"].as_u64()?,
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
    // A pair of a query and a key costs the trace two products of a head's size, over all heads, and a pullback four.
    let [seen, attended] = [2, 4].map(|products| products * shape.heads_inner);
    let triangle = |length: u64| length * (length + 1) / 2;
    let encoder_pairs = if has_encoder { shape.encoder_layers * source * source } else { 0 };
    let cross_pairs = |rows: u64| if has_encoder { rows * source } else { 0 };
    let decoder_pairs = shape.decoder_layers * (triangle(*prefixes.end()) + cross_pairs(*prefixes.end()));
    let trace = encoder
        + shape.decoder_layers * (prefixes.end() * (own + cross) + memory)
        + head
        + seen * (encoder_pairs + decoder_pairs);

    let pullback: u64 = prefixes
        .map(|prefix| {
            let layers: u64 = (0..shape.decoder_layers)
                .map(|layer| {
                    let rows = if layer == shape.decoder_layers - 1 { 1 } else { prefix };
                    let pairs = if rows == 1 { prefix } else { triangle(prefix) };
                    let self_attention = if layer == 0 && has_encoder {
                        0
                    } else {
                        rows * query_output + prefix * key_value + attended * pairs
                    };
                    rows * (shape.feed_forward + cross) + memory + self_attention + attended * cross_pairs(rows)
                })
                .sum();
            layers + encoder + attended * encoder_pairs
        })
        .sum();
    let texts = workload.job.source.len() as u64;
    Some((2 * texts * points * (trace + head + pullback)) as f64)
}
