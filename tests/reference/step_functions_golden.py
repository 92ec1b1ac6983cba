"""Golden files of the step functions, on tiny checkpoints of `../fixtures/architectures`.

    python step_functions_golden.py ../fixtures/architectures ../fixtures/step_functions

Each function as a step score, and as the attributed function of saliency and integrated gradients, whose aggregated scores are
kept. What both can do is made by both and compared; where the reference fails or is wrong, the value comes from torch:

- `crossentropy` and `perplexity` of one text want a batch axis there;
- a divergence over the likeliest tokens is NaN there;
- `contrast_sources` alone is ignored when attributed, and refused for decoder-only models;
- contrasts with forced inputs let gradients through the other source, against the reference's own warning.
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from transformers import AutoTokenizer, logging  # noqa: E402

import architecture_checkpoints as checkpoints  # noqa: E402
import architecture_gradients as gradients  # noqa: E402
import step_functions_direct as direct  # noqa: E402

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity_error()

NAMES = ["marian", "t5", "gpt2", "bloom"]
PAIR = 1
PLAIN = ["logit", "probability", "entropy", "crossentropy", "perplexity"]
CONTRASTS = ["contrast_logits", "contrast_prob", "contrast_logits_diff", "contrast_prob_diff", "pcxmi", "in_context_pvi"]
METHODS = {"saliency": {}, "integrated_gradients": {"n_steps": 4}}


class Golden:
    def __init__(self, folder):
        golden = json.loads((folder / "golden.json").read_text())
        self.prompt, self.generated = golden["prompts"][PAIR], golden["generated"][PAIR]
        model = checkpoints.load(folder)
        self.encoder_decoder = model.config.is_encoder_decoder
        self.reference = gradients.Reference(folder, model)
        self.cases = []
        self.beginning = "" if self.encoder_decoder else self.prompt + " "
        self.other = self.beginning + "to the mat ."
        self.longer = self.beginning + "on to the old house ."
        encode = lambda text, as_target: self.reference.model.encode(  # noqa: E731
            text, as_targets=as_target and self.encoder_decoder).input_ids[0].tolist()
        # A model of its own: the reference's has its decoder's scale changed.
        self.direct = direct.DirectFunction(checkpoints.load(folder), AutoTokenizer.from_pretrained(folder), encode)

    def by_reference(self, function, arguments, method, more):
        if method is None:
            out = self.reference.model.attribute(self.prompt, self.generated, method="dummy", show_progress=False,
                                                 step_scores=[function], **arguments)
            return None, out.sequence_attributions[0].step_scores[function]
        extra = {"internal_batch_size": 1} if method == "integrated_gradients" else {}
        out = self.reference.model.attribute(self.prompt, self.generated, method=method, show_progress=False,
                                             attributed_fn=function, **arguments, **more, **extra)
        side = "source_attributions" if self.encoder_decoder else "target_attributions"
        return getattr(out.sequence_attributions[0], side), getattr(out.sequence_attributions[0].aggregate(), side)

    def by_torch(self, function, arguments, method, more):
        if method is None:
            return None, torch.tensor(self.direct.score(function, arguments, self.prompt, self.generated))
        result = self.direct.attributed_scores(function, arguments, self.prompt, self.generated, method, **more)
        side = "source" if self.encoder_decoder else "target"
        return getattr(result, side), getattr(result.aggregated(), side)

    def run(self, function, arguments, method=None, reference=True, **more):
        found = {}
        for maker, make in (("inseq", self.by_reference), ("torch", self.by_torch)):
            if (reference or maker == "torch") and (function in direct.FUNCTIONS or maker == "inseq"):
                raw, scores = make(function, arguments, method, more)
                if raw is not None:
                    # Where token and alternative are one the gradient is zero, and what is left of it is rounding.
                    raw = raw.nan_to_num().abs().sum((0, 2))
                    scores = torch.where(raw > 1e-5 * raw.max(), scores, 0)
                # Zeros stand for what is not seen: JSON has no NaN.
                found[maker] = scores.nan_to_num()
        if len(found) == 2:
            a, b = found["inseq"], found["torch"]
            rows = min(a.shape[0], b.shape[0])
            worst = ((a[:rows] - b[:rows]).abs().max() / b.abs().max().clamp(min=1e-3)).item()
            assert worst < 5e-5, (function, arguments, method, worst)
        scores = next(iter(found.values()))
        case = {"function": function, "arguments": arguments, "method": method, "method_arguments": more}
        if method is not None:
            case["shape"] = list(scores.shape)
        case["scores"] = [float(f"{value:.7g}") for value in scores.flatten().tolist()]
        case["made_by"] = next(iter(found))
        assert all(abs(v) < 1e9 for v in case["scores"]), case
        self.cases.append(case)

    def attributed(self, function, arguments, reference=True):
        for method, more in METHODS.items():
            self.run(function, arguments, method, reference, **more)

    def everything(self):
        for function in PLAIN:
            known = function not in ("crossentropy", "perplexity")
            self.run(function, {}, reference=known)
            self.attributed(function, {}, reference=known)
        self.run("probability", {"logprob": True})
        self.attributed("probability", {"logprob": True})
        self.run("top_p_size", {"top_p": 0.5})
        self.run("top_p_size", {"top_p": 0.9})

        pairs = [[(2, 3), (3, 2)]]
        targets = [{"contrast_targets": self.other}, {"contrast_targets": self.longer},
                   {"contrast_targets": self.longer, "contrast_targets_alignments": pairs}]
        source = {"contrast_sources": "the cat sat"}
        both = {**source, "contrast_targets": self.other if self.encoder_decoder else "the cat sat to the mat ."}
        for function in [*CONTRASTS, "kl_divergence"]:
            for context in targets:
                self.run(function, context)
            self.run(function, source, reference=self.encoder_decoder)
            self.run(function, both, reference=self.encoder_decoder)
        for function in ("contrast_prob", "contrast_prob_diff"):
            self.run(function, {**targets[0], "logprob": True})
        for limits in ({"top_k": 3}, {"top_p": 0.6}, {"top_k": 4, "top_p": 0.8, "min_tokens_to_keep": 2}):
            self.run("kl_divergence", {**targets[0], **limits}, reference=False)

        for function in CONTRASTS:
            for context in targets:
                self.attributed(function, context)
            if function not in ("contrast_logits", "contrast_prob"):  # of another context alone they have no gradient
                self.attributed(function, source, reference=False)
        for function in ("contrast_prob_diff", "kl_divergence"):
            for context in (targets[0], targets[2], source):
                forced = {**context, "contrast_force_inputs": True}
                # The reference's integrated gradients change what it takes for its own inputs.
                self.run(function, forced, "saliency", not self.encoder_decoder and context is not source)
                self.run(function, forced, "integrated_gradients", False, **METHODS["integrated_gradients"])


def main():
    models, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        golden = Golden(models / name)
        golden.everything()
        value = {"prompt": golden.prompt, "generated": golden.generated, "cases": golden.cases}
        (out / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
        made = [case["made_by"] for case in golden.cases]
        print(name, len(made), "cases,", made.count("torch"), "by torch alone", flush=True)


if __name__ == "__main__":
    main()
