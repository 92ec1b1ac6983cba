"""Tiny random checkpoints, one folder for each model type or variant that reads its configuration otherwise.

`config.json` has the fields that repositories of the hub have, in the names of the time they were made; what they leave out is left
out. Weights are drawn so that every one of them matters: gains around 1, biases that are not zero, attention that is neither flat nor
a copy.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
from transformers.core_model_loading import revert_weight_conversion

import architecture_tokenizers

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def model_class(config):
    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM


def draw(model, spec, seed):
    """Draws every weight of a model."""
    torch.manual_seed(seed)
    drawn = set()
    with torch.no_grad():
        for module_name, module in model.named_modules():
            kind = type(module).__name__
            for name, weight in module.named_parameters(recurse=False):
                if id(weight) in drawn:  # tied
                    continue
                drawn.add(id(weight))
                noise = torch.randn_like(weight)
                if "Norm" in kind and name == "weight":
                    # Gemma's norms multiply by one more than their weight.
                    centre = 0.0 if kind.startswith("Gemma") else 1.0
                    value = centre + 0.3 * noise
                elif weight.ndim < 2:
                    value = 0.3 * noise
                elif isinstance(module, nn.Embedding):
                    value = spec.embedding * noise
                    if "relative_attention_bias" in module_name:
                        value = noise
                    elif "pos" in module_name or module_name.endswith("wpe"):
                        value = 0.4 * noise
                else:
                    value = spec.gain * noise / min(weight.shape[-2:]) ** 0.5
                    if module_name.endswith("Attention.q"):  # T5 leaves the scale of attention to its weights
                        value *= model.config.d_kv ** -0.5
                weight.copy_(value)
    for name, buffer in model.named_buffers():
        if name == "final_logits_bias":
            buffer.copy_(0.5 * torch.randn_like(buffer))


def state_of(model, spec):
    """The tensors that a repository of the family has, by the names it has them by."""
    state = {}
    seen = {}
    tensors = revert_weight_conversion(model, model.state_dict()) if spec.as_saved else model.state_dict()
    for name, tensor in tensors.items():
        # Tied weights are stored once.
        if tensor.data_ptr() in seen and not spec.keep_tied:
            continue
        seen[tensor.data_ptr()] = name
        state[name] = tensor.detach().clone().to(TYPES[spec.stored]).contiguous()
    for old, new in spec.rename:
        state = {new + name[len(old):] if name.startswith(old) else name: tensor for name, tensor in state.items()}
    for name, tensor in spec.buffers.items():
        state[name] = tensor
    return state


def save(folder: Path, state, spec):
    shards = [state]
    if spec.shards > 1:
        names = list(state)
        step = -(-len(names) // spec.shards)
        shards = [{name: state[name] for name in names[i:i + step]} for i in range(0, len(names), step)]
    stem, suffix = ("pytorch_model", "bin") if spec.pickled else ("model", "safetensors")
    index = {"metadata": {"total_size": sum(t.numel() * t.element_size() for t in state.values())}, "weight_map": {}}
    for i, shard in enumerate(shards):
        name = f"{stem}.{suffix}" if len(shards) == 1 else f"{stem}-{i + 1:05}-of-{len(shards):05}.{suffix}"
        index["weight_map"].update({key: name for key in shard})
        if spec.pickled:
            torch.save(shard, folder / name)
        else:
            save_file(shard, folder / name, metadata={"format": "pt"})
    if len(shards) > 1:
        (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index, indent=1) + "\n")


def resolved(value, tokenizer):
    """A configuration in which `@token` stands for the id of a token."""
    if isinstance(value, dict):
        return {name: resolved(inner, tokenizer) for name, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, tokenizer) for inner in value]
    return tokenizer.token_to_id(value[1:]) if isinstance(value, str) and value.startswith("@") else value


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def write(folder: Path, spec, seed: int):
    """Writes the repository of a checkpoint: tokenizer, configuration, weights."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    tokenizer = architecture_tokenizers.write(folder, spec.tokenizer, spec.positions)
    size = tokenizer.get_vocab_size() + spec.spare_rows
    write_json(folder / "config.json", {**resolved(spec.config, tokenizer), "vocab_size": size})
    if spec.generation is not None:
        write_json(folder / "generation_config.json", resolved(spec.generation, tokenizer))
    parsed = AutoConfig.from_pretrained(folder)
    model = model_class(parsed).from_config(parsed, attn_implementation="eager", dtype=torch.float32)
    model.tie_weights()
    if spec.untied:  # transformers 5 ties every T5, and unties it again where a checkpoint has two different tables
        model.lm_head.weight = nn.Parameter(torch.empty_like(model.lm_head.weight))
    draw(model, spec, seed)
    save(folder, state_of(model, spec), spec)


def load(folder: Path):
    """The model of a repository, computing in float32."""
    config = AutoConfig.from_pretrained(folder)
    loaded, report = model_class(config).from_pretrained(
        folder, config=config, attn_implementation="eager", dtype=torch.float32, output_loading_info=True)
    assert not report["missing_keys"] and not report["mismatched_keys"], (folder, report)
    if config.model_type == "umt5":
        # transformers 5 takes every UMT5 for tied, whatever its configuration says, and scales what its own head reads, which
        # no UMT5 was trained with.
        loaded.config.tie_word_embeddings = json.loads((folder / "config.json").read_text())["tie_word_embeddings"]
    return loaded.eval()
