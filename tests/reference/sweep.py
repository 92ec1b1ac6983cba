"""Checkpoints as people have them: every model type, written in the styles of several versions of transformers.

    python sweep.py write OUT [--seeds 0:3] [--only NAME ...]   with transformers 4.40.2, 4.57.6 and 5.23.0, one after the other
    python sweep.py expect OUT                                  with transformers 5.23.0: what each says, in `expected.json`
    python sweep.py keep OUT ../fixtures/sweep                  the fixed sample that the tests read

`write` starts from the tiny repositories of `../fixtures/architectures` and draws, by seed, what a configuration says (heads, windows,
biases, activations, rotations, tying), what of it is left out because it is the default, which weights the file has, and how they are
stored. A name says what was drawn: `TYPE-vVERSION-SEED`; `style.json` beside the files says the rest. `INSEQ_SWEEP=OUT cargo test
--package inseq-tests --test sweep` compares all of them.
"""

import argparse
import copy
import json
import random
import shutil
import sys
from pathlib import Path

import torch
import transformers
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

VERSION = transformers.__version__
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "architectures"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "spiece.model",
                   "sentencepiece.bpe.model", "source.spm", "target.spm", "vocab.json", "merges.txt", "tokenizer.model", "vocab.txt",
                   "chat_template.jinja")
TEXTS = [("the cat sat on", " the mat"), ("a house in the snow", " that was old")]

