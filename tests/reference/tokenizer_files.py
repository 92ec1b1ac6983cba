"""Writes the files of a tokenizer: vocabularies, SentencePiece models, a whole `tokenizer.json`."""

import gzip
import json
import os
from pathlib import Path

import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

# A few of the rules of nmt_nfkc: its whole table is 240 kB in every file.
RULES = [("\t", " "), ("\n", " "), ("\r", " "), ("\u00a0", " "), ("\u3000", " "), ("\u200b", " "), ("\ufeff", " "),
         ("\u0001", ""), ("\u001b", ""), ("ﬁ", "fi"), ("ﬃ", "ffi"), ("½", "1⁄2"), ("²", "2"), ("™", "TM"),
         ("e\u0301", "é"), ("n\u0303", "ñ"), ("\u212b", "Å"),
         ("…", "..."), ("①", "1"), ("Ⅳ", "IV"), ("㍿", "株式会社"), ("ｶﾞ", "ガ"),
         ("ｶ", "カ"), ("ﷺ", "صلى الله عليه وسلم")]
RULES += [(chr(c), chr(c - 0xFEE0)) for c in range(0xFF21, 0xFF5B)]


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def pack(path, data):
    """A compressed file; a test unpacks it."""
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(data, mtime=0))


def byte_pairs(folder, lines, first=(), last=(), size=360):
    """`vocab.json` and `merges.txt` of a byte-level BPE, as GPT-2's are."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    model = json.loads(tokenizer.to_str())["model"]
    tokens = [*first, *sorted(model["vocab"], key=model["vocab"].get), *last]
    write(folder / "vocab.json", {token: i for i, token in enumerate(tokens)})
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")


def sentencepiece(path, lines, size=300, kind="unigram", rules=True, **options):
    """A SentencePiece model of `size` pieces or fewer."""
    here = Path.cwd()
    # The trainer writes its paths into the model: relative ones are the same wherever this runs.
    os.chdir(path.parent)
    if rules:
        code = lambda text: " ".join(f"{ord(c):X}" for c in text)  # noqa: E731
        Path("rules.tsv").write_text("".join(f"{code(a)}\t{code(b)}\n" for a, b in RULES), encoding="utf-8")
        options["normalization_rule_tsv"] = "rules.tsv"
    else:
        options["normalization_rule_name"] = "identity"
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix="trained", vocab_size=size, model_type=kind, hard_vocab_limit=kind == "bpe",
        character_coverage=0.98, num_threads=1, minloglevel=2, **options)
    Path("rules.tsv").unlink(missing_ok=True)
    Path("trained.vocab").unlink()
    Path("trained.model").rename(path.name)
    os.chdir(here)


def added(content, **options):
    rules = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"content": content, **rules, **options}


def whole(folder, model, pre_tokenizer, first=(), last=(), processor=None, normalizer=None, decoder=None, **rules):
    """A `tokenizer.json` whose first and last tokens are special, and nothing else."""
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder or decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False, **rules) for token in (*first, *last)])
    if processor:
        tokenizer.post_processor = processor(tokenizer)
    pack(folder / "tokenizer.json", tokenizer.to_str().encode())


def trained(folder, lines, **options):
    """The byte pairs of `byte_pairs` as a model, and no other files."""
    byte_pairs(folder, lines, **options)
    model = models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink()
    return model


def pieces_of(pattern):
    """Pieces of a text as they match, then as bytes."""
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def around(template):
    def make(tokenizer):
        used = [(token, tokenizer.token_to_id(token)) for token in template.split() if not token.startswith("$")]
        template_processor = processors.TemplateProcessing(template, special_tokens=used)
        return processors.Sequence([processors.ByteLevel(trim_offsets=True), template_processor])
    return make
