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
import methods_inner as inner  # noqa: E402
import methods_random as randoms  # noqa: E402

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity_error()

# Those that the reference runs value zeroing on, with transformers 4.57.6.
VALUE_ZEROING = ["marian", "t5", "t5_gated", "bart", "opt", "bloom"]
NAMES = ["marian", "t5", "t5_gated", "bart", "gpt2", "opt", "bloom", "gpt_neox", "llama"]
PAIRS = [1, 8]
SEEDS = 100
# Seeds of what is computed as one batch.
MANY_SEEDS = 400
# Steps of which exact Shapley values and the like are computed: they take all choices of tokens.
FEW = 3
# By the reference: method, arguments, attributed function.
DETERMINISTIC = [
    ("deeplift", {}, "probability"),
    ("discretized_integrated_gradients", {"n_steps": 7, "method": "greedy"}, "probability"),
    ("discretized_integrated_gradients", {"n_steps": 7, "method": "maxcount"}, "probability"),
    ("layer_gradient_x_activation", {}, "probability"),
    ("layer_integrated_gradients", {"n_steps": 8}, "probability"),
    ("layer_deeplift", {}, "probability"),
    ("occlusion", {}, "probability"),
    ("occlusion", {"sliding_window_shapes": 2}, "probability"),
    ("attention", {}, "probability"),
    ("saliency", {}, "probability"),
    ("saliency", {}, "entropy"),
    ("input_x_gradient", {}, "logit"),
    ("integrated_gradients", {"n_steps": 6}, "logit"),
    ("deeplift", {}, "logit"),
    ("occlusion", {}, "logit"),
]