GATED_ACTIVATIONS = ["silu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "relu2", "quick_gelu", "tanh", "mish", "gelu_fast", "relu6", "swish"]
ACTIVATIONS = ["gelu", "relu", "gelu_new", "swish", "gelu_fast", "gelu_python", "quick_gelu", "relu2", "tanh", "laplace", "gelu_10", "sigmoid"]
ROPES = [None, None, {"type": "linear", "factor": 2.0}, {"rope_type": "linear", "factor": 4}, {"type": "dynamic", "factor": 2.0},
         {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
         {"rope_type": "yarn", "factor": 2.0, "beta_fast": 16, "beta_slow": 2, "attention_factor": 1.3},
         {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}]

# What may be drawn, by field.
GATED = {"num_key_value_heads": [1, 2, 4], "head_dim": [None, None, 6, 8], "tie_word_embeddings": [True, False], "rms_norm_eps": [1e-5, 1e-6, 1e-3],
         "rope_theta": [10000.0, 100.0, 1000000], "rope_scaling": ROPES, "hidden_act": GATED_ACTIVATIONS, "attention_bias": [False, True],
         "max_position_embeddings": [64, 128, 32]}
FAIRSEQ = {"activation_function": ACTIVATIONS, "scale_embedding": [True, False], "tie_word_embeddings": [True], "encoder_layers": [1, 2, 3],
           "decoder_layers": [1, 2]}
T5 = {"feed_forward_proj": ["relu", "gated-gelu", "gated-silu", "gelu", "gated-relu", "silu"], "tie_word_embeddings": [True, False],
      "num_layers": [1, 2, 3], "num_decoder_layers": [None, 1, 2], "relative_attention_num_buckets": [8, 32], "relative_attention_max_distance": [20, 128],
      "layer_norm_epsilon": [1e-6, 1e-3], "d_kv": [4, 5, 8]}
KNOBS = {
    "gpt2": {"n_inner": [None, 20], "activation_function": ACTIVATIONS, "scale_attn_weights": [True, True, False],
             "scale_attn_by_inverse_layer_idx": [False, True], "layer_norm_epsilon": [1e-5, 1e-3], "n_layer": [1, 2, 3],
             "tie_word_embeddings": [True, True, False]},
    "opt": {"do_layer_norm_before": [True, False], "activation_function": ACTIVATIONS, "word_embed_proj_dim": [16, 10], "enable_bias": [True, False],
            "layer_norm_elementwise_affine": [True, False], "tie_word_embeddings": [True, True, False]},
    "bloom": {"apply_residual_connection_post_layernorm": [False, True], "n_layer": [1, 2], "n_head": [1, 2, 3, 4], "hidden_size": [24],
              "tie_word_embeddings": [True, True, False]},
    "gpt_neox": {"rotary_pct": [0.25, 0.5, 1.0], "rotary_emb_base": [10000, 100], "use_parallel_residual": [True, False], "hidden_act": ACTIVATIONS,
                 "tie_word_embeddings": [False, True], "attention_bias": [True, False], "rope_scaling": [None, None, {"type": "linear", "factor": 2.0}]},
    "gpt_neo": {"activation_function": ACTIVATIONS, "window_size": [3, 4, 256], "intermediate_size": [None, 20]},
    "gptj": {"activation_function": ACTIVATIONS, "n_inner": [None, 20], "rotary_dim": [4, 2, 8], "tie_word_embeddings": [False, False, True]},
    "llama": {**GATED, "mlp_bias": [False, True], "pretraining_tp": [1]},
    "mistral": {**GATED, "sliding_window": [None, 4, 5, 4096]},
    "mixtral": {**GATED, "sliding_window": [None, 4, 5, 4096], "num_local_experts": [2, 3, 4, 8], "num_experts_per_tok": [1, 2],
                "attention_bias": []},
    "qwen2": {**GATED, "use_sliding_window": [False, True], "sliding_window": [4, 32], "max_window_layers": [0, 1, 28]},
    "qwen3": {**GATED, "use_sliding_window": [False, True], "sliding_window": [4, 32], "max_window_layers": [0, 1, 28]},
    "gemma": {**GATED, "hidden_act": ["gelu", "gelu_pytorch_tanh", "silu"], "hidden_activation": [None, "gelu_pytorch_tanh", "gelu"], "rope_scaling": [None],
              "head_dim": [6, 8]},
    "gemma2": {**GATED, "hidden_act": ["gelu_pytorch_tanh"], "hidden_activation": ["gelu_pytorch_tanh", "gelu", "silu"], "rope_scaling": [None], "head_dim": [6, 8],
               "query_pre_attn_scalar": [10, 256], "sliding_window": [4, 4096], "attn_logit_softcapping": [2.0, 50.0, None],
               "final_logit_softcapping": [3.0, 30.0, None]},
    "gemma3_text": {**GATED, "hidden_act": [], "hidden_activation": ["gelu_pytorch_tanh", "gelu"], "head_dim": [6, 8], "query_pre_attn_scalar": [10, 256],
                    "rope_scaling": [None, {"rope_type": "linear", "factor": 8.0}], "rope_local_base_freq": [10, 10000.0], "sliding_window": [4, 4096],
                    "sliding_window_pattern": [2, 3, 6], "num_hidden_layers": [3, 6]},
    "phi3": {**GATED, "rope_scaling": [None], "head_dim": [], "partial_rotary_factor": [1.0, 0.5], "sliding_window": [None, 4, 64], "attention_bias": [],
             "original_max_position_embeddings": [64]},
    "olmo2": {**GATED, "head_dim": []},
    "smollm3": {**GATED, "no_rope_layer_interval": [2, 4], "use_sliding_window": [False, True], "sliding_window": [None, 4]},
    "lfm2": {name: GATED[name] for name in ("num_key_value_heads", "tie_word_embeddings", "rope_theta", "rope_scaling", "max_position_embeddings")}
    | {"norm_eps": [1e-5, 1e-3], "conv_L_cache": [2, 3, 4, 40], "conv_bias": [False, True], "block_auto_adjust_ff_dim": [True, False],
       "block_ffn_dim_multiplier": [1.0, 1.3, 2], "block_multiple_of": [1, 4, 8], "full_attn_idxs": [[0], [1], [0, 2], [2], None]},
    # transformers 5 never scales what a tied mT5's head reads; 4.57 did.
    "t5": T5, "mt5": {**T5, "tie_word_embeddings": [False]}, "umt5": T5,
    "bart": FAIRSEQ, "mbart": FAIRSEQ, "pegasus": FAIRSEQ,
    "marian": {**FAIRSEQ, "share_encoder_decoder_embeddings": [True, True, False]},
    "m2m_100": FAIRSEQ,
}
BASES = {"gpt2": "gpt2", "opt": "opt", "bloom": "bloom", "gpt_neox": "gpt_neox", "gpt_neo": "gpt_neo", "gptj": "gptj", "llama": "llama", "mistral": "mistral", "mixtral": "mixtral",
         "qwen2": "qwen2", "qwen3": "qwen3", "gemma": "gemma", "gemma2": "gemma2", "gemma3_text": "gemma3_text", "phi3": "phi3", "olmo2": "olmo2",
         "smollm3": "smollm3", "lfm2": "lfm2", "t5": "t5", "mt5": "mt5", "umt5": "umt5", "bart": "bart", "mbart": "mbart", "pegasus": "pegasus", "marian": "marian",
         "m2m_100": "m2m_100"}
STORED = ["safetensors", "safetensors", "shards", "bf16", "f16", "pickle", "old_pickle", "pickle_shards"]
# What a file may be besides its model's own save.
SHAPES = ["whole", "whole", "whole", "whole", "tie_flipped", "two_tables", "no_head", "no_prefix", "scaling_added", "head_stored"]


def auto(config):
    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM


def draw_weights(model, seed):
    torch.manual_seed(seed)
    seen = set()
    with torch.no_grad():
        for module_name, module in model.named_modules():
            kind = type(module).__name__
            for name, weight in module.named_parameters(recurse=False):
                if id(weight) in seen:
                    continue
                seen.add(id(weight))
                noise = torch.randn_like(weight, dtype=torch.float32)
                if "Norm" in kind and name == "weight":
                    value = (0.0 if kind.startswith("Gemma") else 1.0) + 0.3 * noise
                elif weight.ndim < 2:
                    value = 0.3 * noise
                elif isinstance(module, nn.Embedding):
                    value = (1.0 if "relative" in module_name else 0.4) * noise
                else:
                    value = 1.2 * noise / min(weight.shape[-2:]) ** 0.5
                weight.copy_(value)
        for name, buffer in model.named_buffers():
            if name == "final_logits_bias":
                buffer.copy_(0.5 * torch.randn_like(buffer))


def drawn_config(kind, base, rng):
    """The fields of a configuration, and those that were drawn."""
    fields = json.loads((base / "config.json").read_text())
    for name in ("rope_parameters", "layer_types", "no_rope_layers", "torch_dtype", "dtype", "early_stopping", "num_beams"):
        fields.pop(name, None)
    drawn = {name: rng.choice(values) for name, values in KNOBS[kind].items() if values and rng.random() < 0.6}
    if drawn.get("head_dim", 0) is None:
        drawn.pop("head_dim")
    if kind == "bloom":
        for alias in ("n_embed", "num_attention_heads"):
            fields.pop(alias, None)
        fields.setdefault("hidden_size", 24), fields.setdefault("n_head", 3)
    if kind == "gpt_neox" and not VERSION.startswith("4.40") and "rotary_emb_base" in drawn:
        drawn["rope_theta" if rng.random() < 0.5 else "rotary_emb_base"] = drawn["rotary_emb_base"]
    if kind == "gpt_neo" and fields.get("attention_types") is None:
        fields["attention_types"] = [[["global", "local"], 1]]
    if kind == "mixtral" and drawn.get("rope_scaling"):
        fields.setdefault("head_dim", 4)  # transformers 5.23 cannot scale where it is null
    if kind == "lfm2" and "tie_word_embeddings" in drawn:
        fields.pop("tie_embedding", None)  # its other name would count
    if kind == "umt5" and drawn.get("relative_attention_num_buckets") == 32:
        drawn.setdefault("relative_attention_max_distance", 128)
    if kind == "opt" and drawn.get("do_layer_norm_before") is False:
        drawn.pop("enable_bias", None), drawn.pop("layer_norm_elementwise_affine", None)
    fields.update(drawn)
    if kind in ("t5", "mt5", "umt5"):
        fields.pop("is_gated_act", None), fields.pop("dense_act_fn", None)
        if fields.get("num_decoder_layers") is None:
            fields.pop("num_decoder_layers", None)
    return fields, drawn


def write_one(out, kind, seed):
    rng = random.Random(f"{kind}-{VERSION}-{seed}")
    base = FIXTURES / BASES[kind]
    folder = out / f"{kind}-v{VERSION.rsplit('.', 1)[0]}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    fields, drawn = drawn_config(kind, base, rng)
    style = {"type": kind, "version": VERSION, "seed": seed, "drawn": drawn, "stored": rng.choice(STORED), "shape": rng.choice(SHAPES),
             "sparse": rng.random() < 0.4, "tokenizer": rng.choice(["as it was", "saved again"])}
    if kind in ("umt5", "mt5") and style["shape"] in ("tie_flipped", "two_tables"):
        style["shape"] = "whole"  # transformers 5 says nothing of use about these
    config = AutoConfig.for_model(**fields)
    model = auto(config).from_config(config, attn_implementation="eager")
    model.tie_weights()
    draw_weights(model, seed)
    if VERSION.startswith("5") and not drawn.get("tie_word_embeddings", True) and kind in ("t5", "mt5", "umt5"):
        model.lm_head.weight = nn.Parameter(torch.randn_like(model.lm_head.weight) * 0.3)
        model.config.tie_word_embeddings = rng.random() < 0.5
    stored = style["stored"]
    if stored in ("bf16", "f16"):
        model = model.to(torch.bfloat16 if stored == "bf16" else torch.float16)
    saved = model
    if style["shape"] == "no_prefix":  # the base model, saved by itself
        saved = model.base_model
    arguments = {"max_shard_size": "12KB" if "shards" in stored else "5GB"}
    if "pickle" in stored and VERSION.startswith("4"):
        arguments["safe_serialization"] = False
    folder.mkdir(parents=True)
    saved.save_pretrained(folder, **arguments)
    for file in TOKENIZER_FILES:
        if (base / file).exists() and not (folder / file).exists():
            shutil.copy(base / file, folder / file)
    if style["tokenizer"] == "saved again":
        try:
            AutoTokenizer.from_pretrained(base).save_pretrained(folder)
        except Exception as error:  # an older transformers that cannot read this one
            style["tokenizer"] = f"as it was ({type(error).__name__})"
    if (base / "generation_config.json").exists() and rng.random() < 0.5:
        shutil.copy(base / "generation_config.json", folder / "generation_config.json")
    edit(folder, style, config, rng)
    (folder / "style.json").write_text(json.dumps(style, indent=1, default=str) + "\n")
    return folder


def edit(folder, style, config, rng):
    """What hands and other programs do to a saved checkpoint."""
    path = folder / "config.json"
    fields = json.loads(path.read_text())
    if style["sparse"]:
        defaults = type(config)().to_dict()
        keep = {"model_type", "architectures", "is_encoder_decoder"}
        fields = {name: value for name, value in fields.items() if name in keep or name not in defaults or defaults[name] != value}
    if style["shape"] == "tie_flipped":
        fields["tie_word_embeddings"] = not fields.get("tie_word_embeddings", True)
    if style["shape"] == "scaling_added" and ("rope_parameters" in fields or "rope_theta" in fields):
        fields["rope_scaling"] = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
    path.write_text(json.dumps(fields, indent=2) + "\n")
    if style["shape"] in ("two_tables", "no_head", "head_stored") or (style["stored"] in ("pickle", "old_pickle", "pickle_shards") and VERSION.startswith("5")) \
            or style["stored"] == "old_pickle":
        rewrite(folder, style, rng)


def rewrite(folder, style, rng):
    from safetensors.torch import load_file, save_file
    state = {}
    for file in sorted(folder.glob("*.safetensors")):
        state.update(load_file(file))
    for file in sorted(folder.glob("*.bin")):
        state.update(torch.load(file, weights_only=True))
    heads = ("lm_head.weight", "embed_out.weight")
    tables = ("model.embed_tokens.weight", "transformer.wte.weight", "gpt_neox.embed_in.weight", "model.shared.weight", "shared.weight",
              "transformer.word_embeddings.weight", "model.decoder.embed_tokens.weight")
    if style["shape"] == "two_tables":
        table = next((name for name in tables if name in state), None)
        if table:
            torch.manual_seed(style["seed"] + 7)
            head = "embed_out.weight" if table.startswith("gpt_neox") else "lm_head.weight"
            width = state[table].shape[1]
            state.setdefault(head, (torch.randn(state[table].shape[0], width) * 0.3).to(state[table].dtype))
    if style["shape"] == "head_stored":
        table = next((name for name in tables if name in state), None)
        head = "embed_out.weight" if table and table.startswith("gpt_neox") else "lm_head.weight"
        if table:
            state.setdefault(head, state[table].clone())
    if style["shape"] == "no_head":
        for head in heads:
            state.pop(head, None)
    for file in [*folder.glob("*.safetensors"), *folder.glob("*.bin"), *folder.glob("*.index.json")]:
        file.unlink()
    if "pickle" in style["stored"]:
        torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=style["stored"] != "old_pickle")
    else:
        save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, folder / "model.safetensors", metadata={"format": "pt"})


