"""What transformers' logits processors make of scores, in the order that `generate` runs them, and what `generate` writes.

    python generation_golden.py ../fixtures/generation

In `processors.json`, each case is a generation configuration, rows of ids so far, the ids of the encoder or of the prompt, the
length that generation started from, and scores with what becomes of them; `null` is minus infinity. Scores are rounded to 16
bits, so that they are the same numbers wherever they are read.

In `generated.json`, each case is a checkpoint of `../fixtures/architectures`, what its `generation_config.json` says (`null`:
there is none) or its `config.json` says beside the rest, arguments of the call, a text, and the ids that `generate` returns.

In `fields.json`, the fields of `GenerationConfig` with their defaults, by version of transformers; 4.57.6 adds its own with

    python generation_golden.py ../fixtures/generation --fields
"""

import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig  # noqa: E402

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
    dict(top_k=2, num_beams=3, eos_token_id=None), dict(top_h=0.4, top_k=0), dict(top_h=0.05, top_k=0), dict(top_h=0.9, temperature=0.6),
    dict(typical_p=0.5, top_k=0), dict(typical_p=0.2), dict(typical_p=0.95, top_k=0), dict(typical_p=0.1, top_k=0, num_beams=3),
    dict(epsilon_cutoff=0.05, top_k=0), dict(epsilon_cutoff=0.9), dict(epsilon_cutoff=0.9, num_beams=2, eos_token_id=[1, 5, 7]),
    dict(eta_cutoff=0.05, top_k=0), dict(eta_cutoff=0.7, top_k=0), dict(eta_cutoff=0.9, num_beams=2), dict(epsilon_cutoff=1.5, eta_cutoff=-1.0),
    dict(top_p=1.5, top_k=0), dict(typical_p=1.0, min_p=0.0),
    dict(temperature=1.4, top_h=0.9, top_k=12, top_p=0.9, min_p=0.02, typical_p=0.8, epsilon_cutoff=0.02, eta_cutoff=0.03),
]
PLAIN = [
    dict(), dict(repetition_penalty=1.7), dict(repetition_penalty=0.6), dict(no_repeat_ngram_size=1), dict(no_repeat_ngram_size=2),
    dict(no_repeat_ngram_size=3, repetition_penalty=1.2), dict(bad_words_ids=[[3], [4, 5], [6, 7, 8], [END]]), dict(min_length=9),
    dict(min_length=3), dict(min_new_tokens=6), dict(min_new_tokens=1, eos_token_id=[1, 9]), dict(suppress_tokens=[0, 5, 23]),
    dict(begin_suppress_tokens=[3, 4]), dict(forced_eos_token_id=END, max_length=8), dict(forced_eos_token_id=[1, 4], max_length=7),
    dict(renormalize_logits=True), dict(sequence_bias=[[[3], 2.5], [[4, 5], -1.5], [[6, 7, 8], 4.0], [[9], -3.0]]),
    dict(sequence_bias=[[[3], -2.0], [[3], 1.0]], repetition_penalty=1.4), dict(exponential_decay_length_penalty=[1, 1.4]),
    dict(exponential_decay_length_penalty=[0, 0.7], eos_token_id=[1, 5]), dict(exponential_decay_length_penalty=[2, 1.1], min_length=7),
    dict(remove_invalid_values=True, suppress_tokens=[2]), dict(remove_invalid_values=True, bad_words_ids=[[4], [5]]),
    dict(min_length=12, min_new_tokens=1), dict(min_length=-3, no_repeat_ngram_size=-1), dict(repetition_penalty=1.5, bad_words_ids=[[2]], min_length=12, renormalize_logits=True, num_beams=4),
]
WITH_ENCODER = [
    dict(encoder_no_repeat_ngram_size=2), dict(encoder_no_repeat_ngram_size=3), dict(forced_bos_token_id=4), dict(
        forced_bos_token_id=4, begin_suppress_tokens=[6, 7]), dict(forced_bos_token_id=4, forced_eos_token_id=END, max_length=6,
                                                                  no_repeat_ngram_size=2, encoder_no_repeat_ngram_size=2),
]
# Of the encoder, or of the prompt.
WITH_SOURCE = [
    dict(encoder_repetition_penalty=1.6), dict(encoder_repetition_penalty=0.7, repetition_penalty=1.3), dict(encoder_no_repeat_ngram_size=1),
    dict(encoder_no_repeat_ngram_size=2, encoder_repetition_penalty=2.5, sequence_bias=[[[4], 1.0]]),
]


