"""Golden files of the aggregators that merge tokens or subtract, on the results that `core_golden.py` saved.

    HF_HUB_OFFLINE=1 python core_aggregators_golden.py ../fixtures/core

writes `aggregators.json`: for each saved result and aggregation, tokens, positions and scores (null for NaN).
"""

import json
import math
import sys
from pathlib import Path

import inseq
import torch

NAMES = ["granular", "granular_decoder_only", "granular_early_end", "coarse", "layers", "layers_heads", "layers_heads_source"]
SPANS = {"source": [(1, 3), (3, 5)], "target": [(1, 3), (4, 6)]}


def plain(values):
    if values is None:
        return None
    values = torch.as_tensor(values).float()
    return {"shape": list(values.shape), "values": [None if math.isnan(v) else v for v in values.flatten().tolist()]}


def written(sequence):
    scores = lambda many: {name: plain(values) for name, values in (many or {}).items()}  # noqa: E731
    texts = lambda tokens: [[t.token, t.id] for t in tokens]  # noqa: E731
    return {
        "source": texts(sequence.source), "target": texts(sequence.target),
        "positions": [sequence.attr_pos_start, sequence.attr_pos_end],
        "source_attributions": plain(sequence.source_attributions), "target_attributions": plain(sequence.target_attributions),
        "step_scores": scores(sequence.step_scores),
    }


def main():
    folder = Path(sys.argv[1])
    out = {}
    for name in NAMES:
        load = lambda: inseq.FeatureAttributionOutput.load(folder / f"{name}.json").sequence_attributions[0]  # noqa: E731, B023
        sequence = load()
        has_source = sequence.source_attributions is not None
        # Sequence scores are left out: the reference merges their columns as if they were steps.
        sequence.sequence_scores = {}
        length = len(sequence.target)
        # The reference cannot merge steps that are not attributed.
        target = [s for s in SPANS["target"] if s[1] <= min(length, sequence.attr_pos_end)]
        spans = {"target_spans": target}
        if has_source:
            spans["source_spans"] = SPANS["source"]
        cases = {}
        for function in ("absmax", "mean", "sum"):
            merged = sequence.aggregate("spans", aggregate_fn=function, do_post_aggregation_checks=False, **spans)
            cases[f"spans {function}"] = written(merged)
        cases["default"] = written(sequence.aggregate("spans", do_post_aggregation_checks=False, **spans))
        other = load()
        other.sequence_scores = {}
        for field in ("source_attributions", "target_attributions"):
            if getattr(other, field) is not None:
                setattr(other, field, getattr(other, field) * 3)
        cases["pair"] = written(sequence.aggregate("pair", paired_attr=other, do_post_aggregation_checks=False))
        out[name] = {"spans": spans, "cases": cases}
    (folder / "aggregators.json").write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