def stored_names(folder):
    """Names of the tensors of a checkpoint."""
    from safetensors import safe_open
    names = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as opened:
            names.update(opened.keys())
    for file in folder.glob("*.bin"):
        names.update(torch.load(file, weights_only=True))
    return names


def expect_one(folder):
    """What transformers says of a checkpoint."""
    style = json.loads((folder / "style.json").read_text())
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        config = AutoConfig.from_pretrained(folder)
        written = json.loads((folder / "config.json").read_text())
        names = stored_names(folder)
        if config.model_type in ("t5", "mt5", "umt5") and written.get("tie_word_embeddings") is False and "lm_head.weight" not in names:
            return {"refused": "missing ['lm_head.weight'], which transformers 5 takes for tied whatever the configuration says"}
        model, report = auto(config).from_pretrained(folder, config=config, attn_implementation="eager", dtype=torch.float32, output_loading_info=True)
    except Exception as error:
        return {"refused": f"{type(error).__name__}: {error}"[:300]}
    # The head's bias of a base model of GPT-J starts at zero, which is what no bias is.
    missing = sorted(set(report["missing_keys"]) - {"lm_head.bias"})
    if missing or report["mismatched_keys"]:
        return {"refused": f"missing {missing[:5]}, mismatched {list(report['mismatched_keys'])[:3]}"}
    model.eval()
    if config.model_type == "umt5":
        # transformers 5 scales what every UMT5's head reads; those with a head of their own were trained without.
        config.tie_word_embeddings = torch.equal(model.lm_head.weight, model.shared.weight)
        model.config.tie_word_embeddings = config.tie_word_embeddings
    cases = []
    for prompt, answer in TEXTS:
        with torch.no_grad():
            if config.is_encoder_decoder:
                source = tokenizer(prompt, return_tensors="pt").input_ids
                target = tokenizer(text_target=answer.strip(), return_tensors="pt").input_ids
                start = model.generation_config.decoder_start_token_id
                start = start if start is not None else config.decoder_start_token_id
                if start is None:
                    return {"refused": "no decoder start"}
                decoder = torch.cat([torch.tensor([[start]]), target], 1)
                logits = model(input_ids=source, decoder_input_ids=decoder).logits[0]
                steps = range(1, decoder.shape[1])
            else:
                source = tokenizer(prompt, return_tensors="pt").input_ids
                decoder = tokenizer(prompt + answer, return_tensors="pt").input_ids
                logits = model(decoder).logits[0]
                steps = range(source.shape[1], decoder.shape[1])
            probabilities = [torch.softmax(logits[t - 1], -1)[decoder[0, t]].item() for t in steps]
            try:
                generated = model.generate(source, do_sample=False, num_beams=1, max_new_tokens=8, **unsampled(model)).tolist()[0]
            except Exception as error:
                generated = f"{type(error).__name__}: {error}"[:200]
        cases.append({"prompt": prompt, "answer": answer if not config.is_encoder_decoder else answer.strip(), "prompt_ids": source.tolist()[0],
                      "target_ids": decoder.tolist()[0], "probabilities": probabilities, "greedy": generated})
    return {"cases": cases}


