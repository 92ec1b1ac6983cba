"""Golden file of the citation method `mirage`, on tiny checkpoints.

    python mirage_golden.py ../fixtures/citations/mirage.json

The reference's command `attribute-context` (as `attribute_context_golden.py` runs it) scores every token of the answer that the documents change, and attributes
it to the tokens of the documents, in contrast to the token that is likeliest without them. MIRAGE's procedure then takes the tokens of each
sentence whose scores are at least the mean plus a deviation of the population, keeps the scores at most 5 % of the range below the highest one, and
adds them up for each document. Documents with a positive sum are cited, the highest sum first. What the reference does wrong is avoided: the likeliest
token without the documents is no end of the text in these cases, and is not sampled.
"""

import json
import sys
from pathlib import Path

import numpy as np
from attribute_context_golden import CHECKPOINTS, ENDS, run
from transformers import AutoTokenizer

WORDS = ["the cat sat on the mat !", "a dog ran to the big house !", "she was late !", "the old man saw the dog !"]
WORDS_ANSWER = "the dog saw the cat ! she was late !"
# Documents, question, answer, mark that ends its first sentence, what is special about the model.
WORDS_CASE = (WORDS, "why was he late ?", WORDS_ANSWER, "!")
OTHER_CASE = (WORDS, "why was he late ?", "he ran to the old house ! the dog sat on the mat !", "!")
GREEDY = {"generation_kwargs": {"do_sample": False}}
DECODER_OF_BYTES = {"decoder_input_output_separator": "", **GREEDY}
CASES = [
    ("t5", OTHER_CASE, ENDS),
    ("t5_gated", WORDS_CASE, ENDS),
    ("t5_gated", OTHER_CASE, ENDS),
    ("umt5", WORDS_CASE, ENDS),
    ("umt5", OTHER_CASE, ENDS),
    ("llama", OTHER_CASE, GREEDY),
    ("llama", WORDS_CASE, GREEDY),
    ("qwen2", WORDS_CASE, DECODER_OF_BYTES),
    ("bloom", WORDS_CASE, DECODER_OF_BYTES),
    ("gpt_neox", WORDS_CASE, DECODER_OF_BYTES),
]


def first_letter(text, start, end):
    return start + len(text[start:end]) - len(text[start:end].lstrip())


def case(name, documents, question, answer, mark, more):
    context = " ".join(documents)
    if more == DECODER_OF_BYTES:
        answer = f" {answer}"
    found = run(name, {
        "input_context_text": context, "input_current_text": question, "contextless_input_current_text": " {current}",
        "output_current_text": answer, "context_sensitivity_std_threshold": 0.0, "attributed_fn": "contrast_prob_diff",
        "attribution_kwargs": {"logprob": True}, **more,
    })
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / name)

    def tokens_of(text, spans):
        """The tokens of each span, counted from the first one of any."""
        encoded = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        places = [first_letter(text, *offsets) for offsets in encoded if offsets[1] > offsets[0]]
        inside = [place for place in places if any(start <= place < end for start, end in spans)]
        return [[i for i, place in enumerate(inside) if start <= place < end] for start, end in spans]

    spans, place = [], 0
    for document in documents:
        spans.append((place, place + len(document)))
        place += len(document) + 1
    of_documents = tokens_of(f"{context} {question}", spans)
    assert sum(map(len, of_documents)) == len(found["input_context_tokens"]), (name, found["input_context_tokens"])
    boundary = answer.index(mark) + 1
    if name in ("t5", "t5_gated", "umt5"):
        of_sentences = tokens_of(answer, [(0, boundary), (boundary, len(answer))])
    else:
        separator = more.get("decoder_input_output_separator", " ")
        start = len(f"{context} {question}{separator}")
        of_sentences = tokens_of(f"{context} {question}{separator}{answer}", [(start, start + boundary), (start + boundary, start + len(answer))])
    cti = np.array(found["cti_scores"])
    assert sum(map(len, of_sentences)) == len(cti), (name, found["output_current_tokens"])
    threshold = cti.mean() + cti.std()
    sentences = []
    for tokens in of_sentences:
        sums = np.zeros(len(documents))
        for cue in found["cci_scores"]:
            if cue["cti_idx"] in tokens and cti[cue["cti_idx"]] >= threshold:
                scores = np.array(cue["input_context_scores"])
                kept = np.where(scores >= scores.max() - 0.05 * (scores.max() - scores.min()), scores, 0)
                sums += [kept[own].sum() for own in of_documents]
        cited = [int(i) for i in np.argsort(-sums, kind="stable") if sums[i] > 0]
        sentences.append({"scores": sums.tolist(), "cited": cited})
    print(name, sentences, flush=True)
    return {"model": name, "documents": documents, "question": question, "answer": answer, "sentences": sentences}


def main():
    cases = [case(name, *texts, more) for name, texts, more in CASES]
    assert any(sentence["cited"] for one in cases for sentence in one["sentences"])
    lines = ",\n".join(json.dumps(one) for one in cases)
    Path(sys.argv[1]).write_text(f"[\n{lines}\n]\n")


main()
