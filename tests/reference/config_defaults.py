"""Writes `fixtures/config_defaults.json`: what transformers' configuration class of each supported type takes for a field that
`config.json` lacks, and the other names of its fields. `python config_defaults.py ../fixtures/config_defaults.json OTHER_PYTHON`,
where OTHER_PYTHON has the older transformers of `requirements-4.57.txt`: fields whose default was another then stand under `before`.
"""

import dataclasses
import inspect
import json
import subprocess
import sys

from transformers import CONFIG_MAPPING

TYPES = ["marian", "t5", "mt5", "umt5", "bart", "mbart", "pegasus", "m2m_100", "gpt2", "opt", "bloom", "gpt_neox", "gpt_neo", "gptj",
         "llama", "mistral", "mixtral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3", "olmo2", "smollm3", "lfm2"]
# Fields of the base class say nothing about the model.
COMMON = {"transformers_version", "architectures", "output_hidden_states", "return_dict", "dtype", "chunk_size_feed_forward",
          "is_encoder_decoder", "id2label", "label2id", "problem_type", "initializer_range", "initializer_factor", "init_std", "use_cache"}


def of_class(cls):
    """Field to default, as the class declares them."""
    if dataclasses.is_dataclass(cls):
        return {field.name: field.default for field in dataclasses.fields(cls) if field.name not in COMMON}
    signature = inspect.signature(cls.__init__).parameters.values()
    return {p.name: p.default for p in signature if p.default is not inspect.Parameter.empty and p.name not in COMMON}


def rope(config):
    """Fields that a class takes without declaring them, by what it makes of their absence."""
    found = {}
    parameters = getattr(config, "rope_parameters", None) or {}
    full = parameters.get("full_attention", parameters)
    if "rope_theta" in full:
        found["rope_theta"] = full["rope_theta"]
    if "sliding_attention" in parameters:
        found["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
    if "partial_rotary_factor" in full:
        found["partial_rotary_factor"] = full["partial_rotary_factor"]
    if hasattr(config, "_sliding_window_pattern"):
        found["sliding_window_pattern"] = config._sliding_window_pattern
    return found


def table():
    types = {}
    for name in TYPES:
        cls = CONFIG_MAPPING[name]
        types[name] = {"fields": {**of_class(cls), **rope(cls())}, "aliases": dict(getattr(cls, "attribute_map", {}))}
    return types


def main():
    if sys.argv[1:] == ["-"]:
        return print(json.dumps(table()))
    now = table()
    before = json.loads(subprocess.run([sys.argv[2], __file__, "-"], check=True, capture_output=True, text=True).stdout)
    for name, entry in now.items():
        old = before[name]["fields"]
        entry["before"] = {field: old[field] for field, value in entry["fields"].items() if field in old and old[field] != value}
    lines = []
    for name, entry in now.items():
        parts = ",\n".join(f'  "{part}": {json.dumps(value)}' for part, value in entry.items())
        lines.append(f' "{name}": {{\n{parts}\n }}')
    with open(sys.argv[1], "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


main()