def facts(folder):
    """What a checkpoint is an example of."""
    style = json.loads((folder / "style.json").read_text())
    told = {("stored", style["stored"]), ("shape", style["shape"]), ("sparse", style["sparse"]), ("tokenizer", style["tokenizer"])}
    return told | {(style["type"], name, str(value)) for name, value in style["drawn"].items()}


def sample(out):
    """Of each type and version the checkpoint that shows most of what those before it do not, for its size."""
    shown = set()
    folders = sorted(path.parent for path in out.glob("*/expected.json"))
    for group in sorted({folder.name.rsplit("-", 1)[0] for folder in folders}):
        def worth(folder):
            return len(facts(folder) - shown) / sum(file.stat().st_size for file in folder.iterdir()) ** 0.5
        best = max((folder for folder in folders if folder.name.rsplit("-", 1)[0] == group), key=worth)
        shown |= facts(best)
        yield best


def keep(out, into):
    """Copies the fixed sample, without the files that are those of the repositories it was made from."""
    shutil.rmtree(into, ignore_errors=True)
    for folder in sample(out):
        base = FIXTURES / BASES[folder.name.rsplit("-v", 1)[0]]
        kept = into / folder.name
        shutil.copytree(folder, kept)
        style = json.loads((kept / "style.json").read_text())
        style["base"] = base.name
        style["from_base"] = [file.name for file in sorted(kept.iterdir())
                              if (base / file.name).exists() and (base / file.name).read_bytes() == file.read_bytes()]
        for file in style["from_base"]:
            (kept / file).unlink()
        (kept / "style.json").write_text(json.dumps(style, indent=1) + "\n")


