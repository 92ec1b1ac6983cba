//! Models that are not loaded: what is said of them, against what transformers knows of their kinds.
#![cfg(feature = "flex")]

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::DType;
use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::{architectures, device};
use serde::Deserialize;
use serde_json::{Value, json};

/// What `tests/reference/checkpoint_refusals.py` writes.
#[derive(Deserialize)]
struct Facts {
    encoders: Vec<String>,
    /// The type of the language model inside, by the type of the wrapper.
    wrappers: BTreeMap<String, String>,
    generators: Vec<String>,
    quantized: BTreeMap<String, Value>,
}

fn facts() -> Facts {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/checkpoint/refusals.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn is_supported(model_type: &str) -> bool {
    architectures::list().iter().any(|architecture| architecture.model_type == model_type)
}

fn load(repository: &Repository) -> String {
    architectures::load(repository, &device::parse("flex").unwrap(), DType::F32).map(|_| ()).unwrap_err().to_string()
}

/// The error of a repository of these files.
fn message(files: &[(&str, &[u8])]) -> String {
    load(&Repository::in_memory("model", files.iter().map(|(name, bytes)| (name.to_string(), bytes.to_vec()))))
}

fn of_config(config: &Value) -> String {
    message(&[("config.json", config.to_string().as_bytes())])
}

/// A tensor's name, its type and the bytes of a value.
type Tensor<'a> = (&'a str, &'a str, usize);

/// A weights file of tensors of two values.
fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut start = 0;
    let mut header = serde_json::Map::new();
    for (name, dtype, size) in tensors {
        let end = start + 2 * size;
        header.insert(name.to_string(), json!({ "dtype": dtype, "shape": [2], "data_offsets": [start, end] }));
        start = end;
    }
    let header = json!(header).to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; start]].concat()
}

#[test]
fn encoders_are_called_encoders() {
    let facts = facts();
    assert!(facts.encoders.len() > 40);
    for model_type in facts.encoders.iter().filter(|model_type| !facts.wrappers.contains_key(*model_type)) {
        let message = of_config(&json!({ "model_type": model_type }));
        assert!(
            message.contains("is an encoder without a decoder: it generates no text")
                || message.contains(&format!("`{model_type}`, an encoder without a decoder")),
            "{message}"
        );
    }
    // One that nobody knows.
    let message = of_config(&json!({ "model_type": "mybert", "architectures": ["MyBertForMaskedLM"] }));
    assert!(message.contains("`mybert`, an encoder without a decoder: it generates no text"), "{message}");
}

#[test]
fn wrappers_are_called_wrappers_of_what_they_wrap() {
    let like = |inner: &str| match inner {
        "qwen2_vl_text" | "qwen2_5_vl_text" => "qwen2".to_string(),
        "qwen3_vl_text" => "qwen3".into(),
        inner => inner.into(),
    };
    let mut supported = 0;
    for (wrapper, inner) in facts().wrappers {
        let config = json!({ "model_type": wrapper, "text_config": { "model_type": inner } });
        let message = of_config(&config);
        if is_supported(&like(&inner)) {
            supported += 1;
            assert!(
                message.contains(&format!("`{wrapper}`, a wrapper of a language model, `{inner}`, which is supported")),
                "{message}"
            );
            assert!(message.contains("docs/src/models.md"), "{message}");
        } else {
            assert!(message.contains(&format!("a wrapper of `{inner}`, and neither is supported")), "{message}");
        }
    }
    assert!(supported > 25, "{supported} wrappers hold a supported type");
    // Old configurations leave the type out, or have the fields of the language model beside their own.
    let facts = facts();
    let mut known = 0;
    for (wrapper, inner) in facts.wrappers {
        let message = of_config(&json!({ "model_type": wrapper, "text_config": {} }));
        if message.contains("a wrapper of a language model") {
            known += 1;
            assert!(message.contains(&format!("a wrapper of a language model, `{inner}`, which")), "{message}");
        }
    }
    assert!(known > 20, "{known} wrappers are known without their text_config");
    // As repositories with code of their own call it.
    let message = of_config(&json!({ "model_type": "internvl_chat", "llm_config": { "model_type": "qwen2" } }));
    assert!(message.contains("a wrapper of a language model, `qwen2`, which is supported"), "{message}");
}

