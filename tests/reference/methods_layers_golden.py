"""Golden files of the layer methods at modules inside a block, on the tiny checkpoints of `../fixtures/architectures`.

    python methods_layers_golden.py ../fixtures/architectures ../fixtures/methods [NAME ...]

The reference is asked where it runs and its differences are not all 0; elsewhere torch computes what the method is by definition,
with everything but the module's output as the text has it. Their gradients times activations are compared with each other where
both can be had.
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoTokenizer, logging  # noqa: E402

import architecture_checkpoints as checkpoints  # noqa: E402
import architecture_gradients as gradients  # noqa: E402
import methods_direct as direct_methods  # noqa: E402
import methods_inner as inner  # noqa: E402

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity_error()

PAIR = 1
GPT2 = ["attn", "attn.c_proj", "mlp", "mlp.c_proj"]
LLAMA = ["self_attn", "self_attn.o_proj", "mlp", "mlp.down_proj"]
AROUND = [*LLAMA, "post_attention_layernorm", "post_feedforward_layernorm"]
OWN = ["self_attn", "self_attn.out_proj"]
CROSS = ["encoder_attn", "encoder_attn.out_proj"]
NORMS = ["self_attn_layer_norm", "final_layer_norm"]
T5_ENCODER = ["layer.0", "layer.0.SelfAttention", "layer.0.SelfAttention.o",
              "layer.1", "layer.1.DenseReluDense", "layer.1.DenseReluDense.wo"]
T5_DECODER = ["layer.0", "layer.0.SelfAttention", "layer.0.SelfAttention.o",
              "layer.1", "layer.1.EncDecAttention", "layer.1.EncDecAttention.o",
              "layer.2", "layer.2.DenseReluDense", "layer.2.DenseReluDense.wo"]
NEOX = ["attention", "attention.dense", "mlp", "mlp.dense_4h_to_h"]
BLOOM = ["self_attention", "self_attention.dense", "mlp", "mlp.dense_4h_to_h"]
BART = {"encoder": ("model.encoder.layers.0", [*OWN, "fc2", *NORMS]),
        "decoder": ("model.decoder.layers.0", [*OWN, *CROSS, "encoder_attn_layer_norm", "fc2", *NORMS])}
BEFORE = {"encoder": ("model.encoder.layers.0", [*OWN, "fc2"]), "decoder": ("model.decoder.layers.0", [*OWN, *CROSS, "fc2"])}
T5 = {"encoder": ("encoder.block.0", T5_ENCODER), "decoder": ("decoder.block.0", T5_DECODER)}
OPT = "model.decoder.layers.0"
# By checkpoint and stack: a block, and what in it can be named.
MODULES = {
    "gpt2": {"decoder": ("transformer.h.0", GPT2)},
    "gpt_neo": {"decoder": ("transformer.h.0", ["attn", "attn.attention", "attn.attention.out_proj", "mlp", "mlp.c_proj"])},
    "gptj": {"decoder": ("transformer.h.0", ["attn", "attn.out_proj", "mlp", "mlp.fc_out"])},
    "gpt_neox": {"decoder": ("gpt_neox.layers.0", NEOX)},
    "gpt_neox_sequential": {"decoder": ("gpt_neox.layers.0", NEOX)},
    "bloom": {"decoder": ("transformer.h.0", BLOOM)},
    "bloom_post_norm": {"decoder": ("transformer.h.0", BLOOM)},
    "opt": {"decoder": (OPT, [*OWN, "fc2"])},
    "opt_post_norm": {"decoder": (OPT, [*OWN, "fc2", *NORMS])},
    "llama": {"decoder": ("model.layers.0", LLAMA)},
    "mistral": {"decoder": ("model.layers.0", LLAMA)},
    "qwen2": {"decoder": ("model.layers.0", LLAMA)},
    "qwen3": {"decoder": ("model.layers.0", LLAMA)},
    "gemma": {"decoder": ("model.layers.0", LLAMA)},
    "gemma2": {"decoder": ("model.layers.0", AROUND)},
    "gemma3_text": {"decoder": ("model.layers.0", AROUND)},
    "phi3": {"decoder": ("model.layers.0", LLAMA)},
    "olmo2": {"decoder": ("model.layers.0", AROUND)},
    "smollm3": {"decoder": ("model.layers.0", LLAMA)},
    "marian": BART,
    "bart": BART,
    "pegasus": BEFORE,
    "mbart": BEFORE,
    "m2m_100": BEFORE,
    "t5": T5,
    "mt5": T5,
    "umt5": T5,
}


def of_reference(folder, prompt, generated, layer, of_source):
    reference = gradients.Reference(folder, checkpoints.load(folder), "layer_gradient_x_activation", target_layer=layer)
    out = reference.model.attribute(prompt, generated, show_progress=False)[0]
    return out.source_attributions if of_source else out.target_attributions


def main():
    models, out = Path(sys.argv[1]), Path(sys.argv[2])
    for name in sys.argv[3:] or MODULES:
        folder = models / name
        golden = json.loads((folder / "golden.json").read_text())
        prompt, generated = golden["prompts"][PAIR], golden["generated"][PAIR]
        direct = gradients.Direct(checkpoints.load(folder), AutoTokenizer.from_pretrained(folder))
        cases, tensors = [], {}
        for stack, (block, modules) in MODULES[name].items():
            with_target = direct.encoder_decoder and stack == "decoder"
            inputs = direct_methods.Inputs(direct, golden["prompt_ids"][PAIR], golden["target_ids"][PAIR], with_target)
            side = "source" if stack == "encoder" else "target"
            for module in modules:
                layer = f"{block}.{module}"
                for method, arguments in (("layer_gradient_x_activation", {}), ("layer_integrated_gradients", {"n_steps": 3}),
                                          ("layer_deeplift", {})):
                    if with_target and method != "layer_gradient_x_activation":
                        continue  # the source moves too
                    scores, made_by = inner.at_layer(inputs, method, stack, layer, **arguments)[side], "torch"
                    if method == "layer_gradient_x_activation" and not with_target:
                        try:
                            asked = of_reference(folder, prompt, generated, layer, stack == "encoder")
                            rows = min(len(asked), len(scores))
                            torch.testing.assert_close(asked[:rows], scores[:rows], rtol=1e-4, atol=1e-6, equal_nan=True)
                            made_by = "inseq 0.7.1"
                        except (RuntimeError, IndexError, TypeError) as error:
                            print(name, layer, "reference fails:", str(error).splitlines()[0][:90], flush=True)
                    key = str(len(cases))
                    tensors[f"{key}.sum"] = scores.sum(-1).contiguous()
                    tensors[f"{key}.norm"] = scores.norm(dim=-1).contiguous()
                    cases.append({"method": method, "arguments": {**arguments, "target_layer": layer}, "side": side,
                                  "attribute_target": with_target, "made_by": made_by})
        text = {"prompt": prompt, "generated": generated, "cases": cases}
        path = out / f"{name}_layers.json"
        path.write_text(json.dumps(text, ensure_ascii=False, separators=(",", ":")) + "\n")
        save_file(tensors, path.with_suffix(".safetensors"))
        print(name, len(cases), "cases", {case["made_by"] for case in cases}, flush=True)


if __name__ == "__main__":
    main()
