//! Recognizes quantized weights by the configuration, by a file that an old tool left beside it,
//! or by the tensors.

use std::borrow::Cow;

use serde_json::Value;

use super::repository::Repository;
use super::stored::StoredDType;
use super::weights::Weights;
use crate::{Error, Result};

/// How to convert the weights of a scheme back to floating-point numbers.
#[derive(Clone, Copy)]
enum WayOut {
    /// `model.dequantize()` of transformers.
    Dequantize,
    /// A class of transformers that takes `dequantize=True`.
    Load(&'static str),
    /// Transformers cannot convert them; use the original weights.
    Original,
}

/// Schemes by `quant_method`: their usual names, and the way out.
const SCHEMES: &[(&str, &str, WayOut)] = &[
    ("gptq", "GPTQ", WayOut::Original),
    ("awq", "AWQ", WayOut::Original),
    ("bitsandbytes", "bitsandbytes", WayOut::Dequantize),
    ("fp8", "FP8", WayOut::Load("FineGrainedFP8Config")),
    ("mxfp8", "MXFP8", WayOut::Load("FineGrainedFP8Config")),
    ("fbgemm_fp8", "FP8 of FBGEMM", WayOut::Original),
    ("compressed-tensors", "compressed-tensors", WayOut::Load("CompressedTensorsConfig")),
    ("mxfp4", "MXFP4", WayOut::Load("Mxfp4Config")),
    ("nvfp4", "NVFP4", WayOut::Original),
    ("modelopt", "NVIDIA ModelOpt", WayOut::Original),
    ("hqq", "HQQ", WayOut::Original),
    ("quanto", "Quanto", WayOut::Original),
    ("eetq", "EETQ", WayOut::Original),
    ("aqlm", "AQLM", WayOut::Original),
    ("torchao", "torchao", WayOut::Original),
    ("vptq", "VPTQ", WayOut::Original),
    ("spqr", "SpQR", WayOut::Original),
    ("higgs", "HIGGS", WayOut::Dequantize),
    ("quark", "Quark", WayOut::Original),
    ("fp_quant", "FP-Quant", WayOut::Original),
    ("fouroversix", "Four Over Six", WayOut::Original),
    ("auto-round", "AutoRound", WayOut::Original),
    ("bitnet", "BitNet", WayOut::Original),
    ("metal", "Metal", WayOut::Load("MetalConfig")),
    ("sinq", "SINQ", WayOut::Original),
    ("gemma", "Gemma's own", WayOut::Original),
    ("gguf", "GGUF", WayOut::Original),
    ("exl2", "ExLlamaV2", WayOut::Original),
    ("exl3", "ExLlamaV3", WayOut::Original),
    ("mlx", "MLX", WayOut::Original),
];

const CONFIG: &str = "config.json";

/// Files and fields that describe quantization, with the default scheme of each.
const PLACES: &[(&str, &str, &str)] = &[
    (CONFIG, "/quantization_config", "a scheme without a name"),
    (CONFIG, "/compression_config", "compressed-tensors"),
    (CONFIG, "/quantization", "mlx"),
    // AutoGPTQ, AutoAWQ and ModelOpt before config.json had a field for them.
    ("quantize_config.json", "", "gptq"),
    ("quant_config.json", "", "awq"),
    ("hf_quant_config.json", "/quantization", "modelopt"),
];

/// Names of tensors that occur only with quantized weights, and the scheme.
const TENSORS: &[(&[&str], &str)] = &[
    (&[".qweight", ".g_idx"], "gptq"),
    (&[".qweight", ".qzeros"], "awq"),
    (&[".weight", ".weight_scale_inv"], "fp8"),
    (&[".weight", ".SCB"], "bitsandbytes"),
    (&[".weight", ".weight.absmax"], "bitsandbytes"),
    (&["_blocks", "_scales"], "mxfp4"),
    (&[".weight_packed", ".weight_scale"], "compressed-tensors"),
    (&[".weight", ".weight_scale"], "compressed-tensors"),
    (&[".weight", ".weight_scales"], "eetq"),
    (&[".W_q"], "hqq"),
    (&[".weight._data", ".weight._scale"], "quanto"),
    (&[".codes", ".codebooks"], "aqlm"),
    (&[".q_weight", ".q_scale"], "exl2"),
    (&[".trellis", ".suh"], "exl3"),
    (&[".weight", ".scales", ".biases"], "mlx"),
];

/// Refuses a repository whose configuration describes quantized weights.
///
/// # Errors
/// The weights are quantized; the error names the scheme, its bits and the way out.
pub(crate) fn check_configuration(repository: &Repository) -> Result<()> {
    for &(file, place, default) in PLACES {
        let config = match file {
            CONFIG => repository.optional_config()?.map(Cow::Borrowed),
            _ => repository.json(file)?.map(Cow::Owned),
        };
        let Some(config) = config else { continue };
        let Some(found) = config.pointer(place).filter(|found| found.is_object()) else { continue };
        let detail = detail(found);
        let is_beside = file != CONFIG;
        let scheme = match scheme(found) {
            Some(scheme) => scheme,
            // Any file may have such a name.
            None if is_beside && detail.is_none() => continue,
            None => default.into(),
        };
        if scheme == "bitsandbytes" && !is_true(found, "load_in_4bit") && !is_true(found, "load_in_8bit") {
            // Of a model that was loaded without: transformers ignores it.
            continue;
        }
        let place = place.trim_start_matches('/');
        let place = if place.is_empty() { "its fields say".into() } else { format!("`{place}` says") };
        let hint =
            if is_beside { format!("; where they are not quantized after all, remove {file}") } else { String::new() };
        return Err(Error::checkpoint(
            file,
            format!("{place} that the weights are quantized{}{hint}", described(&scheme, detail.as_deref())),
        ));
    }
    Ok(())
}

/// Refuses weights with quantized tensors, independent of the configuration.
///
/// # Errors
/// A tensor is quantized; the error names it, the scheme and the way out.
pub(crate) fn check_tensors(weights: &Weights) -> Result<()> {
    for name in weights.names() {
        let dtype = weights.dtype(name);
        let is_plain = dtype.is_some_and(StoredDType::is_plain);
        let by_name = TENSORS.iter().find(|(endings, _)| {
            // A weight that computes as it is may have numbers beside it.
            let stem = endings.first().filter(|&&first| !(is_plain && first == ".weight"));
            stem.and_then(|first| name.strip_suffix(first))
                .is_some_and(|stem| endings.iter().all(|ending| weights.contains(&format!("{stem}{ending}"))))
        });
        let scheme = match (by_name, dtype) {
            (Some((_, scheme)), _) => scheme,
            (None, Some(StoredDType::F8)) => "numbers of 8 bits, FP8",
            (None, Some(StoredDType::Packed)) => "numbers of less than 8 bits",
            _ => continue,
        };
        return Err(Error::tensor(
            weights.repository(),
            name,
            format!(
                "the tensor `{name}` says that the weights are quantized, though config.json does not{}",
                described(scheme, None)
            ),
        ));
    }
    Ok(())
}

/// The scheme of a configuration, in the spelling of [`SCHEMES`].
fn scheme(found: &Value) -> Option<String> {
    if is_true(found, "load_in_4bit") || is_true(found, "load_in_8bit") {
        return Some("bitsandbytes".into());
    }
    found.get("quant_method").and_then(Value::as_str).map(str::to_ascii_lowercase)
}

fn is_true(found: &Value, field: &str) -> bool {
    found.get(field).and_then(Value::as_bool) == Some(true)
}

/// The bits of a weight, or the equivalent of the scheme.
fn detail(found: &Value) -> Option<String> {
    const BITS: [&str; 6] = [
        "/bits",
        "/w_bit",
        "/nbits",
        "/config_groups/group_0/weights/num_bits",
        "/quant_config/weight_quant_params/nbits",
        "/num_bits",
    ];
    const NAMES: [&str; 3] = ["/quant_algo", "/weights", "/weight_dtype"];
    if is_true(found, "load_in_4bit") {
        return Some("4 bits".into());
    }
    if is_true(found, "load_in_8bit") {
        return Some("8 bits".into());
    }
    let bits = BITS.iter().find_map(|place| found.pointer(place)?.as_u64()).map(|bits| format!("{bits} bits"));
    bits.or_else(|| NAMES.iter().find_map(|place| found.pointer(place)?.as_str()).map(String::from))
}

/// The scheme, its bits and the way out, as the rest of "the weights are quantized".
fn described(scheme: &str, detail: Option<&str>) -> String {
    let known = SCHEMES.iter().find(|(name, ..)| *name == scheme);
    let title = known.map_or(scheme, |(_, title, _)| title);
    let detail = detail.map(|detail| format!(", {detail}")).unwrap_or_default();
    let original = "take the checkpoint that they were made from";
    let way_out = match known.map_or(WayOut::Original, |(.., way_out)| *way_out) {
        WayOut::Dequantize => {
            format!("{original}, or load them with transformers, call model.dequantize() and save_pretrained(folder)")
        }
        WayOut::Load(class) => format!(
            "{original}, or load them with transformers and quantization_config={class}(dequantize=True), and call \
             save_pretrained(folder)"
        ),
        WayOut::Original => original.into(),
    };
    format!(" ({title}{detail}), and such weights are not read; {way_out}")
}
