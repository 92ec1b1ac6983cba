"""Golden files of the aggregators by name, on the results that `core_golden.py` saved.

    HF_HUB_OFFLINE=1 python core_aggregators_golden.py ../fixtures/core

writes `aggregators.json.gz`: for each saved result a list of cases, each with the stages of its pipeline ([name, function or null]),
their shared arguments as JSON (a span of `select_idx` as "start:end", an infinite order as "inf"), and the tokens, positions
and scores (null for NaN) of each sequence. The case `pair` is against the result with attributions times three.
"""

import gzip
import json
import math
import sys
from copy import deepcopy
from pathlib import Path

import inseq
import torch
from inseq.data.aggregation_functions import DEFAULT_ATTRIBUTION_AGGREGATE_DICT
from inseq.data.aggregator import AggregatorPipeline

FUNCTIONS = ["mean", "sum", "prod", "min", "max", "absmax", "vnorm"]
KINDS = {
    "granular": 1, "granular_decoder_only": 1, "granular_early_end": 1, "granular_zeros": 1, "coarse": 0, "coarse_many": 0,
    "layers": 1, "layers_heads": 2, "layers_heads_source": 2,
}
SPANS = {"source": [(1, 3), (3, 5)], "target": [(1, 3), (4, 6)]}
PATTERNS = ["▁", "ed|▁\"", "▁T|nschw", "er", "zzz", "(?<=▁)[DTt]"]


def plain(values):
    if values is None:
        return None
    values = torch.as_tensor(values).float()
    number = lambda v: None if math.isnan(v) else float(f"{v:.9g}")  # noqa: E731
    return {"shape": list(values.shape), "values": [number(v) for v in values.flatten().tolist()]}


def written(sequence):
    scores = lambda many: {name: plain(values) for name, values in (many or {}).items()}  # noqa: E731
    texts = lambda tokens: [[t.token, t.id] for t in tokens]  # noqa: E731
    return {
        "source": texts(sequence.source), "target": texts(sequence.target),
        "positions": [sequence.attr_pos_start, sequence.attr_pos_end],
        "source_attributions": plain(sequence.source_attributions), "target_attributions": plain(sequence.target_attributions),
        "step_scores": scores(sequence.step_scores), "sequence_scores": scores(sequence.sequence_scores),
    }


def shown(value):
    """An argument as JSON has it."""
    if isinstance(value, tuple):
        return f"{value[0]}:{value[1]}"
    return str(value) if value in (math.inf, -math.inf) else value


def stages_of_scores(axes, has_target):
    """Pipelines that leave one score a token, with their arguments."""
    rest = [("mean", None)] * (axes - 1)
    for function in FUNCTIONS:
        yield [(function, None)] + rest, {}
        yield [("scores", function)] + rest, {"rescale": True, "normalize": False}
        if axes == 1:
            yield [(function, None)], {"normalize": False}
    yield [("scores", None)] * axes, {}
    for select_idx in (-1, 1, (0, 2), [1, 0]):
        yield [("sum", None)], {"select_idx": select_idx, "normalize": False}
    # The reference's norm of order 0 counts what a step cannot see (NaN) as scores other than 0.
    for order in (1, 3, math.inf, -math.inf) if has_target else (0, 1, 3, math.inf, -math.inf):
        yield [("vnorm", None)] + rest, {"vnorm_ord": order}


def stages_of_merging(name, sequence, has_source):
    # The reference cannot merge steps that are not attributed.
    whole = sequence.attr_pos_end >= len(sequence.target)
    spans = {"target_spans": [s for s in SPANS["target"] if s[1] <= sequence.attr_pos_end]}
    if has_source:
        spans["source_spans"] = SPANS["source"]
    for function in [None, *FUNCTIONS] if KINDS[name] < 2 else [None, "sum"]:
        yield [("spans", function)], spans
    for function in (None, "mean"):
        yield [("subwords", function)], {"aggregate_target": whole}
        if has_source:
            # Elsewhere a text begins with a special token, which the reference merges with what follows.
            yield [("subwords", function)], {"special_chars": "▁", "is_suffix_symbol": True, "aggregate_target": False}
        for mode in ("single", "start", "end"):
            for pattern in PATTERNS:
                # Patterns make the same spans whatever the kind, and functions are no other for each pattern.
                if pattern == PATTERNS[0] and mode == "single" or (name.startswith("coarse") and function is None):
                    yield [("split", function)], {"split_pattern": pattern, "split_mode": mode, "aggregate_target": whole}
    if KINDS[name] == 1:
        yield [("subwords", "sum"), ("scores", None)], {"aggregate_target": whole}
        yield [("scores", "sum"), ("split", "absmax")], {"split_pattern": "▁", "aggregate_target": whole, "rescale": True, "normalize": False}
    if has_source:
        yield [("slices", None)], {"source_spans": [(1, 2), (3, 5)], "target_spans": [(0, 1)]}
    else:
        yield [("slices", None)], {"target_spans": [(0, 1)]}
        yield [("slices", None)], {"target_spans": [(1, 4)]}


def case(sequences, stages, arguments):
    pipeline = AggregatorPipeline([name for name, _ in stages], [function for _, function in stages])
    aggregated = [sequence.aggregate(pipeline, do_post_aggregation_checks=False, **arguments) for sequence in sequences]
    spans = lambda key, value: [list(s) for s in value] if key.endswith("_spans") else shown(value)  # noqa: E731
    return {
        "stages": [list(stage) for stage in stages],
        "arguments": {key: spans(key, value) for key, value in arguments.items()},
        "sequences": [written(sequence) for sequence in aggregated],
    }


def main():
    folder = Path(sys.argv[1])
    out = {}
    defaults = deepcopy(DEFAULT_ATTRIBUTION_AGGREGATE_DICT)
    for name, axes in KINDS.items():
        load = lambda: inseq.FeatureAttributionOutput.load(folder / f"{name}.json").sequence_attributions  # noqa: E731, B023
        # A granular result changes the defaults of all that come after it.
        DEFAULT_ATTRIBUTION_AGGREGATE_DICT.update(deepcopy(defaults))
        sequences = load()
        has_target = sequences[0].target_attributions is not None
        pipelines = stages_of_scores(axes, has_target) if axes else []
        cases = [case(sequences, stages, arguments) for stages, arguments in pipelines]
        has_source = sequences[0].source_attributions is not None
        for sequence in sequences:
            # Sequence scores are left out: the reference merges their columns as if they were steps.
            sequence.sequence_scores = {}
        if name != "granular_zeros":
            merging = list(stages_of_merging(name, sequences[0], has_source))
            cases += [case(sequences, stages, arguments) for stages, arguments in merging]
        others = load()
        for other in others:
            other.sequence_scores = {}
            for field in ("source_attributions", "target_attributions"):
                if getattr(other, field) is not None:
                    setattr(other, field, getattr(other, field) * 3)
        pairs = [
            sequence.aggregate("pair", paired_attr=other, do_post_aggregation_checks=False)
            for sequence, other in zip(sequences, others, strict=True)
        ]
        cases.append({"stages": [["pair", None]], "arguments": {}, "sequences": [written(pair) for pair in pairs]})
        out[name] = cases
    text = json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n"
    (folder / "aggregators.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
