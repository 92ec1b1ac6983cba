"""Counts the cases in which the deciding word has the highest score: python3 count.py CASES RESULT.json"""

import base64
import json
import struct
import sys
from collections import Counter


def array(text):
    """The values of a stored array, and its shape."""
    data = base64.b64decode(text)
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])["attribution"]
    values = data[8 + size:]
    return struct.unpack(f"<{len(values) // 4}f", values), header["shape"]


def main():
    cases = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
    result = json.load(open(sys.argv[2], encoding="utf-8"))["attributes"]["sequence_attributions"]
    found, total, two = Counter(), Counter(), 0
    for case, sequence in zip(cases, (entry["attributes"] for entry in result)):
        # Before the first token that differs, token and alternative are one and their difference is 0.
        differences = array(sequence["step_scores"]["contrast_prob_diff"])[0]
        step = next(step for step, value in enumerate(differences) if abs(value) > 1e-3)
        scores, (_, steps) = array(sequence["source_attributions"])
        words = []
        for row, token in enumerate(token["attributes"]["token"] for token in sequence["source"]):
            if token.startswith("▁"):
                words.append(0.0)
            if token != "</s>":
                words[-1] += abs(scores[row * steps + step])
        total[case["kind"]] += 1
        best = max(range(len(words)), key=words.__getitem__)
        found[case["kind"]] += best == case["decisions"][0][1]
        two += case["decisions"][0][1] in sorted(range(len(words)), key=lambda w: -words[w])[:2]
    share = lambda found, total: f"{100 * found / total:5.1f} %"  # noqa: E731
    kinds = ", ".join(f"{kind} {share(found[kind], total[kind])}" for kind in total)
    print(f"{share(found.total(), total.total())}  ({kinds}; top two {share(two, total.total())})")


if __name__ == "__main__":
    main()
