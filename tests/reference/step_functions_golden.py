"""Golden files of the step functions that compare with other contexts, on tiny checkpoints of `../fixtures/architectures`.

    python step_functions_golden.py ../fixtures/architectures ../fixtures/step_functions

Each function as a step score, and as the attributed function of saliency and integrated gradients, whose aggregated scores are
kept. Where the reference is wrong (a divergence over the likeliest tokens is NaN there) the value comes from torch.
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from transformers import logging  # noqa: E402

import architecture_checkpoints as checkpoints  # noqa: E402
import architecture_gradients as gradients  # noqa: E402

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity_error()

NAMES = ["marian", "t5", "gpt2", "bloom"]
PAIR = 1
DIFFERENTIABLE = ["contrast_prob", "contrast_prob_diff", "contrast_logits", "contrast_logits_diff", "pcxmi", "in_context_pvi"]


class Golden:
    def __init__(self, folder):
        golden = json.loads((folder / "golden.json").read_text())
        self.prompt, self.generated = golden["prompts"][PAIR], golden["generated"][PAIR]
        model = checkpoints.load(folder)
        self.encoder_decoder = model.config.is_encoder_decoder
        self.reference = gradients.Reference(folder, model)
        self.cases = []
        beginning = "" if self.encoder_decoder else self.prompt + " "
        self.other = beginning + "to the mat ."
        self.longer = beginning + "on to the old house ."

    def run(self, function, arguments, method=None, **more):
        case = {"function": function, "arguments": arguments, "method": method, "method_arguments": more}
        try:
            if method is None:
                out = self.reference.model.attribute(self.prompt, self.generated, method="dummy", show_progress=False,
                                                     step_scores=[function], **arguments)
                sequence = out.sequence_attributions[0]
                case["scores"] = sequence.step_scores[function].tolist()
            else:
                extra = {"internal_batch_size": 1} if method == "integrated_gradients" else {}
                out = self.reference.model.attribute(self.prompt, self.generated, method=method, show_progress=False,
                                                     attributed_fn=function, **arguments, **more, **extra)
                side = "source_attributions" if self.encoder_decoder else "target_attributions"
                raw = getattr(out.sequence_attributions[0], side).nan_to_num().abs().sum((0, 2))
                sequence = out.sequence_attributions[0].aggregate()
                # Where token and alternative are one the gradient is zero, and what is left of it is rounding.
                scores = torch.where(raw > 1e-5 * raw.max(), getattr(sequence, side), 0)
                case["shape"] = list(scores.shape)
                # Zeros stand for what is not seen: JSON has no NaN.
                case["scores"] = scores.nan_to_num().flatten().tolist()
        except Exception as error:  # noqa: BLE001
            print("reference fails:", function, arguments, method, f"{type(error).__name__}: {error}"[:160], flush=True)
            return
        assert all(abs(v) < 1e9 for v in case["scores"]), case
        self.cases.append(case)

    def everything(self):
        pairs = [[(2, 3), (3, 2)]]
        contexts = [{"contrast_targets": self.other}, {"contrast_targets": self.longer},
                    {"contrast_targets": self.longer, "contrast_targets_alignments": pairs}]
        if self.encoder_decoder:
            contexts += [{"contrast_sources": "the cat sat"}, {"contrast_sources": "the cat sat", "contrast_targets": self.other}]
        for context in contexts:
            for function in [*DIFFERENTIABLE, "kl_divergence"]:
                self.run(function, context)
        self.run("contrast_prob", {**contexts[0], "logprob": True})
        self.run("top_p_size", {"top_p": 0.5})
        self.run("top_p_size", {"top_p": 0.9})
        for context in contexts[:3]:
            for function in DIFFERENTIABLE:
                self.run(function, context, "saliency")
            self.run("contrast_prob_diff", context, "integrated_gradients", n_steps=6)
            # In encoder-decoders the reference lets gradients through the other context as well, against its own warning.
            if not self.encoder_decoder:
                self.run("contrast_prob_diff", {**context, "contrast_force_inputs": True}, "saliency")
                self.run("kl_divergence", {**context, "contrast_force_inputs": True}, "saliency")


def main():
    models, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        golden = Golden(models / name)
        golden.everything()
        value = {"prompt": golden.prompt, "generated": golden.generated, "cases": golden.cases}
        (out / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
        print(name, len(golden.cases), "cases", flush=True)


if __name__ == "__main__":
    main()
