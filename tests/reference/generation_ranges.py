"""What transformers' `generate` does with values of generation fields at the edges of their ranges and beyond.

    python generation_ranges.py ../fixtures/generation/ranges.json

Each case is a field, its value, the mode that looks at it, and the outcome: `error`; `ignored`, where the same ids come out as without
the field; or `used`, with the ids where nothing is drawn.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

FOLDER = Path(__file__).resolve().parent / "../fixtures/architectures/gpt2"
SAMPLING, BEAMS = {"do_sample": True, "top_k": 0}, {"num_beams": 2}
VALUES = [
    (SAMPLING, {"top_p": [2, 1.5, -1, 0.3], "typical_p": [0, 1.5, 2, -1, 0.2], "min_p": [1.5, -0.1, 0.9], "top_h": [0, 1.5, -1, 0.1],
                "epsilon_cutoff": [1, 2, -0.5, 0.9], "eta_cutoff": [1, 1.0, 2, -0.5, 0.9], "temperature": [-1, -0.5, 0.01]}),
    ({}, {"top_p": [2, -1, 0.5], "typical_p": [0, 2], "min_p": [1.5], "epsilon_cutoff": [2], "eta_cutoff": [-1], "temperature": [-1],
          "repetition_penalty": [0.0, -1.0, 3.0], "encoder_repetition_penalty": [0.0, -1.0, 3.0], "num_beams": [0, -1],
          "max_new_tokens": [0, -1], "no_repeat_ngram_size": [-1, 1], "encoder_no_repeat_ngram_size": [-1], "min_length": [-1],
          "min_new_tokens": [-1], "bad_words_ids": [[[99999]], [[-1]], [[56]]], "sequence_bias": [[[[99999], 1.0]], [[[56], -9.0]]],
          "suppress_tokens": [[-1], [56]], "begin_suppress_tokens": [[-1]], "stop_strings": ["", ["a", ""]], "length_penalty": [-3.0]}),
    (BEAMS, {"length_penalty": [-8.0], "early_stopping": [1, "x", "never"]}),
]


def main(out):
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    ids = tokenizer("the cat", return_tensors="pt").input_ids

    def run(arguments):
        torch.manual_seed(0)
        more = {"tokenizer": tokenizer} if "stop_strings" in arguments else {}
        return model.generate(ids, **{"max_new_tokens": 6, **arguments}, **more)[0].tolist()

    cases = []
    for mode, fields in VALUES:
        plain = run(mode)
        for field, values in fields.items():
            for value in values:
                case = {"field": field, "value": value, "mode": mode}
                try:
                    found = run({**mode, field: value})
                    case["outcome"] = "ignored" if found == plain else "used"
                    if mode is not SAMPLING:
                        case["ids"] = found
                except Exception:
                    case["outcome"] = "error"
                cases.append(case)
    Path(out).write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
