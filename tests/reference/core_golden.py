"""Writes the golden files of inseq-core: results as the reference saves and aggregates them.

    HF_HUB_OFFLINE=1 python tests/reference/core_golden.py tests/fixtures/core

needs inseq 0.7.1 with torch 2.9.0. No model is run: the reference's result objects are made of seeded random numbers.

For each case there is NAME.json, saved by the reference. `expected.json.gz` holds, as plain numbers, what the case was made of
and what the reference makes of it.
"""

import gzip
import json
import sys
from copy import deepcopy
from pathlib import Path

import torch
from inseq.data.attribution import (
    CoarseFeatureAttributionSequenceOutput as Coarse,
    FeatureAttributionOutput as Output,
    FeatureAttributionSequenceOutput as Plain,
    GranularFeatureAttributionSequenceOutput as Granular,
    GranularFeatureAttributionStepOutput as GranularStep,
    MultiDimensionalFeatureAttributionSequenceOutput as MultiDimensional,
)
from inseq.utils.typing import TokenWithId

FUNCTIONS = ["mean", "sum", "prod", "min", "max", "absmax", "vnorm"]
SOURCE = ["▁Die", "▁müde", "▁\"Krank", "enschwester\\", "</s>"]
TARGET = ["<pad>", "▁The", "▁tired", "𝄞", "▁nurse", "</s>"]


def tokens(texts):
    return [TokenWithId(text, 3 * i - 1) for i, text in enumerate(texts)]


def hide(scores, start):
    """Rows at or after a step's own token are NaN."""
    for step in range(scores.shape[1]):
        scores[start + step :, step] = float("nan")
    return scores


def sequence(cls, inner=(), source=True, target=True, start=1, end=None, scores=None, **kwargs):
    end = len(TARGET) if end is None else end
    steps = end - start
    return cls(
        source=tokens(SOURCE if source else TARGET[:start]),
        target=tokens(TARGET),
        source_attributions=torch.randn(len(SOURCE), steps, *inner) if source else None,
        target_attributions=hide(torch.randn(end, steps, *inner), start) if target else None,
        step_scores={"probability": torch.rand(steps), "entropy": 3 * torch.rand(steps)},
        sequence_scores={name: torch.randn(*shape) for name, shape in (scores or {}).items()},
        attr_pos_start=start,
        attr_pos_end=end,
        **kwargs,
    )


def cases():
    s, t = len(SOURCE), len(TARGET)
    zeros = sequence(Granular, (3,))
    zeros.source_attributions[:, 1] = 0
    zeros.target_attributions[:2, 1] = 0
    return {
        "granular": [sequence(Granular, (4,))],
        "granular_wide": [sequence(Granular, (61,), target=False)],
        "granular_decoder_only": [sequence(Granular, (4,), source=False, start=3)],
        "granular_early_end": [sequence(Granular, (4,), source=False, start=2, end=4)],
        "granular_zeros": [zeros],
        "coarse": [sequence(Coarse)],
        "coarse_many": [sequence(Coarse, target=False), sequence(Coarse, start=2)],
        "layers": [
            sequence(
                MultiDimensional,
                (3,),
                scores={"encoder_self_scores": (s, s, 3), "decoder_self_scores": (t, t, 3)},
                _num_dimensions=1,
            )
        ],
        "layers_heads": [
            sequence(MultiDimensional, (3, 2), scores={"encoder_self_attentions": (s, s, 3, 2)}, _num_dimensions=2)
        ],
        "layers_heads_source": [sequence(MultiDimensional, (2, 3), target=False, _num_dimensions=2)],
        "no_attributions": [sequence(Plain, source=False, target=False, start=2)],
    }


def info(sequences):
    return {
        "attribution_method": "saliency",
        "model_name": "tiny",
        "attribute_target": True,
        "step_scores": ["probability", "entropy"],
        "exec_time": 0.1 + 0.2,
        "attr_pos_end": None,
        "generation_args": {"num_beams": 4, "nested": {"é": [1, -2.5e-7, None]}},
        "input_texts": [f"Die müde {i}" for i in range(len(sequences))],
        "generated_texts": [f"The tired {i}" for i in range(len(sequences))],
    }


def numbers(array):
    if array is None:
        return None
    return {"shape": list(array.shape), "values": [None if x != x else x for x in array.flatten().tolist()]}


def plain(seq):
    return {
        "source": [[token.token, token.id] for token in seq.source],
        "target": [[token.token, token.id] for token in seq.target],
        "source_attributions": numbers(seq.source_attributions),
        "target_attributions": numbers(seq.target_attributions),
        "step_scores": {name: numbers(scores) for name, scores in seq.step_scores.items()},
        "sequence_scores": {name: numbers(scores) for name, scores in seq.sequence_scores.items()},
        "attr_pos_start": seq.attr_pos_start,
        "attr_pos_end": seq.attr_pos_end,
    }


