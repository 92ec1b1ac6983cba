"""Metrics of `evaluate`, one mask at a time, by transformers and torch.

    python evaluation_golden.py ../fixtures/architectures ../fixtures/evaluation.json

The scores of the tokens are random, and are in the file.
"""

import itertools
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

GROUPS, SEED = 20, 11
torch.manual_seed(0)


def log_probabilities(model, embeddings, target, first, encoder):
    """Log-probabilities of target[first:], for input embeddings of the encoder or of the whole decoder-only text."""
    with torch.no_grad():
        if encoder:
            logits = model(inputs_embeds=embeddings, decoder_input_ids=target[None, :-1]).logits[0]
            rows = logits[first - 1 :]
        else:
            logits = model(inputs_embeds=embeddings).logits[0]
            rows = logits[first - 1 : -1]
        return torch.log_softmax(rows.double(), -1).gather(1, target[first:, None])[:, 0].numpy()


def outputs(model, source, target, first, positions, removal, unknown, empty):
    encoder = source is not None
    table = model.get_input_embeddings()
    # BART's family scales what the encoder looks up, unless its table does.
    own = getattr(getattr(model, "model", None), "encoder", None) if encoder else None
    is_scaled = type(table).__name__.endswith("ScaledWordEmbedding")
    scale = 1.0 if is_scaled else getattr(own, "embed_scale", 1.0) or 1.0
    ids = source if encoder else target

    def at(kept):
        removed = [position for position, keep in zip(positions, kept) if not keep]
        if removal == "deletion":
            rest = [token for place, token in enumerate(ids.tolist()) if place not in removed]
            # An input without tokens has one.
            start = [empty] if len(removed) == (len(ids) if encoder else first) else []
            rest = torch.tensor(start + rest)
            if encoder:
                return log_probabilities(model, embed(rest), target, first, True)
            return log_probabilities(model, embed(rest), rest, first - len(removed) + len(start), False)
        changed = ids.clone()
        if removal == "baseline":
            changed[removed] = unknown
        embeddings = embed(changed)
        if removal == "zero":
            embeddings[0, removed] = 0
        return log_probabilities(model, embeddings, target, first, encoder)

    def embed(tokens):
        return table(tokens[None]).detach().clone() * scale

    known = {}

    def cached(kept):
        key = tuple(bool(keep) for keep in kept)
        if key not in known:
            known[key] = at(key)
        return known[key]

    return cached


def area(values):
    return float(np.trapezoid(values, dx=1 / (len(values) - 1)))


def share(part, count):
    return min(count, math.ceil(part * count - 1e-9))


def metrics(scores, at):
    count = len(scores)
    order = sorted(range(count), key=lambda token: -scores[token])
    everything = [True] * count
    without = lambda removed: [token not in removed for token in range(count)]
    total = lambda mask: float(at(mask).sum())
    mean = lambda mask: float(at(mask).mean())
    probability = lambda mask: float(np.exp(at(mask)).mean())
    found = {}
    parts = [0.01, 0.05, 0.1, 0.2, 0.5]
    whole = probability(everything)
    found["comprehensiveness"] = np.mean([whole - probability(without(order[: share(p, count)])) for p in parts])
    found["sufficiency"] = np.mean([whole - probability(without(order[share(p, count) :])) for p in parts])
    for percent in [5, 10, 20]:
        found[f"drop_{percent}"] = total(everything) - total(without(order[: share(percent / 100, count)]))
    counts = [(group * count + GROUPS // 2) // GROUPS for group in range(GROUPS + 1)]
    morf = [mean(without(order[:c])) for c in counts]
    lerf = [mean(without(order[count - c :])) for c in counts]
    found["morf"], found["lerf"] = area(morf), area(lerf)
    found["srg"] = found["lerf"] - found["morf"]
    totals = np.array([total(without(order[:c])) for c in counts])
    if totals[0] > totals[-1]:
        scaled = np.minimum.accumulate(np.clip((totals - totals[-1]) / (totals[0] - totals[-1]), 0, 1))
        positive = np.maximum(scores, 0)
        density = np.array([positive[without(order[:c])].sum() for c in counts]) / positive.sum()
        sums = np.clip(scaled + np.abs(scaled - density), 0, 1)
        sums = (sums - sums.min()) / (sums.max() - sums.min())
        found["rise"], found["mas"] = area(scaled), area(sums)
    else:
        found["rise"] = found["mas"] = None
    exact = np.zeros(count)
    for token in range(count):
        others = [other for other in range(count) if other != token]
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - 1 - size) / math.factorial(count)
            for kept in itertools.combinations(others, size):
                mask = [other in kept for other in range(count)]
                with_token = [other in kept or other == token for other in range(count)]
                exact[token] += weight * (total(with_token) - total(mask))
    found["shapley"] = float(spearmanr(scores, exact).statistic)
    return {name: None if value is None else float(value) for name, value in found.items()}


def case(folder, removal, ids, target, first, special, unknown, empty, rng):
    encoder = ids is not None
    model = (AutoModelForSeq2SeqLM if encoder else AutoModelForCausalLM).from_pretrained(folder).float().eval()
    ids = torch.tensor(ids) if encoder else None
    target = torch.tensor(target)
    side = ids if encoder else target[:first]
    positions = [place for place, token in enumerate(side.tolist()) if token not in special]
    scores = rng.normal(size=len(positions)).astype(np.float32)
    at = outputs(model, ids, target, first, positions, removal, unknown, empty)
    return {"removal": removal, "scores": scores.tolist(), "metrics": metrics(scores.astype(np.float64), at)}


INPUT, OUTPUT = "a dog ran to the big house !", "the dog saw the cat !"
MODELS = ["marian", "t5", "bart", "gpt2", "llama", "bloom"]


def text(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    special, unknown = set(tokenizer.all_special_ids), tokenizer.unk_token_id or 0
    empty = unknown if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    if config.get("is_encoder_decoder"):
        source = tokenizer(INPUT).input_ids
        target = [config["decoder_start_token_id"], *tokenizer(text_target=OUTPUT).input_ids]
        return source, target, 1, special, unknown, empty
    first = len(tokenizer(INPUT).input_ids)
    return None, tokenizer(f"{INPUT} {OUTPUT}").input_ids, first, special, unknown, empty


def main():
    fixtures, out = Path(sys.argv[1]), Path(sys.argv[2])
    rng = np.random.default_rng(SEED)
    golden = []
    for name in MODELS:
        source, target, first, special, unknown, empty = text(fixtures / name)
        cases = [
            case(fixtures / name, removal, source, target, first, special, unknown, empty, rng)
            for removal in ["baseline", "zero", "deletion"]
        ]
        golden.append({"model": name, "input": INPUT, "output": OUTPUT, "source": source or [], "target": target, "cases": cases})
    out.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