/// The other types that generate text: none is said to be near one that would not load it.
#[test]
fn other_types_are_told_what_they_lack() {
    for model_type in facts().generators.iter().filter(|model_type| !is_supported(model_type)) {
        let message = of_config(&json!({ "model_type": model_type }));
        assert!(message.starts_with(&format!("config.json: `model_type` is `{model_type}`, ")), "{message}");
        assert!(!message.contains("did you mean"), "{message}");
    }
    for (model_type, said) in [
        ("qwen2_moe", "a mixture of experts"),
        ("deepseek_v3", "a model with latent attention"),
        ("mamba", "a model with recurrent layers"),
        ("gpt_oss", "attention has sinks"),
        ("whisper", "a model of speech"),
        ("clip", "a model of images"),
    ] {
        let message = of_config(&json!({ "model_type": model_type }));
        assert!(message.contains(said) && message.contains("supported: marian, t5"), "{message}");
    }
    let pair = json!({ "model_type": "encoder-decoder", "encoder": { "model_type": "bert" }, "decoder": { "model_type": "gpt2" } });
    assert!(of_config(&pair).contains("a pair of two models (encoder `bert`, decoder `gpt2`)"));
    for (spelled, meant) in [("gptneox", "gpt_neox"), ("GPT2", "gpt2"), ("m2m100", "m2m_100")] {
        let message = of_config(&json!({ "model_type": spelled }));
        assert!(message.contains(&format!("not supported; `{meant}` is")), "{message}");
    }
    let own = json!({ "model_type": "mine", "auto_map": { "AutoModelForCausalLM": "modeling_mine.Mine" } });
    assert!(of_config(&own).contains("its code is part of its repository, and is never run"));
}

#[test]
fn quantized_models_are_called_by_their_scheme() {
    let facts = facts();
    assert!(facts.quantized.len() > 20);
    for (method, fields) in facts.quantized {
        let message = of_config(&json!({ "model_type": "llama", "quantization_config": fields }));
        assert!(
            message.starts_with("config.json: `quantization_config` says that the weights are quantized ("),
            "{method}: {message}"
        );
        assert!(message.contains("take the checkpoint that they were made from"), "{message}");
        let letters = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
        let name = letters(fields["quant_method"].as_str().unwrap());
        assert!(
            letters(&message).contains(&name) || ["metal", "fbgemmfp8"].contains(&name.as_str()),
            "{name}: {message}"
        );
        if let Some(bits) = fields.get("bits").and_then(Value::as_u64) {
            assert!(message.contains(&format!("{bits} bits")), "{message}");
        }
    }
    for (fields, said) in [
        (json!({ "quant_method": "bitsandbytes", "load_in_4bit": true }), "(bitsandbytes, 4 bits)"),
        (json!({ "load_in_8bit": true }), "(bitsandbytes, 8 bits)"),
        (
            json!({ "quant_method": "compressed-tensors", "config_groups": { "group_0": { "weights": { "num_bits": 4 } } } }),
            "(compressed-tensors, 4 bits)",
        ),
        (json!({ "quant_method": "quanto", "weights": "int8" }), "(Quanto, int8)"),
        (json!({ "quant_method": "hqq", "quant_config": { "weight_quant_params": { "nbits": 3 } } }), "(HQQ, 3 bits)"),
        (json!({ "quant_method": "something_new" }), "(something_new)"),
        (json!({}), "(a scheme without a name)"),
    ] {
        let message = of_config(&json!({ "model_type": "llama", "quantization_config": fields }));
        assert!(message.contains(said), "{message}");
    }
    let mlx = json!({ "model_type": "llama", "quantization": { "group_size": 64, "bits": 4 } });
    assert!(of_config(&mlx).contains("`quantization` says that the weights are quantized (MLX, 4 bits)"));
    // What transformers leaves behind where nothing was quantized.
    for none in [json!(null), json!({ "quant_method": "bitsandbytes", "load_in_4bit": false, "load_in_8bit": false })] {
        let message = of_config(&json!({ "model_type": "llama", "quantization_config": none }));
        assert!(!message.contains("quantized"), "{message}");
    }
    // transformers can compute what these stand for, and save it.
    let dequantize = |fields: Value| of_config(&json!({ "model_type": "llama", "quantization_config": fields }));
    assert!(dequantize(json!({ "quant_method": "mxfp4" })).contains("Mxfp4Config(dequantize=True)"));
    assert!(dequantize(json!({ "quant_method": "bitsandbytes", "load_in_4bit": true })).contains("model.dequantize()"));
}