class Golden:
    def __init__(self, folder):
        self.folder = folder
        golden = json.loads((folder / "golden.json").read_text())
        self.texts = [{"prompt": golden["prompts"][pair], "generated": golden["generated"][pair],
                       "prompt_ids": golden["prompt_ids"][pair], "target_ids": golden["target_ids"][pair]} for pair in PAIRS]
        self.choose(0)
        self.model = checkpoints.load(folder)
        self.direct = gradients.Direct(self.model, AutoTokenizer.from_pretrained(folder))
        self.reference = gradients.Reference(folder, checkpoints.load(folder))
        self.modes = [False, True] if self.direct.encoder_decoder else [False]
        self.cases, self.tensors = [], {}

    def choose(self, text):
        self.text = text
        for name, value in self.texts[text].items():
            setattr(self, name, value)

    def keep(self, method, arguments, with_target, made_by, scores, steps=None, function="probability", **more):
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
        self.cases.append({"text": self.text, "method": method, "arguments": arguments, "attributed_fn": function,
                           "attribute_target": with_target, "made_by": made_by, "granular": kinds == {"granular"},
                           "steps": steps, **more})

    def keep_distribution(self, method, arguments, with_target, made_by, means, errors, steps=None, **more):
        key = str(len(self.cases))
        for side, values in errors.items():
            if values is not None:
                self.tensors[f"{key}.{side}.error"] = values.float().contiguous()
        self.keep(method, arguments, with_target, made_by, means, steps, random=True, **more)

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
        if window := arguments.pop("sliding_window_shapes", None):
            shape = (window, self.direct.embed([0]).shape[-1])
            both = with_target and self.direct.encoder_decoder
            arguments["sliding_window_shapes"] = (shape, shape) if both else (shape,)
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
        for text in range(len(PAIRS)):
            self.choose(text)
            # Of a further text with all that there is to attribute.
            for with_target in self.modes if text == 0 else self.modes[-1:]:
                for method, arguments, function in DETERMINISTIC:
                    self.by_reference(method, arguments, function, with_target)
                self.by_definition(with_target)
                if text == 0:
                    self.by_all_choices(with_target)
                    self.at_random(with_target)

    def by_reference(self, method, arguments, function, with_target):
        self.direct.function = function
        try:
            asked = dict(arguments)
            if "method" in asked:
                asked["strategy"] = asked.pop("method")
            if function != "probability":
                asked["attributed_fn"] = function
            scores, made_by = self.of_reference(method, with_target, **asked), "inseq 0.7.1"
            if method in ("layer_integrated_gradients", "layer_deeplift"):
                # It hands the layer the same states for the input and the baseline.
                assert all(side is None or side.nan_to_num().abs().max() == 0 for side in (scores["source"], scores["target"]))
                raise ValueError("its differences are all 0")
        except Exception as error:  # noqa: BLE001
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:100]
            print(self.folder.name, method, function, with_target, "reference fails:", reason, flush=True)
            made_by = "torch"
            if method in ("layer_gradient_x_activation", "input_x_gradient"):
                scores = self.plain("input_x_gradient", with_target)
            elif method in ("layer_integrated_gradients", "integrated_gradients"):
                scores = self.plain("integrated_gradients", with_target, **arguments)
            elif method == "layer_deeplift":
                scores = self.of_reference("deeplift", with_target)
            elif method == "saliency":
                scores = self.plain("saliency", with_target)
            elif method == "occlusion":
                scores = direct_methods.occlusion(self.inputs(with_target), arguments.get("sliding_window_shapes", 1))
            else:
                scores = None
        self.direct.function = "probability"
        if scores is not None:
            self.keep(method, arguments, with_target, made_by, scores, function=function)

    def by_definition(self, with_target):
        inputs = self.inputs(with_target)
        some = {"encoder": [0], "decoder": {1: [0, 1]}, "cross": 1}
        asked = {f"{which}_zeroed_units_indices": value for which, value in some.items()}
        heads = self.model.config
        whole = getattr(heads, "num_key_value_heads", None) in (None, getattr(heads, "num_attention_heads", None))
        for metric in ("cosine", "euclidean"):
            self.keep("value_zeroing", {"similarity_metric": metric}, with_target, "torch", inner.value_zeroing(self.model, inputs, metric))
        if whole:
            self.keep("value_zeroing", asked, with_target, "torch", inner.value_zeroing(self.model, inputs, "cosine", some))
        # Of what the reference occludes without failing, the definition says the same.
        for window, stride in ((1, 1), (2, 1), (3, 2)):
            arguments = {} if window == 1 else {"sliding_window_shapes": window, "strides": stride}
            self.keep("occlusion", arguments, with_target, "torch", direct_methods.occlusion(inputs, window, stride))
        arguments = {"n_steps": 8}
        self.direct.function = "logit"
        scores = direct_methods.sequential_integrated_gradients(inputs, **arguments)
        self.keep("sequential_integrated_gradients", arguments, with_target, "torch", scores, function="logit")
        self.direct.function = "probability"
        scores = direct_methods.sequential_integrated_gradients(inputs, **arguments)
        self.keep("sequential_integrated_gradients", arguments, with_target, "torch", scores)
        self.keep("attention_rollout", {}, with_target, "torch", direct_methods.rollout(inputs))
        self.keep("attention_flow", {}, with_target, "networkx", inner.flow(inputs))
        for stack in ("encoder", "decoder") if self.direct.encoder_decoder else ("decoder",):
            for method, arguments in (("layer_gradient_x_activation", {}), ("layer_integrated_gradients", {"n_steps": 6}), ("layer_deeplift", {})):
                if stack == "decoder" and not inputs.with_target and method != "layer_gradient_x_activation":
                    continue  # what differs from the baseline there is not attributed
                scores = inner.at_layer(inputs, method, stack, 0, **arguments)
                self.keep(method, {**arguments, "target_layer": f"{stack}.0"}, with_target, "torch", scores)

    def by_all_choices(self, with_target):
        inputs = self.inputs(with_target)
        few = range(inputs.start, min(inputs.start + FEW, inputs.end))
        every = {"n_samples": 1 << 14}
        for function in ("probability", "logit"):
            self.direct.function = function
            self.keep("kernel_shap", every, with_target, "torch, all choices", direct_methods.shapley(inputs, few),
                      steps=len(few), function=function)
        self.direct.function = "probability"
        arguments = {**every, "alpha": 5000.0}
        self.keep("lime", arguments, with_target, "scikit-learn, all choices",
                  direct_methods.lime(inputs, few, mask_prob=0.3, **arguments), steps=len(few))
        self.keep("partition_shap", {"max_evals": 4000}, with_target, "torch, all orders", direct_methods.owen(inputs, few), steps=len(few))

    def at_random(self, with_target):
        inputs = self.inputs(with_target)
        few = range(inputs.start, min(inputs.start + FEW, inputs.end))
        self.gradient_shap(with_target)
        for kind, (means, errors) in randoms.smoothgrad(inputs, SEEDS, n_samples=20, share=0.15).items():
            self.keep_distribution("smoothgrad", {"nt_type": kind}, with_target, "torch", means, errors)
        exact = direct_methods.shapley(inputs, few)
        none = {side: None if values is None else torch.zeros_like(values) for side, values in exact.items()}
        self.keep_distribution("shapley_value_sampling", {"n_samples": 5}, with_target, "torch, all choices", exact, none, steps=len(few))
        arguments = {"n_samples": 14}
        if len(inputs.features(inputs.end - 1)) >= 4:  # else there are no more choices than samples
            means, errors = randoms.lime(inputs, few, MANY_SEEDS, mask_prob=0.3, alpha=1.0, **arguments)
            self.keep_distribution("lime", arguments, with_target, "scikit-learn", means, errors, steps=len(few))
        for replacements in ("uniform", "model"):
            arguments = {"num_probes": 4, "max_probe_steps": 4, "replacements": replacements}
            means, errors = randoms.reagent(inputs, MANY_SEEDS, **arguments)
            self.keep_distribution("reagent", arguments, with_target, "torch", means, errors)

    def gradient_shap(self, with_target):
        """The distribution of the signed sums over features."""
        sums = {"source": [], "target": []}
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            import numpy
            numpy.random.seed(seed)
            scores = self.of_reference("gradient_shap", with_target)
            for side, kept in sums.items():
                if scores[side] is not None:
                    kept.append(scores[side].sum(-1))
        kept = {side: torch.stack(kept) for side, kept in sums.items() if kept}
        means = {side: values.mean(0) for side, values in kept.items()}
        errors = {side: values.std(0) / SEEDS**0.5 for side, values in kept.items()}
        self.keep_distribution("gradient_shap", {}, with_target, "inseq 0.7.1", means, errors)

    def value_zeroing(self):
        for with_target in self.modes:
            try:
                scores = self.of_reference("value_zeroing", with_target)
            except Exception as error:  # noqa: BLE001
                print(self.folder.name, "value_zeroing", with_target, "reference fails:", f"{type(error).__name__}: {error}"[:150], flush=True)
                continue
            self.keep("value_zeroing", {}, with_target, "inseq 0.7.1, transformers 4.57.6", scores)

    def save(self, path):
        out = {"texts": [{name: text[name] for name in ("prompt", "generated")} for text in self.texts], "cases": self.cases}
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
