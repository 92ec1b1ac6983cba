//! Arguments by their names, and choices from bytes.

use arbitrary::Unstructured;
use inseq_methods::list_methods;
use serde_json::{Value, json};

use super::case::Arguments;

/// Choices from bytes; where these have come to their end, the first one each time.
pub(super) trait Drawn {
    /// A number from 0 to `most`.
    fn up_to(&mut self, most: usize) -> usize;
    /// A number between two.
    fn between(&mut self, least: i64, most: i64) -> i64;
    /// True once in about so many times; false at the end.
    fn rarely(&mut self, times: usize) -> bool;
    /// One of some.
    fn one_of<'b, T>(&mut self, all: &'b [T]) -> Result<&'b T, arbitrary::Error>;
    /// From `least` to `most` of them.
    fn several<T>(&mut self, least: usize, most: usize, one: impl FnMut(&mut Self) -> T) -> Vec<T>;
}

impl Drawn for Unstructured<'_> {
    fn up_to(&mut self, most: usize) -> usize {
        self.int_in_range(0..=most).unwrap_or(0)
    }

    fn between(&mut self, least: i64, most: i64) -> i64 {
        self.int_in_range(least..=most).unwrap_or(least)
    }

    fn rarely(&mut self, times: usize) -> bool {
        self.up_to(times - 1) == times - 1
    }

    fn one_of<'b, T>(&mut self, all: &'b [T]) -> Result<&'b T, arbitrary::Error> {
        self.choose(all)
    }

    fn several<T>(&mut self, least: usize, most: usize, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = least + self.up_to(most.saturating_sub(least));
        (0..count).map(|_| one(self)).collect()
    }
}

/// Some arguments of a method.
pub(super) fn of_method(from: &mut Unstructured, method: &str) -> Arguments {
    let info = list_methods().iter().find(|info| info.name == method);
    let known: Vec<&str> = info.iter().flat_map(|info| info.arguments).map(|argument| argument.name).collect();
    let mut drawn = drawn(from, &known);
    // Without these a call may go on for long.
    match method {
        "reagent" if !drawn.contains_key("max_probe_steps") => {
            drawn.insert("max_probe_steps".into(), json!(3));
        }
        method if method.ends_with("integrated_gradients") && !drawn.contains_key("n_steps") => {
            drawn.insert("n_steps".into(), json!(4));
        }
        _ => {}
    }
    drawn
}

/// Some of the arguments of these names.
pub(super) fn drawn(from: &mut Unstructured, known: &[&str]) -> Arguments {
    let mut arguments = Arguments::new();
    let most = if from.rarely(2) { 3 } else { 0 };
    for name in from.several(0, most, |from| from.one_of(known).copied().ok()).into_iter().flatten() {
        let value = if from.rarely(8) { any(from, 0) } else { fitting(from, name) };
        arguments.insert(name.to_owned(), value);
    }
    if from.rarely(80) {
        arguments.insert("no_such_argument".into(), any(from, 0));
    }
    arguments
}

