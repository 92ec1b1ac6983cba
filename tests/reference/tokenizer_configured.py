"""What `tokenizer_config.json` changes beside a `tokenizer.json`, as `AutoTokenizer` has it, and what truncation leaves.

    python tokenizer_configured.py ../fixtures/tokenizer/configured

For each family a `tokenizer.json`, made of the family's files in `../fixtures/tokenizer` as transformers saves it; in
`cases.json.gz` the model type and the `tokenizer_config.json` of each case with the ids of some strings, and in
`truncated.json.gz` what `truncation=True` leaves of texts. Made with transformers 5.23.0.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AutoTokenizer, BertTokenizer  # noqa: E402

from tokenizer_families import FAMILIES, tokenizer_of  # noqa: E402
from tokenizer_files import pack  # noqa: E402

FIXTURES = Path(__file__).parent / "../fixtures/tokenizer"
STRINGS = ["the nurse was tired", " the nurse", "  two  spaces ", "a\nb\n\nc", "ﬁne ½ №5 ²", "été naïve e\u0301", "don't, she's 1234!", "日本語 ｶﾞ",
           "x</s>y <s> z", "<|endoftext|> the", "the<unk>", "▁the ▁ x", "🙂 ok", "", " ", "THE Nurse", "\u200bzero\u00a0width", "<extra_id_0> <mask> en_XX"]
# The class that the files name, the model type, and the families whose `tokenizer.json` they stand beside.
CLASSES = {
    "gpt2": [("GPT2Tokenizer", "gpt2"), ("GPT2TokenizerFast", "gpt_neo"), ("PreTrainedTokenizerFast", "gpt2"), (None, "gpt2"), ("GPT2Tokenizer", "opt"),
             ("GPTNeoXTokenizerFast", "gpt_neox"), ("CodeGenTokenizer", "phi"), ("LlamaTokenizerFast", "llama"), ("LlamaTokenizer", "mistral"),
             ("GPT2Tokenizer", "bloom"), ("LlamaTokenizerFast", "qwen2"), ("PreTrainedTokenizerFast", "qwen2"), ("GPT2Tokenizer", "smollm3"),
             ("GPT2Tokenizer", "olmo2"), (None, "olmo2"), (None, "qwen3")],
    "qwen2": [("Qwen2Tokenizer", "qwen2"), ("Qwen2TokenizerFast", "qwen3"), ("Qwen2Tokenizer", "llama"), (None, "qwen2"), ("TokenizersBackend", "qwen3")],
    "gpt_neox": [("GPTNeoXTokenizerFast", "gpt_neox"), (None, "gpt_neox"), ("PreTrainedTokenizerFast", "gpt_neox")],
    "bart": [("BartTokenizer", "bart"), ("RobertaTokenizerFast", "bart"), (None, "bart"), ("PreTrainedTokenizerFast", "bart")],
    "llama": [("LlamaTokenizer", "llama"), ("LlamaTokenizerFast", "llama"), (None, "llama"), ("LlamaTokenizerFast", "mistral"), (None, "mistral"),
              ("LlamaTokenizerFast", "phi3"), ("PreTrainedTokenizerFast", "llama"), ("LlamaTokenizer", "olmo2")],
    "gemma": [("GemmaTokenizer", "gemma"), ("GemmaTokenizerFast", "gemma2"), (None, "gemma3_text"), ("PreTrainedTokenizerFast", "gemma2")],
    "t5": [("T5Tokenizer", "t5"), ("T5TokenizerFast", "mt5"), ("T5Tokenizer", "umt5"), (None, "t5"), ("PreTrainedTokenizerFast", "t5")],
    "pegasus": [("PegasusTokenizer", "pegasus"), (None, "pegasus")],
    "mbart": [("MBartTokenizer", "mbart"), ("MBartTokenizerFast", "mbart"), (None, "mbart")],
    "mbart50": [("MBart50Tokenizer", "mbart"), ("MBart50TokenizerFast", "mbart")],
    "nllb": [("NllbTokenizer", "m2m_100"), ("NllbTokenizerFast", "m2m_100")],
    "words": [("BertTokenizer", "gpt2"), ("BertTokenizerFast", "gpt2"), ("BertTokenizer", "llama")],
}
# Over what the family's own file says; a value of `...` takes the field out.
CHANGES = [
    {}, {"add_prefix_space": True}, {"add_prefix_space": False}, {"add_bos_token": True, "add_eos_token": True},
    {"add_bos_token": False, "add_eos_token": False}, {"split_special_tokens": True}, {"legacy": True}, {"legacy": False},
    {"clean_up_tokenization_spaces": True}, {"do_lower_case": True, "strip_accents": True, "tokenize_chinese_chars": True},
    {"do_lower_case": False}, {"do_lower_case": False, "strip_accents": True}, {"strip_accents": False, "tokenize_chinese_chars": False},
    {"truncation_side": "left", "padding_side": "left", "model_max_length": 7}, {"use_default_system_prompt": True}, {"trim_offsets": False},
    {"extra_special_tokens": ["the", "<new>"]}, {"additional_special_tokens": ["nurse"]}, {"extra_special_tokens": {"image_token": "was"}},
    {"added_tokens_decoder": ...}, {"add_prefix_space": True, "add_bos_token": True, "legacy": True},
]
LANGUAGES = [{"src_lang": "fr_XX", "tgt_lang": "en_XX"}, {"src_lang": "fra_Latn", "tgt_lang": "eng_Latn", "legacy_behaviour": True}]


def write(path, value):
    pack(path, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def saved(family):
    """The `tokenizer.json` and `tokenizer_config.json` of a family, as transformers saves them."""
    with tempfile.TemporaryDirectory() as folder:
        if family == "words":
            tokens = "[PAD] [UNK] [CLS] [SEP] [MASK] the nurse was tired été ete naive two spaces ##s don she ' . , ! Nurse THE ok 日 本 語 日本語".split()
            tokens += [f"##{letter}" for letter in "abcdefgh"] + list("abcdxyz<>/")
            vocabulary = {token: i for i, token in enumerate(tokens)}
            BertTokenizer(vocab=vocabulary).save_pretrained(folder)
            return Path(folder, "tokenizer.json").read_bytes(), json.loads(Path(folder, "tokenizer_config.json").read_text())
        tokenizer_of(FIXTURES / family).save_pretrained(folder)
        return Path(folder, "tokenizer.json").read_bytes(), json.loads(Path(folder, "tokenizer_config.json").read_text())


def with_config(tokenizer_json, config, model_type, use):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tokenizer.json").write_bytes(tokenizer_json)
        Path(folder, "tokenizer_config.json").write_text(json.dumps(config))
        Path(folder, "config.json").write_text(json.dumps({"model_type": model_type}))
        return use(AutoTokenizer.from_pretrained(folder))


def encoded(tokenizer):
    ids = [tokenizer(text)["input_ids"] for text in STRINGS]
    return {"class": type(tokenizer).__name__, "ids": ids, "plain": [tokenizer(text, add_special_tokens=False)["input_ids"] for text in STRINGS],
            "decoded": [tokenizer.decode(one) for one in ids], "skipped": [tokenizer.decode(one, skip_special_tokens=True) for one in ids],
            "special": sorted(set(tokenizer.all_special_ids))}


def configured(out):
    cases, failed = [], []
    for family, classes in CLASSES.items():
        tokenizer_json, config = saved(family)
        pack(out / f"{family}.tokenizer.json", tokenizer_json)
        for number, (tokenizer_class, model_type) in enumerate(classes):
            changes = CHANGES + (LANGUAGES[:1] if family.startswith("mbart") else LANGUAGES[1:] if family == "nllb" else [])
            for change in changes if number < 2 else CHANGES[:4]:
                changed = {**config, "tokenizer_class": tokenizer_class, **change}
                changed = {name: value for name, value in changed.items() if value is not ... and (name, value) != ("tokenizer_class", None)}
                try:
                    result = with_config(tokenizer_json, changed, model_type, encoded)
                except Exception as e:  # noqa: BLE001
                    failed.append((family, tokenizer_class, model_type, change, str(e)[:80]))
                    continue
                # Language codes and the like stay special here, whatever else is.
                result["special"] = None if {"extra_special_tokens", "additional_special_tokens"} & set(change) else result["special"]
                cases.append({"family": family, "model_type": model_type, "config": changed, "change": str(change), **result})
    write(out / "cases.json", {"strings": STRINGS, "cases": cases})
    print(len(cases), "cases")
    for one in failed:
        print("transformers fails:", *one)


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    configured(out)
    text = "the tired nurse said that she was late, and the doors are white"
    cases = []
    for make in FAMILIES:
        folder = FIXTURES / make.__name__
        for side in ("right", "left"):
            tokenizer = tokenizer_of(folder)
            tokenizer.truncation_side = side
            whole = len(tokenizer(text)["input_ids"])
            for most in (whole, whole - 1, whole - 5, 6, 4):
                cases.append({"family": make.__name__, "side": side, "most": most, "ids": tokenizer(text, truncation=True, max_length=most)["input_ids"]})
    write(out / "truncated.json", {"text": text, "cases": cases})
    print(len(cases), "truncated")


if __name__ == "__main__":
    main()
