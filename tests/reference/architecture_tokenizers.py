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

    kind: str  # "bytes", "pieces", "merges" or "single_bytes"
    special: list[str]  # in the order of their ids
    roles: dict[str, str]  # tokenizer_config.json's names of them
    template: str = "$A"  # where they go
    first: bool = True  # special tokens come before the vocabulary
    extra: dict = field(default_factory=dict)  # more of tokenizer_config.json


def eos_only(pad, eos, unk):
    return {"pad_token": pad, "eos_token": eos, "unk_token": unk}


END = "<|endoftext|>"
FAMILIES = {
    "t5": Family("pieces", ["<pad>", "</s>", "<unk>"], eos_only("<pad>", "</s>", "<unk>"), "$A </s>"),
    "byt5": Family("single_bytes", ["<pad>", "</s>", "<unk>"], eos_only("<pad>", "</s>", "<unk>"), "$A </s>"),
    "bart": Family("bytes", ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
                   {"bos_token": "<s>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>",
                    **eos_only("<pad>", "</s>", "<unk>")}, "<s> $A </s>"),
    "gpt2": Family("bytes", [END], {"bos_token": END, "eos_token": END, "unk_token": END}, first=False),
    "opt": Family("bytes", ["<s>", "<pad>", "</s>", "<unk>"], {"bos_token": "</s>", **eos_only("<pad>", "</s>", "</s>")}, "</s> $A"),
    "galactica": Family("bytes", ["<s>", "<pad>", "</s>", "<unk>"], {}),
    "bloom": Family("bytes", ["<unk>", "<s>", "</s>", "<pad>"], {"bos_token": "<s>", **eos_only("<pad>", "</s>", "<unk>")}),
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
    ordered = [*family.special, *tokens] if family.first else [*tokens, *family.special]
    return {token: i for i, token in enumerate(dict.fromkeys(ordered))}


def _model(family):
    if family.kind == "single_bytes":
        return models.BPE(_vocabulary(family, sorted(pre_tokenizers.ByteLevel.alphabet(), key=_byte)), [])
    if family.kind == "bytes":
        merges, tokens = _chains(WORDS[:16], SPACE)
        symbols = [SPACE, *LETTERS, *MARKS, "W", "Ã", "©", "¯"]
        return models.BPE(_vocabulary(family, [*symbols, *tokens]), merges)
    unknown = family.roles["unk_token"]
    if family.kind == "merges":
        merges, tokens = _chains(WORDS[:14], LOW)
        vocabulary = _vocabulary(family, [LOW, *LETTERS, *MARKS, "é", *tokens])
        return models.BPE(vocabulary, merges, unk_token=unknown, fuse_unk=True)
    scored = [(token, 0.0) for token in family.special]
    scored += [(LOW + word, -2.0 - i / 8) for i, word in enumerate(WORDS)]
    scored += [(piece, -7.0 - i / 4) for i, piece in enumerate([LOW, "s", "at", "ed", "ing", *MARKS])]
    scored += [(letter, -12.0 - i / 4) for i, letter in enumerate([*(c for c in LETTERS if c != "s"), "é", "W"])]
    return models.Unigram(scored, family.special.index(unknown))


def _byte(symbol):
    """The byte that a printable symbol of GPT-2's alphabet stands for."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in printable}
    table.update({chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in printable)})
    return table[symbol]


def write(folder: Path, name: str, positions: int | None):
    """Writes `tokenizer.json` and `tokenizer_config.json`; returns how many tokens there are."""
    family = FAMILIES[name]
    tokenizer = Tokenizer(_model(family))
    if family.kind in ("bytes", "single_bytes"):
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=family.kind == "bytes")
        tokenizer.decoder = decoders.ByteLevel()
    elif family.kind == "merges":  # as Llama's: no words, a mark for each space
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(LOW), normalizers.Replace(" ", LOW)])
        tokenizer.decoder = decoders.Sequence([decoders.Replace(LOW, " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
    if family.special:
        tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in family.special])
    if family.template != "$A":
        used = [token for token in family.special if token in family.template.split()]
        tokenizer.post_processor = processors.TemplateProcessing(
            family.template, special_tokens=[(token, tokenizer.token_to_id(token)) for token in used])
    elif family.kind == "bytes":
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **family.roles, **family.extra, "clean_up_tokenization_spaces": False}
    if positions:
        config["model_max_length"] = positions
    (folder / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False) + "\n", encoding="utf-8")
    return tokenizer.get_vocab_size()