/// A value that an argument of a name may take.
fn fitting(from: &mut Unstructured, name: &str) -> Value {
    let small = json!(from.up_to(6));
    match name {
        "method" => word(from, &["gausslegendre", "riemann_trapezoid", "riemann_left", "greedy", "maxcount"]),
        "rule" => word(from, &["captum", "full"]),
        "nt_type" => word(from, &["smoothgrad", "smoothgrad_sq", "vargrad"]),
        "similarity_metric" => word(from, &["cosine", "euclidean"]),
        "target_layer" => word(
            from,
            &[
                "encoder.0",
                "decoder.0",
                "decoder.1",
                "encoder.1",
                "embeddings",
                "transformer.h.0.mlp",
                "decoder.99",
                "x",
            ],
        ),
        "replacements" => match from.up_to(3) {
            0 => json!("model"),
            1 => json!("uniform"),
            2 => json!({ "words": { "noun": ["cat", "dog", "house", "mat"], "none": [] } }),
            _ => json!({ "given_model": "/no/such/folder" }),
        },
        "sliding_window_shapes" | "strides" => match from.up_to(2) {
            0 => small,
            1 => json!([from.up_to(3), 8]),
            _ => json!([[1, 8], [from.up_to(3), 8]]),
        },
        name if name.ends_with("zeroed_units_indices") => match from.up_to(2) {
            0 => json!(from.up_to(2)),
            1 => json!([0, from.up_to(2)]),
            _ => json!({ "0": [0], "1": from.up_to(2) }),
        },
        "mask_prob" | "replacing_ratio" | "keep_ratio" | "top_p" | "min_p" | "top_h" | "typical_p"
        | "epsilon_cutoff" | "eta_cutoff" => {
            json!([0.5, 0.1, 0.9, 1.0, 0.0][from.up_to(4)])
        }
        "alpha"
        | "stdevs"
        | "temperature"
        | "length_penalty"
        | "repetition_penalty"
        | "encoder_repetition_penalty"
        | "guidance_scale" => {
            json!([1.0, 0.5, 0.0, 2.5, -1.0][from.up_to(4)])
        }
        "contrast_targets" | "contrast_sources" => json!(["the dog ran", "a cat"][from.up_to(1)]),
        "contrast_targets_alignments" => match from.up_to(2) {
            0 => json!("auto"),
            1 => json!([[from.up_to(4), from.up_to(4)]]),
            _ => json!([[[1, 1]], [[2, from.up_to(9)]]]),
        },
        "stop_strings" => json!(["the", "a cat"][from.up_to(1)]),
        "sequence_bias" => json!([[[from.up_to(9)], -5.0], [[1, 2], 3.0]]),
        "exponential_decay_length_penalty" => json!([from.up_to(3), 1.5]),
        "bad_words_ids" => json!([[from.up_to(9)], [1, 2]]),
        "suppress_tokens" | "begin_suppress_tokens" => json!([from.up_to(9)]),
        "early_stopping" => json!(!from.rarely(2)),
        "aggregate_fn" => word(from, &["mean", "sum", "prod", "min", "max", "absmax", "vnorm"]),
        "split_pattern" => word(from, &["\\.", "(", " ", ""]),
        "split_mode" => word(from, &["single", "start", "end", "none"]),
        "source_spans" | "target_spans" => json!([[from.up_to(2), from.up_to(5)]]),
        "select_idx" => match from.up_to(2) {
            0 => small,
            1 => json!([0, from.up_to(3)]),
            _ => json!("0:2"),
        },
        name if name.starts_with("return_") || name.starts_with("is_") || name.starts_with("output_") => {
            json!(!from.rarely(2))
        }
        "abs"
        | "multiply_by_inputs"
        | "invert_keep"
        | "logprob"
        | "contrast_force_inputs"
        | "skip_special_tokens"
        | "do_sample"
        | "remove_invalid_values"
        | "normalize"
        | "rescale"
        | "renormalize_logits" => json!(!from.rarely(2)),
        _ => json!(1 + from.up_to(5)),
    }
}

fn word(from: &mut Unstructured, words: &[&str]) -> Value {
    from.one_of(words).map_or(Value::Null, |word| json!(word))
}

/// Any value: ends of ranges, wrong types, and what is far too large.
fn any(from: &mut Unstructured, depth: usize) -> Value {
    match from.up_to(if depth > 2 { 11 } else { 13 }) {
        0 => json!(0),
        1 => json!(1),
        2 => json!(-1),
        3 => json!(1_000_000_000_000_000_000u64),
        4 => json!(u64::MAX),
        5 => json!(i64::MIN),
        6 => json!(0.5),
        7 => json!([1e18, 1e300, -1e-300][from.up_to(2)]),
        8 => json!([2000, 100_001, 1 << 20][from.up_to(2)]),
        9 => Value::Null,
        10 => json!(!from.rarely(2)),
        11 => word(from, &["", "auto", "x", "0", "-1:"]),
        12 => Value::Array(from.several(0, 3, |from| any(from, depth + 1))),
        _ => {
            let fields =
                from.several(0, 2, |from| (["0", "1", "words", "x"][from.up_to(3)].to_owned(), any(from, depth + 1)));
            Value::Object(fields.into_iter().collect())
        }
    }
}
