"""Checks that the reference reads results whose steps are spans of the target.

    HF_HUB_OFFLINE=1 python tests/reference/spans_read_back.py FOLDER

needs inseq 0.7.1. FOLDER holds files NAME.json of results, and beside each NAME.expected: the tokens of the target, the steps, and the scores of the
default aggregation, by side. Each file must load, have these, and save again as NAME.again.
"""

import json
import sys
from pathlib import Path

import torch
from inseq.data.attribution import FeatureAttributionOutput as Output


def check(path):
    expected = json.loads(path.with_suffix(".expected").read_text())
    found = Output.load(path)
    sequence = found.sequence_attributions[0]
    assert [token.token for token in sequence.target] == expected["target"], path.name
    assert [sequence.attr_pos_start, sequence.attr_pos_end] == expected["steps"], path.name
    aggregated = sequence.aggregate()
    for side in ("source_attributions", "target_attributions"):
        scores = getattr(aggregated, side)
        if expected[side] is None:
            assert scores is None, (path.name, side)
            continue
        reference = torch.tensor([[float("nan") if score is None else score for score in row] for row in expected[side]])
        assert torch.allclose(scores.float(), reference, atol=1e-6, equal_nan=True), (path.name, side, scores, reference)
    found.save(path.with_suffix(".again"), overwrite=True)


def main(folder):
    paths = sorted(folder.glob("*.json"))
    assert paths, f"no files in {folder}"
    for path in paths:
        check(path)
    print(f"the reference reads all {len(paths)} files")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
