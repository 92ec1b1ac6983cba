"""Tiny tokenizers in the files that each family's repositories have beside, or instead of, a `tokenizer.json`.

    python tokenizer_families.py ../fixtures/tokenizer

For each family a folder of files, and `golden.json.gz`: what `AutoTokenizer` makes of the strings of `strings.json`. Made
with transformers 5.23.0, sentencepiece 0.2.3 and tokenizers 0.23.3.
"""

import gzip
import json
import os
import random
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AutoTokenizer  # noqa: E402

from tokenizer_corpus import corpus, strings  # noqa: E402
from tokenizer_files import pack  # noqa: E402
from tokenizer_jsons import bloom_json, galactica_json, gpt2_json, llama3_json, nllb_json, phi3_json  # noqa: E402
from tokenizer_vocabularies import (  # noqa: E402
    bart, byt5, codegen, gemma, gpt2, gpt_neo, gpt_neox, llama, llama_legacy, m2m_100, mbart, mbart50, mistral, mt5, nllb, opt, pegasus,
    qwen2, t5, xglm)

FAMILIES = [gpt2, gpt_neo, opt, bart, gpt_neox, codegen, qwen2, t5, mt5, pegasus, mbart, mbart50, nllb, xglm, m2m_100, llama,
            llama_legacy, gemma, mistral, byt5, gpt2_json, nllb_json, bloom_json, llama3_json, galactica_json, phi3_json]


# Source and target languages.
LANGUAGES = {"mbart": [("en_XX", "ro_RO"), ("fr_XX", None)], "mbart50": [("fr_XX", "de_DE"), ("gl_ES", "en_XX")],
             "nllb": [("eng_Latn", "fra_Latn"), ("zul_Latn", "ace_Arab")], "m2m_100": [("en", "fr"), ("zu", "af")]}
LANGUAGES["nllb_json"] = LANGUAGES["nllb"]


def tokenizer_of(folder, **options):
    if folder.name.endswith("_json"):
        with tempfile.TemporaryDirectory() as unpacked:
            for file in folder.iterdir():
                data = file.read_bytes()
                Path(unpacked, file.name.removesuffix(".gz")).write_bytes(gzip.decompress(data) if file.suffix == ".gz" else data)
            return AutoTokenizer.from_pretrained(unpacked, **options)
    if folder.name != "xglm":
        return AutoTokenizer.from_pretrained(folder, **options)
    # XGLMTokenizer does not look for a sentencepiece.bpe.model (it makes an empty vocabulary); this is the vocabulary
    # that its converter makes of one.
    from sentencepiece import sentencepiece_model_pb2
    from transformers import XGLMTokenizer
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString((folder / "sentencepiece.bpe.model").read_bytes())
    vocab = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
    vocab += [(piece.piece, piece.score) for piece in proto.pieces[3:]]
    vocab += [(f"<madeupword{i}>", 0.0) for i in range(7)]
    return XGLMTokenizer(vocab=vocab, _spm_precompiled_charsmap=proto.normalizer_spec.precompiled_charsmap, model_max_length=2048)


def frame(ids, plain):
    """How many ids come before and after the text's own; None where they cannot be told from it."""
    for before in range(len(ids) - len(plain) + 1):
        if ids[before:before + len(plain)] == plain:
            return ids[:before], ids[before + len(plain):]
    return None


def golden(folder, texts):
    tokenizer = tokenizer_of(folder)
    before, after = frame(tokenizer("a")["input_ids"], tokenizer("a", add_special_tokens=False)["input_ids"])
    joined = lambda ids: "".join(tokenizer.convert_ids_to_tokens(ids))  # noqa: E731
    head, tail = joined(before), joined(after)
    out = {"before": before, "after": after, "head": head, "tail": tail, "ids": [], "framed": {}, "decoded": [], "skipped": []}
    for index, text in enumerate(texts):
        ids = tokenizer(text)["input_ids"]
        plain = tokenizer(text, add_special_tokens=False)["input_ids"]
        out["ids"].append(plain)
        if ids != before + plain + after:
            out["framed"][index] = ids
        skipped = tokenizer.decode(ids, skip_special_tokens=True)
        decoded = tokenizer.decode(ids)
        # Where a text comes back unchanged, nothing is written down.
        out["skipped"].append(None if skipped == text else skipped)
        out["decoded"].append(None if decoded == head + skipped + tail else decoded)
    rng = random.Random(5)
    size = len(tokenizer)
    out["random"] = [[rng.randrange(size) for _ in range(rng.randint(1, 12))] for _ in range(60)]
    out["random_decoded"] = [tokenizer.decode(ids) for ids in out["random"]]
    out["random_skipped"] = [tokenizer.decode(ids, skip_special_tokens=True) for ids in out["random"]]
    out["tokens"] = {i: tokenizer.convert_ids_to_tokens(i) for i in range(size) if i < 8 or i % 9 == 0 or i > size - 30}
    out["special"] = {"pad": tokenizer.pad_token_id, "eos": tokenizer.eos_token_id, "unk": tokenizer.unk_token_id,
                      "bos": tokenizer.bos_token_id, "all": sorted(set(tokenizer.all_special_ids)),
                      "model_max_length": tokenizer.model_max_length if tokenizer.model_max_length < 1e20 else None}
    out["size"] = size
    out["class"] = type(tokenizer).__name__
    out["languages"] = []
    for source, target in LANGUAGES.get(folder.name, []):
        translator = tokenizer_of(folder, src_lang=source, **({"tgt_lang": target} if target else {}))
        plain = translator("the nurse", add_special_tokens=False)["input_ids"]
        ids = {"source": translator("the nurse")["input_ids"], "target": translator(text_target="the nurse")["input_ids"]}
        codes = {code: translator.convert_tokens_to_ids(f"__{code}__" if folder.name == "m2m_100" else code)
                 for code in {source, target} - {None}}
        out["languages"].append({"codes": [source, target], "ids": codes, **{role: frame(ids, plain) for role, ids in ids.items()}})
    pack(folder / "golden.json", json.dumps(out, ensure_ascii=False, separators=(",", ":")).encode())


if __name__ == "__main__":
    out, only = Path(sys.argv[1]), sys.argv[2:]
    texts = strings()
    for make in FAMILIES:
        if only and make.__name__ not in only:
            continue
        folder = out / make.__name__
        folder.mkdir(exist_ok=True, parents=True)
        make(folder, corpus())
        golden(folder, texts)
        print(make.__name__, {f.name: f.stat().st_size for f in folder.iterdir()})
