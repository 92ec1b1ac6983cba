"""Writes `fixtures/configs.json`: what transformers makes of the checkpoints of `fixtures/architectures` when their `config.json` is
written otherwise: fields absent, null, by their other names, by two names at once, fields of other types, tables that are tied or not.
`python config_golden.py ../fixtures/configs.json [NAME ...]`, after `config_defaults.py`.

A case changes fields (`set`), leaves some out (`remove`), adds tensors (`add`: the rows of another one from the last to the first) and
drops some (`drop`). What is `expected` of it are the probabilities of the text's tokens; nothing where they are those of the unchanged
checkpoint, `same`; `"refused"` where transformers makes values up for a tensor that the file lacks. What transformers cannot load is no
case.
"""

import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, logging  # noqa: E402

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity(logging.CRITICAL)
logging.disable_progress_bar()

CHECKPOINTS = Path(__file__).parent.parent / "fixtures" / "architectures"
DEFAULTS = json.loads((CHECKPOINTS.parent / "config_defaults.json").read_text())
# The pair of texts of `golden.json` that is asked about: the longest, as some layers see a window.
PAIR = 3
# Positions have their own tests.
ROPE = {"rope_parameters", "rope_theta", "rope_scaling", "rope_local_base_freq", "partial_rotary_factor", "original_max_position_embeddings",
        "rotary_pct", "rotary_emb_base", "max_position_embeddings"}
# Values that would change the numbers of a type that reads these fields, and must not change those of the others.
FOREIGN = {"attention_bias": [True, False], "mlp_bias": [True], "bias": [True, False], "use_bias": [True, False], "qkv_bias": [True, False],
           "enable_bias": [False], "query_pre_attn_scalar": [3], "attn_logit_softcapping": [0.5], "final_logit_softcapping": [0.5],
           "sliding_window": [2], "use_sliding_window": [True], "max_window_layers": [0], "sliding_window_pattern": [1],
           "no_rope_layer_interval": [1], "hidden_activation": ["relu"], "hidden_act": ["relu"], "activation_function": ["relu"],
           "scale_embedding": [True], "share_encoder_decoder_embeddings": [False], "normalize_before": [True, False],
           "normalize_embedding": [True, False], "static_position_embeddings": [True, False], "add_final_layer_norm": [True, False],
           "scale_decoder_outputs": [True, False], "scale_attn_weights": [False], "apply_residual_connection_post_layernorm": [True],
           "use_parallel_residual": [False], "do_layer_norm_before": [False], "window_size": [1], "rms_norm_eps": [0.5],
           "layer_norm_eps": [0.5], "layer_norm_epsilon": [0.5], "word_embed_proj_dim": [7], "rotary_dim": [2], "head_dim": [1],
           "dense_act_fn": ["relu", "silu"], "is_gated_act": [True, False], "clip_qkv": [0.01], "logit_scale": [0.1]}
TOKENS = {"pad_token_id": [-1, None, [1, 2]], "eos_token_id": [-1, None, [1, 2]], "bos_token_id": [-1, None]}


# Checkpoints whose cases are those of another one.
LEFT_OUT = {"byt5", "llama3", "phi3_longrope", "galactica", "smollm3_window", "bloom_post_norm"}


def tensors_of(folder):
    tensors = {}
    for file in sorted(folder.glob("model*.safetensors")):
        tensors.update(load_file(file))
    for file in sorted(folder.glob("pytorch_model*.bin")):
        tensors.update(torch.load(file, weights_only=True))
    return tensors


