//! Reasons why a model type is not supported, and the way out.

use inseq_core::did_you_mean;
use serde_json::Value;

use super::architecture::Architecture;

/// Types of language models that occur only inside other models, with the equivalent type for text.
const INNER: &[(&str, &str)] = &[("qwen2_vl_text", "qwen2"), ("qwen2_5_vl_text", "qwen2"), ("qwen3_vl_text", "qwen3")];

/// Type of the language model in wrappers whose configuration omits it, or has its fields beside its own.
const DEFAULT_INNER: &[(&str, &str)] = &[
    ("qwen2_vl", "qwen2_vl_text"),
    ("qwen2_5_vl", "qwen2_5_vl_text"),
    ("qwen3_vl", "qwen3_vl_text"),
    ("qwen2_audio", "qwen2"),
    ("gemma3", "gemma3_text"),
    ("shieldgemma2", "gemma3_text"),
    ("paligemma", "gemma"),
    ("mistral3", "mistral"),
    ("idefics2", "mistral"),
    ("idefics3", "llama"),
    ("smolvlm", "llama"),
    ("llava", "llama"),
    ("llava_next", "llama"),
    ("llava_next_video", "llama"),
    ("llava_onevision", "qwen2"),
    ("video_llava", "llama"),
    ("vipllava", "llama"),
    ("internvl", "qwen2"),
    ("internvl_chat", "qwen2"),
    ("ovis2", "qwen2"),
    ("voxtral", "llama"),
    ("blip-2", "opt"),
    ("instructblip", "opt"),
    ("instructblipvideo", "opt"),
];

/// Fields of `config.json` that hold the configuration of a language model.
const WRAPPED: [&str; 4] = ["text_config", "llm_config", "language_config", "language_model"];

/// Reason for any type of encoder.
const ENCODER: &str = "an encoder without a decoder: it generates no text";

/// Unsupported properties of models, with the types that have them.
const REASONS: &[(&str, &str)] = &[
    (
        ENCODER,
        "albert bert big_bird camembert canine convbert data2vec-text deberta deberta-v2 distilbert electra \
         ernie esm esmc eurobert flaubert fnet funnel gte ibert jina_embeddings_v3 layoutlm layoutlmv2 \
         layoutlmv3 longformer luke megatron-bert mobilebert modernbert mpnet mra neomme nezha nomic_bert \
         nystromformer perceiver qdqbert rembert roberta roberta-prelayernorm roc_bert roformer splinter \
         squeezebert tapas ultrabert xlm-roberta xlm-roberta-xl xmod yoso",
    ),
    (
        "a model of speech or sound, not of text alone",
        "bark hubert moonshine musicgen seamless_m4t seamless_m4t_v2 sew speech-encoder-decoder \
         speech_to_text speecht5 unispeech vits wav2vec2 wav2vec2-bert wavlm whisper",
    ),
    (
        "a model of images, not of text alone",
        "align beit blip clip convnext deit detr dinov2 donut-swin florence2 git pix2struct resnet segformer \
         siglip swin trocr vilt vit vit_mae",
    ),
    (
        "a mixture of experts whose routing no model here has",
        "afmoe cohere2_moe dbrx dots1 ernie4_5_moe exaone_moe flex_olmo glm4_moe granitemoe granitemoe_swa \
         granitemoeshared hunyuan_v1_moe hy_v3 jetmoe kolibri1 laguna llama4 llama4_text mellum minimax \
         minimax_m2 nllb-moe olmoe phimoe qwen2_moe qwen3_moe solar_open switch_transformers",
    ),
    ("a model whose attention has sinks, which no model here has", "flint gpt_oss granite_swa mimo_v2_flash"),
    (
        "a model with latent attention, which no model here has",
        "axk1 deepseek_v2 deepseek_v3 deepseek_v32 glm4_moe_lite glm_moe_dsa longcat_flash minicpm3 youtu",
    ),
    (
        "a model with recurrent layers (a scan or a delta rule) or short convolutions with experts, which no model here has",
        "bamba falcon_h1 falcon_mamba granitemoehybrid jamba kimi_linear lfm2_moe mamba mamba2 \
         nemotron_h olmo_hybrid qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen3_next recurrent_gemma \
         rwkv xlstm zamba zamba2",
    ),
    (
        "a model whose encoder attends within windows or blocks, which no model here has",
        "bigbird_pegasus led longt5 pegasus_x t5gemma",
    ),
    (
        "a model of transformers that is not supported here",
        "apertus arcee aria_text audioflamingo3 axk2 bailing_hybrid beam bert-generation biogpt bitnet \
         blenderbot blenderbot-small blt codegen cohere cohere2 cohere_compass_text cpmant ctrl cwm \
         deepseek_v4 diffllama doge dots3_note dots3_note_text emu3 ernie4_5 exaone4 falcon fsmt fuyu gemma3n \
         gemma3n_text gemma4 gemma4_assistant gemma4_text gemma4_unified gemma4_unified_assistant \
         gemma4_unified_text glm glm4 glmasr got_ocr2 gpt-sw3 gpt_bigcode gpt_neox_japanese granite \
         granite_speech granite_speech_plus helium hrm_text hunyuan_v1_dense hy_v4 hyperclovax inkling2_text \
         inkling_text internlm3 iquestcoder jais2 lfm3 minimax_m3_vl_text ministral ministral3 mllama \
         modernbert-decoder moshi moss_transcribe_diarize mpt musicflamingo musicgen_melody mvp nanochat \
         nemo_speechlm nemotron olmo olmo3 openai-gpt persimmon phi phi4_multimodal plbart prophetnet \
         qwen3_asr qwen4_exp qwen4_exp_text reformer seed_oss stablelm starcoder2 t5gemma2 vaultgemma \
         vibevoice_asr voxtral_realtime xglm xlm xlnet zaya",
    ),
];

