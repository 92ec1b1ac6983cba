"""Golden files of feature groups: the tokens of given spans as one feature, on the tiny checkpoints of `../fixtures/architectures`.

    python methods_groups_golden.py ../fixtures/architectures ../fixtures/methods [NAME ...]

The reference has no groups, so that everything is by definition: Shapley values and the like over all choices of groups; sums of
the tokens' gradients and attention weights; flows from, and values of, all tokens of a group at once. A group of the source, or of
what precedes the first step, is one row; the rows of others share its score where it is computed as a group.
"""

import sys
from pathlib import Path

import torch

import methods_direct as direct_methods
import methods_inner as inner
from methods_golden import FEW, NAMES, Golden

GROUPS = {"source": [[0, 2], [2, 4]], "target": [[1, 3], [3, 6]]}


class Grouped(direct_methods.Inputs):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        lengths = {"source": len(self.prompt) if self.encoder_decoder else 0, "target": len(self.target)}
        self.spans = {side: self.partition(side, length) for side, length in lengths.items()}

    def partition(self, side, length):
        ends = {0, length, *range(length)}
        for start, end in GROUPS[side]:
            ends -= set(range(start + 1, min(end, length)))
        if side == "target":
            ends.add(self.start)
        ends = sorted(ends)
        return list(zip(ends, ends[1:]))

    def features(self, step):
        tokens = set(self.tokens(step))
        return [(side, start) for side in ("source", "target") for start, end in self.spans[side]
                if any((side, i) in tokens for i in range(start, end))]

    def count(self, step):
        return len(self.spans["source"]) + (sum(start < step for start, _ in self.spans["target"]) if self.with_target else 0)

    def probability(self, step, kept):
        spans = {(side, start): (start, end) for side in ("source", "target") for start, end in self.spans[side]}
        tokens = {(side, i) for side, start in kept for i in range(*spans[side, start])}
        return super().probability(step, tokens)

    def merged(self, scores, shared):
        """Rows of groups; `shared` where a group's score stands at its first token."""
        out = {}
        for side in ("source", "target"):
            values = scores.get(side)
            if values is None:
                continue
            values = values.clone()
            rows = []
            for start, end in self.spans[side]:
                if shared:
                    for step in range(values.shape[1]):
                        last = end if side == "source" else min(end, self.start + step)
                        if last > start:
                            values[start:last, step] = values[start, step].clone() / (last - start)
                one = side == "source" or end <= self.start
                rows.append(values[start:end].sum(0, keepdim=True) if one else values[start:end])
            out[side] = torch.cat(rows)
        return out


class GroupedGolden(Golden):
    def everything(self):
        for with_target in self.modes:
            inputs = Grouped(self.direct, self.prompt_ids, self.target_ids, with_target)
            few = range(inputs.start, min(inputs.start + FEW, inputs.end))
            target = [span for span in GROUPS["target"] if span[1] <= len(self.target_ids)]
            groups = {"target": target, "source": GROUPS["source"] if self.direct.encoder_decoder else []}

            def keep(method, arguments, scores, shared=True, steps=None):
                self.keep(method, arguments, with_target, "torch", inputs.merged(scores, shared), steps=steps, feature_groups=groups)

            every = {"n_samples": 1 << 14}
            keep("kernel_shap", every, direct_methods.shapley(inputs, few), steps=len(few))
            lime = {**every, "alpha": 5000.0}
            keep("lime", lime, direct_methods.lime(inputs, few, mask_prob=0.3, **lime), steps=len(few))
            keep("partition_shap", {"max_evals": 4000}, direct_methods.owen(inputs, few), steps=len(few))
            occluded = inputs.empty()
            for step in range(inputs.start, inputs.end):
                features = set(inputs.features(step))
                whole = inputs.probability(step, features)
                for side, start in features:
                    change = whole - inputs.probability(step, features - {(side, start)})
                    occluded[side][start, step - inputs.start] = abs(change)
            keep("occlusion", {}, occluded)
            keep("value_zeroing", {}, inner.value_zeroing(self.model, inputs, spans=inputs.spans))
            keep("attention_flow", {}, inner.flow(inputs, inputs.spans))
            keep("attention_rollout", {}, direct_methods.rollout(inputs), shared=False)
            keep("saliency", {}, self.plain("saliency", with_target), shared=False)
            keep("integrated_gradients", {"n_steps": 6}, self.plain("integrated_gradients", with_target, n_steps=6), shared=False)


def main():
    models, out = Path(sys.argv[1]), Path(sys.argv[2])
    for name in sys.argv[3:] or NAMES:
        golden = GroupedGolden(models / name)
        golden.everything()
        golden.save(out / f"{name}_groups.x")
        print(name, len(golden.cases), "cases", flush=True)


if __name__ == "__main__":
    main()
