"""How often the reference's attributions find the English word that decides, on held-out sentences.

    python known_answer.py ../../crates/inseq-models/demo ../../tests/fixtures/demo/heldout.jsonl

A decision is judged at the step of the first subtoken in which the French word differs from what it would be had the
deciding word been the other one. Subword scores are summed by English word; special tokens are left out.
"""

import json
import os
import sys
from collections import defaultdict
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import inseq  # noqa: E402
import torch  # noqa: E402

METHODS = {"saliency": {}, "input_x_gradient": {}, "integrated_gradients": {"n_steps": 20}}


def deciding_step(tokenizer, french, decision):
    """The first target position, the decoder's start not counted, at which the other form would be another subtoken."""
    word, _, other = decision
    words = french.split(" ")
    words[word] = other
    ids, others = (tokenizer(text_target=text).input_ids for text in (french, " ".join(words)))
    return next(i for i, (a, b) in enumerate(zip(ids, others)) if a != b)


def word_scores(source, scores):
    """Scores summed by word: a word begins where SentencePiece marks a space."""
    sums = []
    for token, score in zip(source, scores.tolist()):
        if token.token == "</s>":
            continue
        if token.token.startswith("▁") or not sums:
            sums.append(0.0)
        sums[-1] += abs(score)
    return sums


def main():
    folder, heldout = sys.argv[1:3]
    cases = [json.loads(line) for line in Path(heldout).read_text().splitlines()]
    torch.set_num_threads(1)
    model = inseq.load_model(folder, "saliency", device="cpu")
    model.model = model.model.float()
    # The reference scales decoder embeddings, and transformers' decoder does so once more.
    model.model.model.decoder.embed_scale = 1.0
    for method, arguments in METHODS.items():
        counts = defaultdict(lambda: [0, 0, 0])
        for case in cases:
            out = model.attribute(case["english"], case["french"], method=method, show_progress=False, **arguments)
            sequence = out.sequence_attributions[0].aggregate()
            for decision in case["decisions"]:
                step = deciding_step(model.tokenizer, case["french"], decision)
                scores = word_scores(sequence.source, sequence.source_attributions[:, step])
                ranked = sorted(range(len(scores)), key=lambda i: -scores[i])
                for group in ("all", case["kind"]):
                    counts[group][0] += 1
                    counts[group][1] += ranked[0] == decision[1]
                    counts[group][2] += decision[1] in ranked[:2]
        for group, (total, first, top_two) in sorted(counts.items()):
            print(f"{method} | {group} | {100 * first / total:.1f} % | {100 * top_two / total:.1f} % | {total}", flush=True)


if __name__ == "__main__":
    main()