#[test]
fn files_that_old_tools_left_say_that_weights_are_quantized() {
    let config: (&str, &[u8]) = ("config.json", br#"{"model_type":"llama"}"#);
    for (file, bytes, said) in [
        ("quantize_config.json", &br#"{"bits":4,"group_size":128,"desc_act":false}"#[..], "(GPTQ, 4 bits)"),
        ("quant_config.json", br#"{"zero_point":true,"q_group_size":128,"w_bit":4,"version":"GEMM"}"#, "(AWQ, 4 bits)"),
        (
            "hf_quant_config.json",
            br#"{"producer":{"name":"modelopt"},"quantization":{"quant_algo":"NVFP4"}}"#,
            "(NVIDIA ModelOpt, NVFP4)",
        ),
    ] {
        let message = message(&[config, (file, bytes)]);
        assert!(message.starts_with(&format!("{file}: ")) && message.contains(said), "{message}");
        assert!(message.contains(&format!("remove {file}")), "{message}");
    }
    // Another file of the name.
    assert!(!message(&[config, ("quant_config.json", b"{\"a\":1}")]).contains("quantized"));
}

#[test]
fn quantized_tensors_are_called_that_where_config_json_says_nothing() {
    let layer = "model.layers.0.mlp.up_proj";
    let cases: &[(&[Tensor], &str)] = &[
        (&[(".qweight", "I32", 4), (".qzeros", "I32", 4), (".scales", "F16", 2), (".g_idx", "I32", 4)], "(GPTQ)"),
        (&[(".qweight", "I32", 4), (".qzeros", "I32", 4), (".scales", "F16", 2)], "(AWQ)"),
        (&[(".weight", "F8_E4M3", 1), (".weight_scale_inv", "F32", 4)], "(FP8)"),
        (&[(".weight", "F8_E4M3", 1), (".weight_scale", "F32", 4)], "(compressed-tensors)"),
        (&[(".weight", "F8_E5M2", 1)], "FP8"),
        (&[(".weight", "I8", 1), (".SCB", "F32", 4)], "(bitsandbytes)"),
        (&[(".weight", "U8", 1), (".weight.absmax", "F32", 4), (".weight.quant_map", "F32", 4)], "(bitsandbytes)"),
        (&[("_blocks", "U8", 1), ("_scales", "U8", 1)], "(MXFP4)"),
        (&[(".weight_packed", "I32", 4), (".weight_scale", "BF16", 2)], "(compressed-tensors)"),
        (&[(".weight", "I8", 1), (".weight_scales", "F16", 2)], "(EETQ)"),
        (&[(".W_q", "U8", 1)], "(HQQ)"),
        (&[(".weight._data", "I8", 1), (".weight._scale", "F16", 2)], "(Quanto)"),
        (&[(".codes", "I8", 1), (".codebooks", "F16", 2)], "(AQLM)"),
        (&[(".weight", "U32", 4), (".scales", "F16", 2), (".biases", "F16", 2)], "(MLX)"),
    ];
    let config = br#"{"model_type":"llama","vocab_size":8,"hidden_size":4,"intermediate_size":4,"num_hidden_layers":1,
        "num_attention_heads":1,"rms_norm_eps":1e-5}"#;
    for (endings, said) in cases {
        let names: Vec<String> = endings.iter().map(|(ending, ..)| format!("{layer}{ending}")).collect();
        let tensors: Vec<_> =
            names.iter().zip(*endings).map(|(name, (_, dtype, size))| (name.as_str(), *dtype, *size)).collect();
        let message = message(&[("config.json", config), ("model.safetensors", &safetensors(&tensors))]);
        assert!(message.contains("says that the weights are quantized") && message.contains(said), "{said}: {message}");
        assert!(message.contains(&names[0]), "{message}");
    }
    // Numbers beside weights that compute as they are.
    let plain = safetensors(&[
        ("a.weight", "BF16", 2),
        ("a.weight_scale", "F32", 4),
        ("b.scales", "F32", 4),
        ("c", "C64", 8),
        ("d", "U16", 2),
    ]);
    let message = message(&[("config.json", config), ("model.safetensors", &plain)]);
    assert!(message.contains("the checkpoint lacks") && !message.contains("quantized"), "{message}");
}

#[test]
fn a_folder_without_weights_is_called_what_it_is() {
    let config: (&str, &[u8]) = ("config.json", br#"{"model_type":"llama"}"#);
    for (files, said) in [
        (
            &["a.Q4_K_M.gguf", "a.Q8_0.gguf"][..],
            "weights for llama.cpp (GGUF): a.Q4_K_M.gguf, a.Q8_0.gguf; take the repository",
        ),
        (&["model.fp16.safetensors"], "weights of a variant: model.fp16.safetensors; rename"),
        (
            &["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"],
            "shards: pytorch_model-00001-of-00002.bin",
        ),
        (
            &["consolidated.00.pth", "params.json"],
            "weights in the layout of their authors (consolidated): consolidated.00.pth",
        ),
        (&["model.bin", "shared_vocabulary.json"], "a model of CTranslate2: model.bin"),
        (&["weights.npz"], "weights for MLX: weights.npz"),
        (&["tf_model.h5"], "TensorFlow weights: tf_model.h5; convert them with transformers 4"),
        (&["flax_model.msgpack"], "Flax weights: flax_model.msgpack"),
        (&["flax_model.msgpack", "tf_model.h5"], "TensorFlow weights: tf_model.h5; Flax weights: flax_model.msgpack; "),
        (&["model.ckpt.index", "model.ckpt.data-00000-of-00001"], "a checkpoint of TensorFlow or Lightning: "),
        (&["onnx/decoder_model.onnx"], "ONNX graphs: onnx/decoder_model.onnx"),
        (&["openvino_model.bin", "openvino_model.xml"], "a model of OpenVINO"),
        (
            &["checkpoint-500/model.safetensors", "checkpoint-500/optimizer.pt"],
            "weights in a folder: checkpoint-500/model.safetensors; give that folder",
        ),
        (&["gptq_model-4bit-128g.safetensors"], "weights of another name: gptq_model-4bit-128g.safetensors"),
        (&["README.md", "training_args.bin"], "it holds README.md, config.json, training_args.bin"),
    ] {
        let files: Vec<(&str, &[u8])> = files.iter().map(|name| (*name, &b""[..])).collect();
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files.iter().chain([&config]) {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        // The configuration is judged first: this one would be refused for its fields once weights were there.
        let repository = Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap();
        let message = inseq_models::checkpoint::Weights::open(&repository).unwrap_err().to_string();
        assert!(message.contains("no weights found") && message.contains(said), "{message}");
        // A repository reads `config.json` once: without it, the folder is opened again.
        std::fs::remove_file(folder.path().join("config.json")).unwrap();
        let message = load(&Repository::open(folder.path().to_str().unwrap(), &HubOptions::default()).unwrap());
        let said = said.replace("config.json, ", "");
        assert!(message.contains("config.json: not found") && message.contains(&said), "{message}");
    }
}

#[test]
fn an_adapter_names_its_base_and_the_way_to_merge_it() {
    let adapter = |config: Value| {
        let config = config.to_string();
        message(&[("adapter_config.json", config.as_bytes()), ("adapter_model.safetensors", b"")])
    };
    let lora =
        adapter(json!({ "peft_type": "LORA", "base_model_name_or_path": "org/base", "task_type": "SEQ_2_SEQ_LM" }));
    assert!(lora.contains("config.json: not found"), "{lora}");
    assert!(lora.contains("a LoRA adapter (adapter_config.json) of the model `org/base`"), "{lora}");
    assert!(lora.contains("AutoPeftModelForSeq2SeqLM.from_pretrained(adapter).merge_and_unload()"), "{lora}");
    let ia3 = adapter(json!({ "peft_type": "IA3", "base_model_name_or_path": "b", "task_type": "CAUSAL_LM" }));
    assert!(ia3.contains("an adapter of the type IA3") && ia3.contains("AutoPeftModelForCausalLM"), "{ia3}");
    let prompt = adapter(json!({ "peft_type": "PREFIX_TUNING", "base_model_name_or_path": "b" }));
    assert!(prompt.contains("which cannot be merged") && !prompt.contains("merge_and_unload"), "{prompt}");
    assert!(
        adapter(json!({}))
            .contains("an adapter (adapter_config.json) of a model that adapter_config.json does not name")
    );

    // Its configuration alone.
    let alone = message(&[("adapter_config.json", br#"{"peft_type":"LORA","base_model_name_or_path":"org/base"}"#)]);
    assert!(alone.contains("a LoRA adapter (adapter_config.json) of the model `org/base`"), "{alone}");

    // Beside a whole model: transformers adds it, so that the weights alone are another model.
    let files: &[(&str, &[u8])] = &[
        ("config.json", br#"{"model_type":"llama"}"#),
        ("adapter_config.json", br#"{"peft_type":"LORA","base_model_name_or_path":"org/base"}"#),
        ("model.safetensors", b"never read"),
        ("adapter_model.bin", b""),
    ];
    let message_of = message(files);
    assert!(
        message_of.contains("beside the model there is a LoRA adapter")
            && message_of.contains("remove adapter_config.json"),
        "{message_of}"
    );
    // Its configuration alone, as a merged model may keep it.
    assert!(!message(&files[..3]).contains("adapter"));
}

#[test]
fn a_part_of_an_adapter_beside_a_model_is_a_warning() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/architectures/gpt2");
    let file = |name: &str| (name.to_string(), std::fs::read(folder.join(name)).unwrap());
    let warnings = |more: (&str, &[u8])| {
        let more = (more.0.to_string(), more.1.to_vec());
        let repository = Repository::in_memory("m", [file("config.json"), file("model.safetensors"), more]);
        let device = inseq_models::device::parse("flex").unwrap();
        inseq_models::architectures::load(&repository, &device, burn::tensor::DType::F32).unwrap().warnings
    };
    let weights = warnings(("adapter_model.safetensors", b"never read"));
    assert!(
        weights.len() == 1
            && weights[0].starts_with("adapter_model.safetensors lies beside the model and is not applied")
    );
    let config = warnings(("adapter_config.json", br#"{"peft_type":"LORA","base_model_name_or_path":"org/base"}"#));
    assert!(config.len() == 1 && config[0].contains("no weights of a LoRA adapter"), "{config:?}");
    assert_eq!(warnings(("README.md", b"")), [""; 0]);
}

#[test]
fn the_weights_are_those_that_transformers_takes() {
    let one = |value: u8| {
        let header = json!({ "w": { "dtype": "U8", "shape": [1], "data_offsets": [0, 1] } }).to_string();
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[value]].concat()
    };
    let index = |shard: &str| json!({ "weight_map": { "w": shard } }).to_string().into_bytes();
    let mut files = vec![
        ("model.safetensors", one(1)),
        ("model.safetensors.index.json", index("model-1.safetensors")),
        ("model-1.safetensors", one(2)),
        ("other.safetensors", one(3)),
        ("pytorch_model.bin", b"not read".to_vec()),
    ];
    let value = |files: &[(&str, Vec<u8>)]| {
        let repository =
            Repository::in_memory("m", files.iter().map(|(name, bytes)| (name.to_string(), bytes.clone())));
        inseq_models::checkpoint::Weights::open(&repository).map(|weights| weights.tensor("w").unwrap().data[0])
    };
    assert_eq!(value(&files).unwrap(), 1);
    assert_eq!(value(&files[1..]).unwrap(), 2);
    assert!(value(&files[3..]).unwrap_err().to_string().starts_with("pytorch_model.bin: "));
    files.push(("config.json", br#"{"transformers_weights":"other.safetensors"}"#.to_vec()));
    assert_eq!(value(&files).unwrap(), 3);
    files.pop();
    files.push(("config.json", br#"{"transformers_weights":"missing.safetensors"}"#.to_vec()));
    assert!(value(&files).unwrap_err().to_string().contains("`transformers_weights` of config.json names this file"));
    files.pop();
    files.push(("config.json", br#"{"transformers_weights":"pytorch_model.bin"}"#.to_vec()));
    assert!(value(&files).unwrap_err().to_string().contains("expected a file that ends in .safetensors"));
}