def scores_dict(seq):
    def flat(table):
        return [
            [list(column), [[list(row) if isinstance(row, tuple) else row, None if x != x else x] for row, x in rows.items()]]
            for column, rows in table.items()
        ]

    return {field: flat(table) for field, table in seq.get_scores_dicts().items()}


def steps():
    """What three steps over a batch of two texts give."""

    def step(i):
        return GranularStep(
            source_attributions=torch.randn(2, len(SOURCE), 3),
            target_attributions=hide(torch.randn(2, i + 1, 3).transpose(0, 1), 1).transpose(0, 1).contiguous(),
            step_scores={"probability": torch.rand(2)},
            source=[tokens(SOURCE), tokens(SOURCE)],
            prefix=[tokens(TARGET[: i + 1]), tokens(TARGET[: i + 1])],
            target=[[tokens(TARGET)[i + 1]], [tokens(TARGET)[i + 1]]],
        )

    return [step(i) for i in range(3)]


def plain_step(step):
    return {
        field: numbers(getattr(step, field)) for field in ("source_attributions", "target_attributions")
    } | {"step_scores": {name: numbers(scores) for name, scores in step.step_scores.items()}}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    expected = {}
    for name, sequences in cases().items():
        out = Output(sequences, None, info(sequences))
        out.save(folder / f"{name}.json", overwrite=True)
        first = sequences[0]
        case = {"raw": [plain(seq) for seq in sequences]}
        if name != "no_attributions":
            aggregated = out.aggregate()
            aggregated.save(folder / f"{name}.aggregated.json", overwrite=True)
            case["aggregated"] = [plain(seq) for seq in aggregated.sequence_attributions]
            case["scores_dicts"] = [scores_dict(seq) for seq in sequences]
            weighted = deepcopy(out)
            weighted.weight_attributions("probability")
            case["weighted"] = [plain(seq) for seq in weighted.sequence_attributions]
        if name.startswith("granular"):
            case["functions"] = {
                function: {
                    scaling: plain(
                        first.aggregate(function, normalize=scaling == "normalize", rescale=scaling == "rescale")
                    )
                    for scaling in ("normalize", "rescale", "none")
                }
                for function in FUNCTIONS
            }
            case["selected"] = {
                "one": plain(first.aggregate("mean", select_idx=-1)),
                "span": plain(first.aggregate("mean", select_idx=(1, 3))),
                "list": plain(first.aggregate("mean", select_idx=[2, 0])),
                "order_1": plain(first.aggregate("vnorm", vnorm_ord=1)),
                "order_3": plain(first.aggregate("vnorm", vnorm_ord=3)),
            }
        if name == "layers_heads":
            for key, pipeline in {"max_then_mean": ["max", "mean"], "vnorm_then_absmax": ["vnorm", "absmax"]}.items():
                case.setdefault("pipelines", {})[key] = plain(first.aggregate(pipeline))
        if name in ("granular_decoder_only", "coarse"):
            # The reference drops the target prefix of encoder-decoders; there only the source is compared.
            case["sliced"] = plain(first[1:3])
        expected[name] = case

    # Precision, compression and steps, on one case each.
    sequences = cases()["granular"]
    case = {"raw": [plain(seq) for seq in sequences]}
    expected["variants"] = case
    out = Output(sequences, None, info(sequences))
    for precision in ("float16", "float8"):
        deepcopy(out).save(folder / f"variants.{precision}.json", overwrite=True, scores_precision=precision)
        saved = Output.load(folder / f"variants.{precision}.json")
        case[precision] = [plain(seq) for seq in saved.sequence_attributions]
    deepcopy(out).save(folder / "variants.json.gz", overwrite=True, compress=True)
    deepcopy(out).save(folder / "variants.split.json", overwrite=True, split_sequences=True)
    deepcopy(out).save(folder / "variants.primitives.json", overwrite=True, use_primitives=True)

    steps_out = Output(sequences, steps(), info(sequences) | {"not_a_number": float("nan"), "low": -float("inf")})
    steps_out.step_attributions[0].source_attributions[:, 1:] = 0
    case["steps"] = [plain_step(step) for step in steps_out.step_attributions]
    steps_out.save(folder / "variants.steps.json", overwrite=True)
    steps_out.save(folder / "variants.steps_lists.json", overwrite=True, ndarray_compact=False)
    steps_out.save(folder / "variants.steps.json.gz", overwrite=True, compress=True)

    text = json.dumps(expected, separators=(",", ":"), allow_nan=False)
    (folder / "expected.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