def shown(scores):
    return [[None if value == float("-inf") else round(value, 7) for value in row] for row in scores.tolist()]


def case(model, arguments, rng, start, length):
    arguments = {"max_length": 30, "bos_token_id": 0, "eos_token_id": END, "pad_token_id": PAD, **arguments}
    config = GenerationConfig(**arguments)
    rows = 2
    # Few tokens, so that they repeat.
    ids = torch.tensor([[rng.randrange(3, 9) for _ in range(length)] for _ in range(rows)])
    source = torch.tensor([[rng.randrange(3, 9) for _ in range(7)] for _ in range(rows)])
    if not model.config.is_encoder_decoder:
        source = ids[:, :start]
    scores = (3 * torch.randn(rows, VOCABULARY)).half().float()
    if arguments.get("num_beams", 1) == 1:  # of two that tie, torch's sort may keep either
        scores[0, 5] = scores[0, 6]
    model._prepare_special_tokens(config, device="cpu")
    if config.min_new_tokens is not None:  # as `_prepare_generated_length` has it
        config.min_length = config.min_new_tokens + start
    processors = model._get_logits_processor(
        generation_config=config, input_ids_seq_length=start, encoder_input_ids=source, prefix_allowed_tokens_fn=None,
        logits_processor=[], device="cpu")
    after = processors(ids, scores.clone())
    return {"arguments": arguments, "start": start, "ids": ids.tolist(), "source": source.tolist(),
            "scores": scores.tolist(), "processed": shown(after)}


# What a `generation_config.json` says, over what the checkpoint's own does; `None` takes a field out.
FIELDS = [
    dict(), dict(sequence_bias=[[[5], 3.0], [[5, 6], -2.0]]), dict(encoder_repetition_penalty=3.0), dict(encoder_no_repeat_ngram_size=1),
    dict(repetition_penalty=1.8), dict(no_repeat_ngram_size=1), dict(no_repeat_ngram_size=2), dict(exponential_decay_length_penalty=[1, 1.9]),
    dict(suppress_tokens=[5, 6, 7, 8, 9]), dict(begin_suppress_tokens=[4, 5, 6, 17, 56]), dict(bad_words_ids=[[5], [56], [17, 56]]),
    dict(min_new_tokens=6), dict(min_length=7), dict(min_length=20, min_new_tokens=2), dict(eos_token_id=-1), dict(eos_token_id=[-1, 5]),
    dict(eos_token_id=None), dict(pad_token_id=-1), dict(pad_token_id=None), dict(temperature=0.0), dict(top_k=-1), dict(top_p=0.2),
    dict(typical_p=0.3), dict(remove_invalid_values=True), dict(renormalize_logits=True, repetition_penalty=1.5),
    dict(num_beams=3, length_penalty=2.0), dict(num_beams=3, early_stopping=True), dict(num_beams=2, early_stopping="never", length_penalty=-1.0),
    dict(num_beams=3, sequence_bias=[[[5], 1.0]], no_repeat_ngram_size=2), dict(num_beams=3, encoder_repetition_penalty=2.0),
    dict(num_beams=2, exponential_decay_length_penalty=[2, 2.5], renormalize_logits=True), dict(stop_strings=["a"]),
    dict(stop_strings=["zz", "e"], num_beams=2), dict(forced_eos_token_id=3), dict(forced_bos_token_id=7), dict(max_length=9),
    dict(use_cache=False), dict(prompt_lookup_num_tokens=2), dict(cache_implementation="static"), dict(num_beam_groups=1, diversity_penalty=0.0),
    dict(max_new_tokens=3), dict(do_sample=True, top_k=1), dict(do_sample=True, top_k=0, top_p=0.0), dict(decoder_start_token_id=6),
]
GUIDED = [dict(guidance_scale=1.5), dict(guidance_scale=3.0, repetition_penalty=1.2), dict(guidance_scale=0.5)]
OF_MODEL = [dict(num_beams=3, repetition_penalty=1.7), dict(repetition_penalty=1.7, bad_words_ids=[[5]]), dict(no_repeat_ngram_size=1, max_length=12),
            dict(min_length=14, max_length=16, num_beams=2, length_penalty=2.0, early_stopping=True),
            dict(force_bos_token_to_be_generated=True, bos_token_id=9)]