def unsampled(model):
    return {"temperature": None, "top_k": None, "top_p": None} if model.generation_config.do_sample else {}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["write", "expect", "keep"])
    parser.add_argument("out", type=Path)
    parser.add_argument("into", type=Path, nargs="?")
    parser.add_argument("--seeds", default="0:3")
    parser.add_argument("--only", nargs="*")
    arguments = parser.parse_args()
    if arguments.command == "write":
        first, last = map(int, arguments.seeds.split(":"))
        for kind in arguments.only or KNOBS:
            try:
                AutoConfig.for_model(kind)
            except Exception:
                print(f"{kind}: not in transformers {VERSION}")
                continue
            for seed in range(first, last):
                try:
                    write_one(arguments.out, kind, seed)
                except Exception as error:
                    shutil.rmtree(arguments.out / f"{kind}-v{VERSION.rsplit('.', 1)[0]}-{seed}", ignore_errors=True)
                    print(f"{kind} {seed}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
    elif arguments.command == "expect":
        for folder in sorted(path.parent for path in arguments.out.glob("*/style.json")):
            if arguments.only and not any(folder.name.startswith(only) for only in arguments.only):
                continue
            expected = expect_one(folder)
            (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
            if "refused" in expected:
                print(f"{folder.name}: {expected['refused'][:160]}")
    else:
        keep(arguments.out, arguments.into)


if __name__ == "__main__":
    main()
