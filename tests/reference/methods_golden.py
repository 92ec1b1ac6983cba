"""Golden files of every attribution method, on the tiny checkpoints of `../fixtures/architectures`.

    python methods_golden.py ../fixtures/architectures ../fixtures/methods [NAME ...]

The reference is asked where it runs and is right; elsewhere `methods_direct.py` computes what the method is by definition. Of
scores with one value a feature, their sum (signed) and norm are kept for each token. With the environment variable VALUE_ZEROING
set, only value zeroing is asked for, into `NAME_value_zeroing.*`: it needs transformers 4.57.6 (and the same inseq).
"""

import json
import os
import shutil
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

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity_error()

# Those that the reference runs value zeroing on, with transformers 4.57.6.
VALUE_ZEROING = ["marian", "t5", "t5_gated", "bart", "opt", "bloom"]
NAMES = ["marian", "t5", "t5_gated", "bart", "gpt2", "opt", "bloom", "gpt_neox", "llama"]
PAIR = 1
SHAP_SEEDS = 100
# Steps of which exact Shapley values are computed: they take all choices of tokens.
FEW = 3
# By the reference: method, arguments.
DETERMINISTIC = [
    ("deeplift", {}),
    ("discretized_integrated_gradients", {"n_steps": 7, "method": "greedy"}),
    ("discretized_integrated_gradients", {"n_steps": 7, "method": "maxcount"}),
    ("layer_gradient_x_activation", {}),
    ("layer_integrated_gradients", {"n_steps": 8}),
    ("layer_deeplift", {}),
    ("occlusion", {}),
    ("attention", {}),
]


