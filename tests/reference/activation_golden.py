"""Every activation of transformers' `ACT2FN`, and what DeepLIFT makes of it.

    python activation_golden.py ../fixtures/architectures ../fixtures/activations/golden.json

Values and slopes are torch's own, on a grid with the kinks; slopes where torch has no number are left out. Then the probabilities
of a text's steps, and the reference's DeepLIFT scores (their default aggregation), of a checkpoint with another activation.
Versions are pinned in requirements.txt.
"""

import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import inseq  # noqa: E402
import torch  # noqa: E402
from transformers import logging  # noqa: E402
from transformers.activations import ACT2FN  # noqa: E402

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()

# These have weights of their own.
WITH_WEIGHTS = ["prelu", "xielu"]
GRID = [-100, -90, -30, -20, -15.5, -14.5, -10.5, -10, -6, -3.5, -3, -2.5, -1.5, -1, -0.7, -0.3, -0.01, -1e-4, -1e-7, 0, 1e-7, 1e-4,
        0.01, 0.3, 0.707107, 1, 1.5, 2, 2.5, 3, 3.5, 5.5, 6, 6.5, 9.5, 10, 10.5, 19, 21, 30, 90, 100]
CHECKPOINTS = [("gpt2", "activation_function"), ("llama", "hidden_act"), ("bart", "activation_function"), ("t5_gated", "feed_forward_proj")]
DEEP_LIFT = ["relu", "leaky_relu", "tanh", "sigmoid", "relu6", "relu2", "mish", "quick_gelu"]
PROMPT, TEXT = "the cat", "the cat sat on the mat"


def curve(name):
    x = torch.tensor(GRID, dtype=torch.float32, requires_grad=True)
    y = ACT2FN[name](x)
    y.sum().backward()
    number = lambda value: None if value != value else float(f"{value:.9g}")  # noqa: E731
    return {"values": [number(v) for v in y.tolist()], "slopes": [number(v) for v in x.grad.tolist()]}


def attributed(architectures, checkpoint, field, name):
    with tempfile.TemporaryDirectory() as folder:
        for file in (architectures / checkpoint).iterdir():
            if file.name != "config.json":
                os.symlink(file.resolve(), Path(folder) / file.name)
        config = json.loads((architectures / checkpoint / "config.json").read_text())
        config[field] = f"gated-{name}" if checkpoint == "t5_gated" else name
        (Path(folder) / "config.json").write_text(json.dumps(config))
        method = "deeplift" if name in DEEP_LIFT else "dummy"
        model = inseq.load_model(folder, method, model_kwargs={"attn_implementation": "eager", "dtype": torch.float32})
        out = model.attribute(PROMPT, TEXT, step_scores=["probability"], show_progress=False, attribute_target=True)
        sequence = out.sequence_attributions[0]
        case = {"checkpoint": checkpoint, "field": field, "value": config[field],
                "probability": [float(f"{p:.7g}") for p in sequence.step_scores["probability"].tolist()]}
        if method == "deeplift":
            aggregated = sequence.aggregate()
            sides = {"source": aggregated.source_attributions, "target": aggregated.target_attributions}
            case |= {side: [[None if v != v else float(f"{v:.7g}") for v in row] for row in scores.tolist()]
                     for side, scores in sides.items() if scores is not None}
        return case


def main():
    architectures, out = Path(sys.argv[1]), Path(sys.argv[2])
    names = [name for name in ACT2FN if name not in WITH_WEIGHTS]
    curves = {name: curve(name) for name in names}
    cases = [attributed(architectures, checkpoint, field, name) for checkpoint, field in CHECKPOINTS for name in names]
    out.parent.mkdir(exist_ok=True)
    golden = {"grid": GRID, "curves": curves, "cases": cases, "prompt": PROMPT, "text": TEXT}
    text = json.dumps(golden, separators=(",", ":")).replace('{"checkpoint"', '\n{"checkpoint"').replace('},"', '},\n"')
    out.write_text(text + "\n")


main()
