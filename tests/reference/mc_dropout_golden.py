"""What models say under dropout: the mean of the step function's z-scores over many draws, by torch.

    python mc_dropout_golden.py ../fixtures/architectures ../fixtures/step_functions/mc_dropout.json

Every rate of a configuration is set to one of its own, so that a place that is missed shows. The reference draws without a seed and
leaves its model in training mode, so its own numbers cannot be had twice.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

import architecture_checkpoints as checkpoints  # noqa: E402

RATES = {
    "marian": {"dropout": 0.1, "attention_dropout": 0.2, "activation_dropout": 0.15},
    "t5": {"dropout_rate": 0.1},
    "gpt2": {"embd_pdrop": 0.1, "attn_pdrop": 0.25, "resid_pdrop": 0.15},
    "bloom": {"attention_dropout": 0.25, "hidden_dropout": 0.1},
    "gpt_neox": {"attention_dropout": 0.25, "hidden_dropout": 0.1},
}
FORWARDS = 40
DRAWS = 100


def main():
    models, out = Path(sys.argv[1]), {}
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, rates in RATES.items():
        golden = json.loads((models / name / "golden.json").read_text())
        prompt, generated = golden["prompts"][1], golden["generated"][1]
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(shutil.copytree(models / name, Path(folder) / name))
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps({**config, **rates}))
            model, tokenizer = checkpoints.load(folder), AutoTokenizer.from_pretrained(folder)
        if model.config.is_encoder_decoder:
            inputs = {"input_ids": torch.tensor([tokenizer(prompt).input_ids])}
            written = [model.config.decoder_start_token_id, *tokenizer(text_target=generated).input_ids]
            start, key = 1, "decoder_input_ids"
        else:
            written = tokenizer(generated).input_ids
            inputs, start, key = {}, len(tokenizer(prompt).input_ids), "input_ids"
        inputs[key] = torch.tensor([written])
        steps = torch.arange(start, len(written))

        @torch.no_grad()
        def probabilities(copies):
            logits = model(**{k: v.repeat(copies, 1) for k, v in inputs.items()}).logits
            return logits.softmax(-1)[:, steps - 1, inputs[key][0, steps]]

        clean = probabilities(1)
        model.train()
        noisy = torch.stack([probabilities(FORWARDS) for _ in range(DRAWS)])  # [draw, forward, step]
        z = (clean - noisy.mean(1)) / noisy.std(1)
        out[name] = {
            "rates": rates, "prompt": prompt, "generated": generated, "n_mcd_steps": FORWARDS,
            "mean": z.mean(0).tolist(), "error": (z.std(0) / DRAWS**0.5).tolist(),
        }
        print(name, [round(v, 3) for v in out[name]["mean"]], [round(v, 3) for v in out[name]["error"]])
    Path(sys.argv[2]).write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
