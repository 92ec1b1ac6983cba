"""Golden files of attributed positions, on the tiny checkpoints of `../fixtures/architectures`.

    python positions_golden.py ../fixtures/architectures ../fixtures/positions [NAME ...]

The reference attributes the target positions `start..end` of one text at a time. On an encoder-decoder it goes one step too far
where the end is not that of the text; that step is left out. Scores with one value a feature are summed over features.
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import logging  # noqa: E402

import architecture_checkpoints as checkpoints  # noqa: E402
import architecture_gradients as gradients  # noqa: E402

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity_error()

NAMES = ["marian", "t5", "bart", "gpt2", "bloom", "llama"]
PAIR = 1
# What `positions` takes: both ends, one step, the first step, the last one, counts from the end. Decoder-only models start no
# earlier than their prompt's end; the numbers are counted from there.
POSITIONS = [(2, 5), (3, 4), (None, 3), (4, None), (-1, None), (-4, -2), (None, -3), (2, 99)]
METHODS = [
    ("saliency", {}),
    ("integrated_gradients", {"n_steps": 4}),
    ("occlusion", {}),
    ("attention", {}),
]


def reference(model, prompt, generated, method, with_target, start, end, arguments):
    # Methods that read what goes on inside the model take no step scores there.
    scores = [] if method == "attention" else ["probability"]
    out = model.attribute(prompt, generated, method=method, attribute_target=with_target, show_progress=False,
                          step_scores=scores, attr_pos_start=start, attr_pos_end=end, **arguments)
    return out.info, out.sequence_attributions[0]


def main():
    models, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[3:] or NAMES:
        folder = models / name
        golden = json.loads((folder / "golden.json").read_text())
        prompt, generated = golden["prompts"][PAIR], golden["generated"][PAIR]
        model = gradients.Reference(folder, checkpoints.load(folder)).model
        encoder_decoder = model.is_encoder_decoder
        first = 0 if encoder_decoder else len(golden["prompt_ids"][PAIR]) - 1
        counted = lambda p: p if p is None or p < 0 else p + first  # noqa: E731
        cases, tensors = [], {}
        for method, arguments in METHODS:
            for with_target in [False, True] if encoder_decoder else [False]:
                for start, end in POSITIONS:
                    start, end = counted(start), counted(end)
                    try:
                        info, sequence = reference(model, prompt, generated, method, with_target, start, end, arguments)
                    except Exception as error:  # noqa: BLE001
                        print(name, method, with_target, start, end, f"reference fails: {type(error).__name__}: {error}"[:160], flush=True)
                        continue
                    steps = info["attr_pos_end"] - info["attr_pos_start"]
                    key = str(len(cases))
                    for side in ("source", "target"):
                        scores = getattr(sequence, f"{side}_attributions")
                        if scores is None:
                            continue
                        # One step too many.
                        assert scores.shape[1] - steps in ((0, 1) if encoder_decoder else (0,)), (scores.shape, steps)
                        scores = scores[:, :steps].detach().float()
                        tensors[f"{key}.{side}"] = (scores.sum(-1) if method in ("saliency", "integrated_gradients") else scores).contiguous()
                    for score, values in sequence.step_scores.items():
                        tensors[f"{key}.step.{score}"] = values[:steps].detach().float().contiguous()
                    cases.append({"method": method, "arguments": arguments, "attribute_target": with_target,
                                  "start": start, "end": end, "positions": [info["attr_pos_start"], info["attr_pos_end"]]})
        golden = {"prompt": prompt, "generated": generated, "cases": cases}
        (out / f"{name}.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
        save_file(tensors, out / f"{name}.safetensors")
        print(name, len(cases), "cases", flush=True)


if __name__ == "__main__":
    main()
