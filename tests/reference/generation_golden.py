"""What transformers' logits processors make of scores, in the order that `generate` runs them.

    python generation_golden.py ../fixtures/generation

Each case is a generation configuration, rows of ids so far, the encoder's ids where there is an encoder, the length that
generation started from, and scores with what becomes of them; `null` is minus infinity. Scores are rounded to 16 bits, so that
they are the same numbers wherever they are read.
"""

import json
import os
import random
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, GenerationConfig  # noqa: E402

VOCABULARY = 24
END, PAD = 1, 2
FIXTURES = Path(__file__).parent / "../fixtures/architectures"
# Each alone and then together, for what one does to another's work.
SAMPLING = [
    dict(temperature=0.7), dict(temperature=1.8), dict(top_k=5), dict(top_k=1), dict(top_k=VOCABULARY + 3), dict(top_p=0.6, top_k=0),
    dict(top_p=0.05, top_k=0), dict(top_p=0.95), dict(min_p=0.2, top_k=0), dict(min_p=0.9), dict(min_p=0.05, temperature=2.5),
    dict(temperature=0.6, top_p=0.9), dict(temperature=0.7, top_k=20, top_p=0.8, repetition_penalty=1.1),
    dict(temperature=1.3, top_k=8, top_p=0.5, min_p=0.1), dict(top_k=7, top_p=0.7, renormalize_logits=True), dict(top_k=2, num_beams=3),
    dict(top_p=0.01, top_k=0, num_beams=2), dict(min_p=0.99, top_k=0, num_beams=4, eos_token_id=[1, 5, 7]),
]
PLAIN = [
    dict(), dict(repetition_penalty=1.7), dict(repetition_penalty=0.6), dict(no_repeat_ngram_size=1), dict(no_repeat_ngram_size=2),
    dict(no_repeat_ngram_size=3, repetition_penalty=1.2), dict(bad_words_ids=[[3], [4, 5], [6, 7, 8], [END]]), dict(min_length=9),
    dict(min_length=3), dict(min_new_tokens=6), dict(min_new_tokens=1, eos_token_id=[1, 9]), dict(suppress_tokens=[0, 5, 23]),
    dict(begin_suppress_tokens=[3, 4]), dict(forced_eos_token_id=END, max_length=8), dict(forced_eos_token_id=[1, 4], max_length=7),
    dict(renormalize_logits=True), dict(repetition_penalty=1.5, bad_words_ids=[[2]], min_length=12, renormalize_logits=True, num_beams=4),
]
WITH_ENCODER = [
    dict(encoder_no_repeat_ngram_size=2), dict(encoder_no_repeat_ngram_size=3), dict(forced_bos_token_id=4), dict(
        forced_bos_token_id=4, begin_suppress_tokens=[6, 7]), dict(forced_bos_token_id=4, forced_eos_token_id=END, max_length=6,
                                                                  no_repeat_ngram_size=2, encoder_no_repeat_ngram_size=2),
]


def shown(scores):
    return [[None if value == float("-inf") else round(value, 7) for value in row] for row in scores.tolist()]


def case(model, arguments, rng, start, length):
    arguments = {"max_length": 30, "bos_token_id": 0, "eos_token_id": END, "pad_token_id": PAD, **arguments}
    config = GenerationConfig(**arguments)
    rows = 2
    # Few tokens, so that they repeat.
    ids = torch.tensor([[rng.randrange(3, 9) for _ in range(length)] for _ in range(rows)])
    source = torch.tensor([[rng.randrange(3, 9) for _ in range(7)] for _ in range(rows)]) if model.config.is_encoder_decoder else None
    scores = (3 * torch.randn(rows, VOCABULARY)).half().float()
    scores[0, 5] = scores[0, 6]  # a tie
    model._prepare_special_tokens(config, device="cpu")
    processors = model._get_logits_processor(
        generation_config=config, input_ids_seq_length=start, encoder_input_ids=source, prefix_allowed_tokens_fn=None,
        logits_processor=[], device="cpu")
    after = processors(ids, scores.clone())
    return {"arguments": arguments, "start": start, "ids": ids.tolist(), "source": None if source is None else source.tolist(),
            "scores": scores.tolist(), "processed": shown(after)}


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    rng = random.Random(3)
    decoder = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(FIXTURES / "gpt2"))
    both = AutoModelForSeq2SeqLM.from_config(AutoConfig.from_pretrained(FIXTURES / "bart"))
    cases = []
    for arguments in PLAIN:
        cases += [case(decoder, arguments, rng, start, length) for start, length in [(3, 3), (2, 6), (4, 7)]]
    for arguments in SAMPLING:
        cases += [case(decoder, {"do_sample": True, **arguments}, rng, start, length) for start, length in [(3, 5), (1, 9)]]
    for arguments in WITH_ENCODER:
        cases += [case(both, arguments, rng, start, length) for start, length in [(1, 1), (1, 2), (1, 5), (3, 3)]]
    text = ",\n".join(json.dumps(one, separators=(",", ":")) for one in cases)
    (out / "processors.json").write_text(f"[\n{text}\n]\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
