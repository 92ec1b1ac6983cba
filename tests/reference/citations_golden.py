"""What scikit-learn and torch make of citations: lasso regressions, and scores of sources on tiny checkpoints.

    python citations_golden.py ../fixtures/architectures ../fixtures/citations

Writes `lasso.json`: masks, values and the weights and intercept of `Lasso` on top of `StandardScaler`, scaled back. And `models.json`:
for each checkpoint a prompt with the spans of its sources, an answer, masks of kept sources, and for each sentence of the answer the
log-probability, ContextCite's weights (regression of the log-odds), the drops of the log-probability without each source, and sums of
the true Jensen-Shannon divergence. A source is deleted from the text of the prompt, which is then tokenized; the tokens of the answer
are those after the whole prompt. All of it in double precision.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np  # noqa: E402
import torch  # noqa: E402
from sklearn.linear_model import Lasso  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, logging  # noqa: E402

torch.set_num_threads(1)
logging.set_verbosity_error()
logging.disable_progress_bar()

DECODERS = ["llama", "qwen2", "bloom", "lfm2", "gemma2", "phi3_longrope"]
ENCODER_DECODERS = ["t5", "umt5"]
START, END = "when he said : ", " why was he late ?"
SOURCES = ["the cat sat on the mat !", "a dog ran to the big house !", "she was late !", "the old man saw the dog !"]
ANSWER = "the dog saw the cat ! she was late !"
ALPHA = 0.01


def fitted(masks, values, alpha):
    """Weights and intercept for the masks themselves."""
    scaler = StandardScaler()
    scaled = scaler.fit_transform(np.asarray(masks, dtype=np.float64))
    lasso = Lasso(alpha=alpha, tol=1e-13, max_iter=1_000_000).fit(scaled, values)
    weights = lasso.coef_ / scaler.scale_
    return weights.tolist(), float(lasso.intercept_ - weights @ scaler.mean_)


def lassos():
    random = np.random.default_rng(20)
    cases = []
    for rows, columns, alpha in [(64, 12, 0.01), (32, 40, 0.01), (16, 3, 0.1), (64, 25, 0.001), (8, 5, 0.5)]:
        masks = random.random((rows, columns)) < 0.5
        if columns == 25:
            # Columns that nearly say the same, and one that says nothing.
            masks[:, 1] = masks[:, 0]
            masks[3, 1] = not masks[3, 1]
            masks[:, 7] = True
        planted = random.normal(size=columns) * (random.random(columns) < 0.4)
        values = masks @ planted + random.normal(size=rows) * 0.1 - 2
        weights, intercept = fitted(masks, values, alpha)
        cases.append({"masks": masks.tolist(), "values": values.tolist(), "alpha": alpha, "weights": weights, "intercept": intercept})
    return cases


def prompt_of(kept):
    return START + " ".join(source for source, is_kept in zip(SOURCES, kept) if is_kept) + END


def log_probabilities(model, source, target, first):
    """Of every token of the vocabulary, at each token of the target from `first` on."""
    ids = torch.tensor([target[:-1]])
    with torch.no_grad():
        logits = (model(ids) if source is None else model(torch.tensor([source]), decoder_input_ids=ids)).logits[0]
    return torch.log_softmax(logits[first - 1:], -1)


def log_odds(log_p):
    return log_p - torch.log(-torch.expm1(log_p))


def model_case(folder, is_decoder):
    kind = AutoModelForCausalLM if is_decoder else AutoModelForSeq2SeqLM
    model = kind.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    model.config.tie_word_embeddings = json.loads((folder / "config.json").read_text()).get("tie_word_embeddings", True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    count = len(SOURCES)
    prompt = prompt_of([True] * count)
    text = f"{prompt} {ANSWER}" if is_decoder else ANSWER
    encoded = tokenizer(text, return_offsets_mapping=True)
    answer, offsets = encoded["input_ids"], encoded["offset_mapping"]
    begin = 0
    if is_decoder:
        before = tokenizer(prompt)["input_ids"]
        assert answer[:len(before)] == before, folder
        answer, offsets, begin = answer[len(before):], offsets[len(before):], len(prompt) + 1
    # The first sentence ends after the first mark.
    boundary = begin + ANSWER.index("!") + 1
    has_text = [end > start for start, end in offsets]
    sentences = [[i for i, (start, _) in enumerate(offsets) if has_text[i] and (start < boundary) == is_first] for is_first in (True, False)]

    def run(kept):
        ids = tokenizer(prompt_of(kept))["input_ids"]
        if is_decoder:
            return log_probabilities(model, None, ids + answer, len(ids))
        return log_probabilities(model, ids, [model.config.decoder_start_token_id] + answer, 1)

    def of_answer(log_p):
        return log_p[torch.arange(len(answer)), torch.tensor(answer)]

    whole = run([True] * count)
    masks = [[bool(bits >> i & 1) for i in range(count)] for bits in (0, 3, 5, 6, 7, 9, 10, 12, 13, 15)]
    sampled = [of_answer(run(mask)) for mask in masks]
    left_out = [run([other != source for other in range(count)]) for source in range(count)]
    nothing = of_answer(run([False] * count))

    def divergence(p, q):
        middle = torch.logaddexp(p, q) - np.log(2)
        return ((p.exp() * (p - middle)).sum(-1) + (q.exp() * (q - middle)).sum(-1)) / 2

    found = []
    for tokens in sentences:
        sums = [of[tokens].sum() for of in sampled]
        values = np.array([float(log_odds(log_p)) for log_p in sums]) / len(tokens)
        weights, _ = fitted(masks, values, ALPHA)
        full = float(of_answer(whole)[tokens].sum())
        found.append({
            "tokens": len(tokens),
            "log_probability": full,
            "contextless_log_probability": float(nothing[tokens].sum()),
            "context_cite": [weight * len(tokens) for weight in weights],
            "leave_one_out": [full - float(of_answer(without)[tokens].sum()) for without in left_out],
            "arc_jsd": [float(divergence(whole, without)[tokens].sum()) for without in left_out],
        })
    spans, place = [], len(START)
    for source in SOURCES:
        spans.append([place, place + len(source)])
        place += len(source) + 1
    return {"prompt": prompt, "spans": spans, "answer": ANSWER, "masks": masks, "sentences": found}


def main():
    architectures, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(exist_ok=True)
    models = {name: model_case(architectures / name, name in DECODERS) for name in DECODERS + ENCODER_DECODERS}
    for name, content in [("lasso.json", lassos()), ("models.json", models)]:
        (out / name).write_text(json.dumps(content) + "\n")


main()