CHECKPOINTS = {"gpt2": "the cat", "llama": "the cat sat", "bart": "the cat sat on the mat", "t5": "the dog ran to the house", "mbart": "the cat sat"}


def generated(name, text, fields, of_model=None, arguments=None, damaged=False):
    """What `generate` writes with a checkpoint whose generation configuration is changed."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder, name)
        shutil.copytree(FIXTURES / name, folder)
        file = folder / "generation_config.json"
        own = json.loads(file.read_text()) if file.exists() else {}
        if fields is None:
            file.unlink(missing_ok=True)
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps({**config, **of_model}))
        else:
            fields = {**own, **fields}
            file.write_text(json.dumps(fields))
        if damaged:
            file.write_text("{")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        kind = AutoModelForSeq2SeqLM if name in ("bart", "t5", "mbart", "m2m_100", "marian") else AutoModelForCausalLM
        model = kind.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        inputs = {"input_ids": tokenizer(text, return_tensors="pt")["input_ids"]}
        stops = {"tokenizer": tokenizer} if (fields or {}).get("stop_strings") else {}
        ids = model.generate(**inputs, attention_mask=torch.ones_like(inputs["input_ids"]), **(arguments or {}), **stops)[0].tolist()
    return {"checkpoint": name, "fields": fields, "of_model": of_model, "arguments": arguments or {}, "damaged": damaged, "text": text, "ids": ids}


def all_generated():
    cases = []
    for name, text in CHECKPOINTS.items():
        decoder_only = name in ("gpt2", "llama")
        for fields in FIELDS + (GUIDED if decoder_only else []):
            has_length = any(field.startswith("max_") for field in fields)
            cases.append(generated(name, text, fields, arguments={} if has_length else {"max_new_tokens": 8}))
        cases.append(generated(name, text, {}))
        cases += [generated(name, text, None, of_model=fields) for fields in OF_MODEL]
        cases.append(generated(name, text, None, of_model={"repetition_penalty": 1.7}, damaged=True))
        # Flags of a call over what the file has.
        for arguments in [{"temperature": 0.0}, {"top_k": -1}, {"num_beams": 2, "min_new_tokens": 3}, {"repetition_penalty": 1.0},
                          {"eos_token_id": -1, "max_new_tokens": 5}, {"sequence_bias": [[[5], 4.0]]}]:
            cases.append(generated(name, text, {"repetition_penalty": 1.4}, arguments=arguments))
    # M2M-100 gives its padding token no position. Biases make it write the token.
    for fields in [dict(num_beams=3, sequence_bias=[[[1], 3.0]], no_repeat_ngram_size=1),
                   dict(num_beams=1, sequence_bias=[[[1], 30.0], [[1, 1], -60.0]], forced_bos_token_id=None)]:
        own = {"bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2, "pad_token_id": 1, "forced_bos_token_id": 72}
        cases.append(generated("m2m_100", "the cat sat on the mat", {**own, **fields}, arguments={"max_new_tokens": 10}))
    # Also none in a source that has it as a word.
    for text in ["the <pad> cat", "<pad> the cat sat on the mat", "the cat <pad> <pad> sat"]:
        for beams in [1, 3]:
            cases.append(generated("m2m_100", text, {**own, "num_beams": beams}, arguments={"max_new_tokens": 10}))
    # No beam ends before the limit.
    cases.append(generated("marian", "the house", dict(num_beams=2, length_penalty=-4.0), arguments={"max_new_tokens": 40}))
    # A prompt so long that the default length is cut at the model's positions.
    cases.append(generated("gpt2", "the cat sat on the mat and the dog ran to the house and the cat sat on", {}))
    return cases


def write(path, cases):
    path.write_text("[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in cases) + "\n]\n")
    print(path.name, len(cases), "cases")


def fields(path):
    """Adds the fields of this version."""
    config = GenerationConfig()
    defaults = getattr(config, "_get_default_generation_params", dict)()
    own = {name: defaults.get(name, value) for name, value in config.to_dict().items() if name != "transformers_version"}
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, transformers.__version__: own}, indent=1, sort_keys=True) + "\n")


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    fields(out / "fields.json")
    if "--fields" in sys.argv:
        return
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
    for arguments in WITH_SOURCE:
        cases += [case(model, arguments, rng, start, length) for model in (decoder, both) for start, length in [(3, 3), (2, 6)]]
    write(out / "processors.json", cases)
    write(out / "generated.json", all_generated())


if __name__ == "__main__":
    main()
