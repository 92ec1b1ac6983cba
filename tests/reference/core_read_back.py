"""Checks that the reference reads what inseq-core writes.

    HF_HUB_OFFLINE=1 python tests/reference/core_read_back.py tests/fixtures/core FOLDER

needs inseq 0.7.1. FOLDER holds files NAME__VARIANT.json[.gz], each written by inseq-core from the golden file NAME.json
(`__split_0` of its first sequence alone, `__float16` and `__float8` in that precision). Each must load in the reference with the golden
file's contents, aggregate to the same, and save again.
"""

import sys
from pathlib import Path

import torch
from inseq.data.attribution import FeatureAttributionOutput as Output
from inseq.utils import json_advanced_load

EXTRAS = "inseq_rs"
ROUNDED = {"float16": torch.float16, "float8": torch.float8_e4m3fn}


def golden(path):
    """A file of the reference's, steps included, on which its own `load` fails."""
    out = json_advanced_load(path)
    out.sequence_attributions = [seq._recover_from_safetensors() for seq in out.sequence_attributions]
    return out


def same(expected, found, what, precision):
    if expected is None or isinstance(expected, int):
        assert expected == found, what
    elif isinstance(expected, list):
        assert len(expected) == len(found), what
        for a, b in zip(expected, found, strict=True):
            if isinstance(a, list):
                same(a, b, what, precision)
            else:
                assert (a.token, a.id) == (b.token, b.id), what
    elif isinstance(expected, dict):
        assert sorted(expected) == sorted(found), what
        for name in expected:
            same(expected[name], found[name], f"{what}.{name}", precision)
    else:
        expected, found = (x if torch.is_tensor(x) else torch.tensor(x) for x in (expected, found))
        assert expected.shape == found.shape, (what, expected.shape, found.shape)
        expected = expected.to(ROUNDED.get(precision, torch.float32)).float()
        assert torch.equal(expected.nan_to_num(7e7), found.nan_to_num(7e7)), what


def same_info(expected, found):
    for key, value in expected.items():
        # Numbers that JSON does not know are text in Rust.
        literal = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(str(value))
        assert found[key] == value or found[key] == literal, (key, value, found[key])
    assert set(found) - set(expected) <= {EXTRAS}, set(found) - set(expected)


def check(path, fixtures):
    name, variant = path.name.removesuffix(".gz").removesuffix(".json").split("__")
    expected = golden(fixtures / f"{name}.json")
    found = Output.load(path, decompress=path.suffix == ".gz")
    if "split" in variant:
        index = int(variant.split("_")[-1])
        expected.sequence_attributions = [expected.sequence_attributions[index]]
        for texts in ("input_texts", "generated_texts"):
            expected.info[texts] = [expected.info[texts][index]]
        expected.step_attributions = None
    same_info(expected.info, found.info)
    assert len(expected.sequence_attributions) == len(found.sequence_attributions), path.name
    for i, (a, b) in enumerate(zip(expected.sequence_attributions, found.sequence_attributions, strict=True)):
        same(a.to_dict(), b.to_dict(), f"{path.name}: sequence {i}", precision=variant)
        if "MultiDimensional" in type(a).__name__:
            # It does not save how many axes there are, and aggregates nothing without; files from here say it.
            a._aggregator = ["mean"] * (a.source_attributions.ndim - 2)
            assert b._aggregator == a._aggregator, (path.name, b._aggregator)
        if variant not in ROUNDED and (a.source_attributions is not None or a.target_attributions is not None):
            aggregated = b if b.__class__.__name__.startswith("Coarse") else b.aggregate()
            reference = a if a.__class__.__name__.startswith("Coarse") else None
            if reference is None and not name.endswith(".aggregated"):
                reference = a.aggregate()
            if reference is not None:
                same(reference.to_dict(), aggregated.to_dict(), f"{path.name}: aggregated {i}", precision=None)
            found_again = b.aggregate() if b.__class__.__name__.startswith("Coarse") else None
            if found_again is not None:
                same(b.to_dict(), found_again.to_dict(), f"{path.name}: aggregated twice {i}", precision=None)
    if expected.step_attributions is not None:
        steps = found.info[EXTRAS]["step_attributions"]
        assert len(steps) == len(expected.step_attributions), path.name
        for i, (a, b) in enumerate(zip(expected.step_attributions, steps, strict=True)):
            assert type(a) is type(b), (type(a), type(b))
            same(a.to_dict(), b.to_dict(), f"{path.name}: step {i}", precision=None)
    again = path.with_suffix(".again")
    found.save(again, overwrite=True)
    Output.load(again)


def main(fixtures, folder):
    paths = sorted(path for path in folder.iterdir() if "__" in path.name)
    assert paths, f"no files in {folder}"
    for path in paths:
        check(path, fixtures)
    print(f"the reference reads all {len(paths)} files")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