class Golden:
    def __init__(self, folder):
        self.folder = folder
        golden = json.loads((folder / "golden.json").read_text())
        self.prompt, self.generated = golden["prompts"][PAIR], golden["generated"][PAIR]
        self.prompt_ids, self.target_ids = golden["prompt_ids"][PAIR], golden["target_ids"][PAIR]
        self.model = checkpoints.load(folder)
        self.direct = gradients.Direct(self.model, AutoTokenizer.from_pretrained(folder))
        self.reference = gradients.Reference(folder, checkpoints.load(folder))
        self.modes = [False, True] if self.direct.encoder_decoder else [False]
        self.cases, self.tensors = [], {}

    def keep(self, method, arguments, with_target, source, made_by, scores, steps=None, **more):
        key = str(len(self.cases))
        kinds = set()
        for side in ("source", "target"):
            values = scores.get(side)
            if values is None:
                continue
            values = values.detach().float()
            if values.dim() == 3 and method not in ("value_zeroing",):
                self.tensors[f"{key}.{side}.sum"] = values.sum(-1).contiguous()
                self.tensors[f"{key}.{side}.norm"] = values.norm(dim=-1).contiguous()
                kinds.add("granular")
            else:
                self.tensors[f"{key}.{side}"] = values.contiguous()
                kinds.add("whole")
        for name, values in (scores.get("sequence_scores") or {}).items():
            self.tensors[f"{key}.sequence.{name}"] = values.detach().float().contiguous()
        assert len(kinds) == 1, (method, kinds)
        self.cases.append({"method": method, "arguments": arguments, "attribute_target": with_target, "made_by": made_by,
                           "granular": kinds == {"granular"}, "steps": steps, **more})

    def of_reference(self, method, with_target, **arguments):
        if method == "discretized_integrated_gradients":
            # Its cache of neighbours goes by the model's name, which all of these share.
            from inseq.attr.feat.ops.discretized_integrated_gradients import MonotonicPathBuilder
            from inseq.utils import INSEQ_ARTIFACTS_CACHE
            shutil.rmtree(INSEQ_ARTIFACTS_CACHE / "dig_knn", ignore_errors=True)
            # The strategy cannot be passed: the argument of its name is the attribution method.
            strategy = arguments.pop("strategy")
            plain = MonotonicPathBuilder.scale_inputs
            MonotonicPathBuilder.scale_inputs = lambda *a, **k: plain(*a, **{**k, "scale_strategy": strategy})
            try:
                return self.of_reference("discretized_integrated_gradients ", with_target, **arguments)
            finally:
                MonotonicPathBuilder.scale_inputs = plain
        out = self.reference.model.attribute(self.prompt, self.generated, method=method.strip(), attribute_target=with_target,
                                             show_progress=False, **arguments)
        sequence = out.sequence_attributions[0]
        return {"source": sequence.source_attributions, "target": sequence.target_attributions,
                "sequence_scores": sequence.sequence_scores}

    def inputs(self, with_target):
        return direct_methods.Inputs(self.direct, self.prompt_ids, self.target_ids, with_target)

    def plain(self, method, with_target, **arguments):
        result = self.direct.attribute(self.prompt_ids, self.target_ids, method, with_target, **arguments)
        return {"source": result.source, "target": result.target}

    def everything(self):
        for with_target in self.modes:
            for method, arguments in DETERMINISTIC:
                try:
                    asked = dict(arguments)
                    if "method" in asked:
                        asked["strategy"] = asked.pop("method")
                    scores, made_by = self.of_reference(method, with_target, **asked), "inseq 0.7.1"
                    if method in ("layer_integrated_gradients", "layer_deeplift"):
                        # It hands the layer the same states for the input and the baseline.
                        assert all(side is None or side.nan_to_num().abs().max() == 0 for side in (scores["source"], scores["target"]))
                        raise ValueError("its differences are all 0")
                except Exception as error:  # noqa: BLE001
                    reason = f"{type(error).__name__}: {error}".splitlines()[0][:100]
                    print(self.folder.name, method, with_target, "reference fails:", reason, flush=True)
                    made_by = f"torch, as the reference fails: {reason}"
                    if method == "layer_gradient_x_activation":
                        scores = self.plain("input_x_gradient", with_target)
                    elif method == "layer_integrated_gradients":
                        scores = self.plain("integrated_gradients", with_target, **arguments)
                    elif method == "layer_deeplift":
                        scores = self.of_reference("deeplift", with_target)
                    elif method == "occlusion":
                        scores = direct_methods.occlusion(self.inputs(with_target))
                    else:
                        continue
                self.keep(method, arguments, with_target, None, made_by, scores)
            if self.model.config.model_type in ("gpt2", "gpt_neox", "llama"):
                # The reference fails on these with transformers 4.57.6 and 5.23.
                self.keep("value_zeroing", {}, with_target, None, "torch", direct_methods.value_zeroing(self.model, self.inputs(with_target)))
            # Of what the reference occludes without failing, the definition says the same.
            self.keep("occlusion", {}, with_target, None, "torch", direct_methods.occlusion(self.inputs(with_target)))
            arguments = {"n_steps": 8}
            scores = direct_methods.sequential_integrated_gradients(self.inputs(with_target), **arguments)
            self.keep("sequential_integrated_gradients", arguments, with_target, None, "torch", scores)
            self.keep("attention_rollout", {}, with_target, None, "torch",
                      direct_methods.rollout(self.model, self.inputs(with_target)))
            inputs = self.inputs(with_target)
            few = range(inputs.start, min(inputs.start + FEW, inputs.end))
            self.keep("kernel_shap", {"n_samples": 1 << 14}, with_target, None, "torch, all choices",
                      direct_methods.shapley(inputs, few), steps=len(few))
            self.keep("lime", {"n_samples": 20000, "alpha": 0.0}, with_target, None, "torch, all choices",
                      direct_methods.lime(inputs, few, 0.3), steps=len(few), tolerance=0.05)
            self.gradient_shap(with_target)

    def gradient_shap(self, with_target):
        """The distribution of the signed sums over features."""
        sums = {"source": [], "target": []}
        for seed in range(SHAP_SEEDS):
            torch.manual_seed(seed)
            import numpy
            numpy.random.seed(seed)
            scores = self.of_reference("gradient_shap", with_target)
            for side, kept in sums.items():
                if scores[side] is not None:
                    kept.append(scores[side].sum(-1))
        scores = {}
        key = str(len(self.cases))
        for side, kept in sums.items():
            if kept:
                kept = torch.stack(kept)
                scores[side] = kept.mean(0)
                self.tensors[f"{key}.{side}.error"] = (kept.std(0) / len(kept) ** 0.5).contiguous()
        self.keep("gradient_shap", {}, with_target, None, "inseq 0.7.1", scores, random=True)

    def value_zeroing(self):
        for with_target in self.modes:
            try:
                scores = self.of_reference("value_zeroing", with_target)
            except Exception as error:  # noqa: BLE001
                print(self.folder.name, "value_zeroing", with_target, "reference fails:", f"{type(error).__name__}: {error}"[:150], flush=True)
                continue
            self.keep("value_zeroing", {}, with_target, None, "inseq 0.7.1, transformers 4.57.6", scores)

    def save(self, path):
        out = {"prompt": self.prompt, "generated": self.generated, "cases": self.cases}
        path.with_suffix(".json").write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n")
        save_file(self.tensors, path.with_suffix(".safetensors"))


def main():
    models, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[3:] or (VALUE_ZEROING if os.environ.get("VALUE_ZEROING") else NAMES):
        golden = Golden(models / name)
        if os.environ.get("VALUE_ZEROING"):
            golden.value_zeroing()
            golden.save(out / f"{name}_value_zeroing.x")
        else:
            golden.everything()
            golden.save(out / f"{name}.x")
        print(name, len(golden.cases), "cases", flush=True)


if __name__ == "__main__":
    main()