/// The reason for refusing `config`, whose type is not one of `known`.
pub(super) fn reason(model_type: &str, config: &Value, known: &[Architecture]) -> String {
    let named = format!("`model_type` is `{model_type}`, ");
    let supported = format!("supported: {}", names(known));
    if let Some(spelled) = spelled_alike(model_type, known) {
        return format!("{named}which is not supported; `{spelled}` is");
    }
    let type_in = |field: &str| config.get(field)?.get("model_type")?.as_str();
    if model_type.ends_with("encoder-decoder") {
        let [encoder, decoder] = ["encoder", "decoder"].map(|side| type_in(side).unwrap_or("unknown"));
        return format!(
            "{named}a pair of two models (encoder `{encoder}`, decoder `{decoder}`), and no such pair is supported; {supported}"
        );
    }
    let by_default = || DEFAULT_INNER.iter().find(|(name, _)| *name == model_type).map(|(_, inner)| *inner);
    if let Some(inner) = WRAPPED.iter().find_map(|field| type_in(field)).or_else(by_default) {
        let like = INNER.iter().find(|(name, _)| *name == inner).map_or(inner, |(_, like)| like);
        if known.iter().any(|architecture| architecture.model_type == like) {
            let like = if like == inner { String::new() } else { format!(" as `{like}`") };
            return format!(
                "{named}a wrapper of a language model, `{inner}`, which is supported{like} by itself: save it alone with \
                 transformers, as docs/src/models.md shows under \"Language models inside others\""
            );
        }
        let reason = mechanism(inner).map(|reason| format!(": `{inner}` is {reason}")).unwrap_or_default();
        return format!("{named}a wrapper of `{inner}`, and neither is supported{reason}; {supported}");
    }
    let class = config.get("architectures").and_then(|classes| classes.get(0)?.as_str()).unwrap_or_default();
    let reason = mechanism(model_type).or_else(|| class.ends_with("ForMaskedLM").then_some(ENCODER));
    if let Some(reason) = reason {
        return format!("{named}{reason}; {supported}");
    }
    match config.get("auto_map") {
        Some(Value::Object(_)) => {
            format!("{named}which is not supported (its code is part of its repository, and is never run); {supported}")
        }
        _ => {
            let near = did_you_mean(model_type, known.iter().map(|architecture| architecture.model_type), 1);
            format!("{named}which is not supported; {supported}{near}")
        }
    }
}

/// The unsupported property of a type.
fn mechanism(model_type: &str) -> Option<&'static str> {
    REASONS.iter().find(|(_, types)| types.split(' ').any(|name| name == model_type)).map(|(reason, _)| *reason)
}

/// The supported type that differs only in case and punctuation.
fn spelled_alike(model_type: &str, known: &[Architecture]) -> Option<&'static str> {
    let letters = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    known.iter().map(|a| a.model_type).find(|name| letters(name) == letters(model_type))
}

/// The names of the supported types.
pub(super) fn names(known: &[Architecture]) -> String {
    known.iter().map(|a| a.model_type).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::architectures::list;

    #[test]
    fn a_misspelt_type_is_named_with_the_nearest() {
        for (misspelt, near) in [("lama", "llama"), ("qwenn3", "qwen3"), ("mariann", "marian")] {
            let message = reason(misspelt, &json!({}), list());
            assert!(message.ends_with(&format!(" (did you mean `{near}`?)")), "{message}");
        }
        // A type with code of its own is no misspelt one.
        let own = reason("lama", &json!({ "auto_map": {} }), list());
        assert!(own.contains("its code is part of its repository") && !own.contains("did you mean"), "{own}");
    }
}