class Checkpoint:
    def __init__(self, name):
        folder = CHECKPOINTS / name
        self.config = json.loads((folder / "config.json").read_text())
        self.tensors = tensors_of(folder)
        golden = json.loads((folder / "golden.json").read_text())
        self.ids = [golden["prompt_ids"][PAIR], golden["target_ids"][PAIR]]
        self.seq2seq = self.config.get("is_encoder_decoder", False)
        self.base = self.run(self.config, self.tensors)
        self.cases = []

    def run(self, config, tensors):
        """Probabilities of the text's tokens, or `refused`."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "config.json").write_text(json.dumps(config))
            save_file({name: tensor.clone().contiguous() for name, tensor in tensors.items()}, f"{folder}/model.safetensors", {"format": "pt"})
            auto = AutoModelForSeq2SeqLM if self.seq2seq else AutoModelForCausalLM
            model, info = auto.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        if info["missing_keys"]:
            return "refused"
        if config["model_type"] == "umt5":
            # Transformers 5 scales the output of every model, and saves `true` whatever it has read. Those before it scale that of
            # tied heads alone, as it was in training.
            told, alike = config.get("tie_word_embeddings"), torch.equal(model.lm_head.weight, model.shared.weight)
            model.config.tie_word_embeddings = told is None or (told and alike)
        source, target = (torch.tensor([ids]) for ids in self.ids)
        with torch.no_grad():
            logits = (model(input_ids=source, decoder_input_ids=target) if self.seq2seq else model(input_ids=target)).logits
        return logits[0, :-1].softmax(-1).gather(1, target[0, 1:, None])[:, 0].tolist()

    def case(self, set=None, remove=(), add=None, drop=(), copies=None):
        """Notes a case. Of `copies`, other names of tensors, only transformers knows."""
        case = {"set": set or {}, "remove": list(remove), "add": add or {}, "drop": list(drop)}
        config = {name: value for name, value in {**self.config, **case["set"]}.items() if name not in remove}
        tensors = {name: tensor for name, tensor in self.tensors.items() if name not in drop}
        for name, other in case["add"].items():
            tensors[name] = self.tensors[other].flip(0)
        tensors.update({name: self.tensors[other] for name, other in (copies or {}).items()})
        try:
            found = self.run(config, tensors)
        except Exception:
            return None
        case["expected"] = found
        if found != "refused":
            same = max(abs(a - b) for a, b in zip(found, self.base)) < 1e-7
            case["expected"] = [] if same else [float(f"{p:.7g}") for p in found]
        self.cases.append({part: value for part, value in case.items() if value not in ({}, [])})
        return found


def fields(checkpoint):
    """A field absent, null, by its other name, and beside it."""
    known = DEFAULTS[checkpoint.config["model_type"]]
    config = checkpoint.config
    absent = []
    for field in known["fields"]:
        if field in ROPE or field not in config:
            continue
        if checkpoint.case(remove=[field]) not in (None, "refused"):
            absent.append(field)
        if known["fields"][field] is None or isinstance(known["fields"][field], bool):
            checkpoint.case({field: None})
    absent and checkpoint.case(remove=absent)
    aliases = {**known["aliases"], **({"n_embed": "hidden_size"} if config["model_type"] == "bloom" else {})}
    for other, field in aliases.items():
        if field in config and field not in ROPE:
            checkpoint.case({other: config[field]}, remove=[field])
            checkpoint.case({other: config[field]})
            checkpoint.case({other: config[field], field: 2 * config[field]})
            checkpoint.case({other: 2 * config[field]})
            checkpoint.case({other: None})


def foreign(checkpoint):
    for field, values in {**FOREIGN, **TOKENS}.items():
        if (checkpoint.config["model_type"], field) == ("gpt_neox", "head_dim"):
            continue  # Only its positions read it, and then its heads cannot be rotated.
        for value in values:
            if field not in checkpoint.config or checkpoint.config[field] != value:
                checkpoint.case({field: value})
    layers = checkpoint.config.get("num_hidden_layers")
    if layers:
        checkpoint.case({"layer_types": ["sliding_attention"] * layers})
        checkpoint.case({"no_rope_layers": [0] * layers})
    if checkpoint.config["model_type"] == "gpt_neo":
        layers = checkpoint.config["num_layers"]
        for kind in ["global", "local"]:
            checkpoint.case({"attention_layers": [kind] * layers})
    if checkpoint.config["model_type"] == "gpt_neox":
        checkpoint.case({"rope_theta": checkpoint.config.get("rotary_emb_base", 10_000)})


def ties(checkpoint):
    """Tables of embeddings and the head: tied or not, there or not, alike or not."""
    names, kind = checkpoint.tensors, checkpoint.config["model_type"]
    heads = [name for name in ("lm_head.weight", "embed_out.weight") if name in names] or ["lm_head.weight"]
    last = {name: name.removesuffix(".weight").split(".")[-1] for name in names}
    tables = [name for name in names if last[name] in ("shared", "embed_tokens", "wte", "word_embeddings", "embed_in")]
    first = next((name for name in tables if last[name] == "shared"), tables[0])
    both = {heads[0]: first}
    copies = {}
    if checkpoint.seq2seq:
        prefix = first.removesuffix("shared.weight")
        encoder, decoder = (f"{prefix}{side}.embed_tokens.weight" for side in ("encoder", "decoder"))
        # Of models that are not tied, transformers 5 no longer knows that these are the shared table, as those before it do.
        copies = {name: first for name in (encoder, decoder) if name not in names}
    for tied in [True, False]:
        tie, without = {"tie_word_embeddings": tied}, {} if tied else copies
        checkpoint.case(tie, copies=without)
        checkpoint.case(tie, add=both, copies=without)
        checkpoint.case(tie, drop=[name for name in heads if name in names], copies=without)
        if checkpoint.seq2seq:
            for table in (encoder, decoder):
                others = {name: other for name, other in without.items() if name != table}
                checkpoint.case(tie, add={table: first}, copies=others)
    checkpoint.case(remove=["tie_word_embeddings"], add=both)
    checkpoint.case({"tie_word_embeddings": True}, add=both, drop=tables)
    if checkpoint.seq2seq:
        checkpoint.case({"tie_word_embeddings": True}, add={encoder: first, decoder: first}, drop=[first])
    if kind == "t5":
        for tied in [True, False, None]:
            for scaled in [True, False]:
                checkpoint.case({"tie_word_embeddings": tied, "scale_decoder_outputs": scaled})


def main():
    out, chosen = Path(sys.argv[1]), sys.argv[2:]
    golden = json.loads(out.read_text()) if chosen else {}
    for name in chosen or sorted({folder.name for folder in CHECKPOINTS.iterdir()} - LEFT_OUT):
        checkpoint = Checkpoint(name)
        fields(checkpoint)
        foreign(checkpoint)
        ties(checkpoint)
        golden[name] = {"pair": PAIR, "same": [float(f"{p:.7g}") for p in checkpoint.base], "cases": checkpoint.cases}
        print(name, len(checkpoint.cases))
    parts = []
    for name, entry in sorted(golden.items()):
        cases = ",\n".join(f"   {json.dumps(case)}" for case in entry["cases"])
        parts.append(f' {json.dumps(name)}: {{\n  "pair": {entry["pair"]},\n  "same": {json.dumps(entry["same"])},\n  "cases": [\n{cases}\n  ]\n }}')
    out.write_text("{\n" + ",\n".join(parts) + "\n}\n")


main()
