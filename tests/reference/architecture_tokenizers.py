"""Tiny tokenizers, one for each family of `architecture_checkpoints.py`: about a hundred tokens, and the family's own special
tokens and rules for where they go. They are written down rather than trained, so that every run gives the same files.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

WORDS = ("the cat dog old man sat saw ran on mat to big house when that was not there she he said no yes late and but so odd "
         "snow two").split()
LETTERS = list("abcdefghijklmnopqrstuvwxyz")
MARKS = list(".,?!'")
SPACE = "Ġ"  # a space among GPT-2's printable bytes
LOW = "▁"  # a space among SentencePiece's pieces


@dataclass
class Family:
    """What a family's tokenizer does to a text."""

    # "bytes", "single_bytes", "pieces" (SentencePiece's unigram), "merges" (its BPE) or "merges_bare" (without a space at the start)
    kind: str
    special: list[str]  # in the order of their ids, before the vocabulary
    roles: dict[str, str]  # tokenizer_config.json's names of them
    template: str = "$A"  # where they go
    last: list[str] = field(default_factory=list)  # special tokens after the vocabulary


def roles(bos=None, eos=None, pad=None, unk=None, **others):
    named = {"bos_token": bos, "eos_token": eos, "pad_token": pad, "unk_token": unk, **others}
    return {name: token for name, token in named.items() if token is not None}


END = "<|endoftext|>"
CONTROL = ["<s>", "<pad>", "</s>", "<unk>"]  # fairseq's order
CONTROL_ROLES = roles("<s>", "</s>", "<pad>", "<unk>")
T5_ROLES = roles(None, "</s>", "<pad>", "<unk>")
FAMILIES = {
    "t5": Family("pieces", ["<pad>", "</s>", "<unk>"], T5_ROLES, "$A </s>"),
    "byt5": Family("single_bytes", ["<pad>", "</s>", "<unk>"], T5_ROLES, "$A </s>"),
    "marian": Family("pieces", ["</s>", "<unk>"], T5_ROLES, "$A </s>", ["<pad>"]),
    "pegasus": Family("pieces", ["<pad>", "</s>", "<mask_1>", "<unk>"], {**T5_ROLES, "mask_token": "<mask_1>"}, "$A </s>"),
    "bart": Family("bytes", [*CONTROL, "<mask>"], {**CONTROL_ROLES, "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"},
                   "<s> $A </s>"),
    "mbart": Family("pieces", CONTROL, {**CONTROL_ROLES, "mask_token": "<mask>"}, "$A </s> en_XX", ["en_XX", "ro_RO", "<mask>"]),
    "m2m_100": Family("pieces", CONTROL, CONTROL_ROLES, "__en__ $A </s>", ["__en__", "__fr__"]),
    "gpt2": Family("bytes", [], roles(END, END, None, END), last=[END]),
    "opt": Family("bytes", CONTROL, roles("</s>", "</s>", "<pad>", "</s>"), "</s> $A"),
    "galactica": Family("bytes", CONTROL, {}),
    "bloom": Family("bytes", ["<unk>", "<s>", "</s>", "<pad>"], roles("<s>", "</s>", "<pad>", "<unk>")),
    "gpt_neox": Family("bytes", [END, "<|padding|>"], roles(END, END, None, END)),
    "llama": Family("merges", ["<unk>", "<s>", "</s>"], roles("<s>", "</s>", None, "<unk>"), "<s> $A"),
    "llama3": Family("bytes", [], roles("<|begin_of_text|>", "<|end_of_text|>"), "<|begin_of_text|> $A",
                     ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]),
    "qwen": Family("bytes", [], roles(None, END, END), last=[END, "<|im_start|>", "<|im_end|>"]),
    "gemma": Family("merges_bare", ["<pad>", "<eos>", "<bos>", "<unk>"], roles("<bos>", "<eos>", "<pad>", "<unk>"), "<bos> $A"),
    "phi3": Family("merges", ["<unk>", "<s>", "</s>"], roles("<s>", END, END, "<unk>"), last=[END, "<|assistant|>", "<|end|>"]),
}


def _chains(words, start):
    """Merges that put each word together from its letters, left to right, and the tokens that they make."""
    merges, tokens = [], []
    for word in words:
        left = start
        for letter in word:
            if (left, letter) not in merges:
                merges.append((left, letter))
                tokens.append(left + letter)
            left += letter
    return merges, tokens


def _vocabulary(family, tokens):
    return {token: i for i, token in enumerate(dict.fromkeys([*family.special, *tokens, *family.last]))}


def _model(family):
    if family.kind == "single_bytes":
        return models.BPE(_vocabulary(family, sorted(pre_tokenizers.ByteLevel.alphabet(), key=_byte)), [])
    if family.kind == "bytes":
        merges, tokens = _chains(WORDS[:16], SPACE)
        symbols = [SPACE, *LETTERS, *MARKS, "W", "Ã", "©", "¯"]
        return models.BPE(_vocabulary(family, [*symbols, *tokens]), merges)
    unknown = family.roles["unk_token"]
    if family.kind.startswith("merges"):
        merges, tokens = _chains(WORDS[:14], LOW)
        vocabulary = _vocabulary(family, [LOW, *LETTERS, *MARKS, "é", *tokens])
        return models.BPE(vocabulary, merges, unk_token=unknown, fuse_unk=True)
    scored = [(token, 0.0) for token in family.special]
    scored += [(LOW + word, -2.0 - i / 8) for i, word in enumerate(WORDS)]
    scored += [(piece, -7.0 - i / 4) for i, piece in enumerate([LOW, "s", "at", "ed", "ing", *MARKS])]
    scored += [(letter, -12.0 - i / 4) for i, letter in enumerate([*(c for c in LETTERS if c != "s"), "é", "W"])]
    scored += [(token, 0.0) for token in family.last]
    return models.Unigram(scored, family.special.index(unknown))


def _byte(symbol):
    """The byte that a printable symbol of GPT-2's alphabet stands for."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in printable}
    table.update({chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in printable)})
    return table[symbol]


def write(folder: Path, name: str, positions: int | None):
    """Writes `tokenizer.json` and `tokenizer_config.json`; returns the tokenizer."""
    family = FAMILIES[name]
    tokenizer = Tokenizer(_model(family))
    if family.kind in ("bytes", "single_bytes"):
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=family.kind == "bytes")
        tokenizer.decoder = decoders.ByteLevel()
    elif family.kind.startswith("merges"):  # as Llama's and Gemma's: no words, a mark for each space
        marks = normalizers.Replace(" ", LOW)
        tokenizer.normalizer = marks if family.kind == "merges_bare" else normalizers.Sequence([normalizers.Prepend(LOW), marks])
        strip = [] if family.kind == "merges_bare" else [decoders.Strip(" ", 1, 0)]
        tokenizer.decoder = decoders.Sequence([decoders.Replace(LOW, " "), decoders.Fuse(), *strip])
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
    special = [*family.special, *family.last]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    if family.template != "$A":
        used = [token for token in special if token in family.template.split()]
        tokenizer.post_processor = processors.TemplateProcessing(
            family.template, special_tokens=[(token, tokenizer.token_to_id(token)) for token in used])
    elif family.kind == "bytes":
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **family.roles, "clean_up_tokenization_spaces": False}
    if positions:
        config["model_max_length"] = positions
    (folder / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False) + "\n", encoding="utf-8")
    return tokenizer
