"""Writes `fixtures/hidden_states.json`: what goes in and out of each layer of transformers' models, and what their sublayers give, at
the last position of the longest text of each checkpoint. `python hidden_states_golden.py ../fixtures/hidden_states.json`.
"""

import json
import sys
from pathlib import Path

import torch

import architecture_checkpoints as checkpoints

FIXTURES = Path(__file__).parent.parent / "fixtures" / "architectures"
PAIR = 3
# The blocks of each stack, and their modules that are the mixer, the cross-attention and the feed-forward.
LLAMA = ("model.layers", ["self_attn", "conv"], [], ["mlp", "feed_forward"])
STACKS = {
    "gpt2": {"decoder": ("transformer.h", ["attn"], [], ["mlp"])},
    "gpt_neox": {"decoder": ("gpt_neox.layers", ["attention"], [], ["mlp"])},
    "gemma2": {"decoder": LLAMA},
    "mixtral": {"decoder": LLAMA},
    "lfm2": {"decoder": LLAMA},
    "bart": {"encoder": ("model.encoder.layers", ["self_attn"], [], ["fc2"]),
             "decoder": ("model.decoder.layers", ["self_attn"], ["encoder_attn"], ["fc2"])},
    "t5": {"encoder": ("encoder.block", ["layer.0.SelfAttention"], [], ["layer.1.DenseReluDense"]),
           "decoder": ("decoder.block", ["layer.0.SelfAttention"], ["layer.1.EncDecAttention"], ["layer.2.DenseReluDense"])},
}


def last(value):
    value = value[0] if isinstance(value, tuple) else value
    return [float(f"{x:.7g}") for x in value.reshape(-1, value.shape[-1])[-1].tolist()]


def recorded(model, stacks, run):
    found = {}

    def note(side, layer, what, value):
        found.setdefault(side, {}).setdefault(layer, {})[what] = last(value)

    for side, (blocks, *parts) in stacks.items():
        for layer, block in enumerate(model.get_submodule(blocks)):
            block.register_forward_pre_hook(
                lambda _, args, kwargs, s=side, i=layer: note(s, i, "input", args[0] if args else kwargs["hidden_states"]), with_kwargs=True)
            block.register_forward_hook(lambda _, __, out, s=side, i=layer: note(s, i, "output", out))
            modules = dict(block.named_modules())
            for part, names in zip(["mixer", "cross", "feed_forward"], parts):
                for name in names:
                    if name in modules:
                        modules[name].register_forward_hook(lambda _, __, out, s=side, i=layer, p=part: note(s, i, p, out))
    run()
    return {side: [layers[i] for i in sorted(layers)] for side, layers in found.items()}


def main():
    out = {}
    for name, stacks in STACKS.items():
        model = checkpoints.load(FIXTURES / name)
        golden = json.loads((FIXTURES / name / "golden.json").read_text())
        source, target = (torch.tensor([golden[ids][PAIR]]) for ids in ("prompt_ids", "target_ids"))
        with torch.no_grad():
            run = (lambda: model(input_ids=source, decoder_input_ids=target)) if model.config.is_encoder_decoder else (lambda: model(target))
            out[name] = recorded(model, stacks, run)
    lines = ",\n".join(f' {json.dumps(name)}: {json.dumps(stacks)}' for name, stacks in out.items())
    Path(sys.argv[1]).write_text("{\n" + lines + "\n}\n")


main()
