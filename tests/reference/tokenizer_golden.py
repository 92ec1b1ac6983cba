"""Tiny tokenizer repositories in the hub's layout, and what transformers makes of 500 strings with each.

    python tokenizer_golden.py ../fixtures/tokenizer

Made with transformers 5.23.0, sentencepiece 0.2.3, tokenizers 0.23.3 and sacremoses 0.2.0 (which MarianTokenizer loads and
never calls on a text: its `normalize` has no caller left, so punctuation stays as it is written).
"""

import gzip
import json
import os
import random
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import sentencepiece as spm  # noqa: E402
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import MarianTokenizer, PreTrainedTokenizerFast  # noqa: E402

from tokenizer_corpus import corpus, strings  # noqa: E402


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def pack(path, value):
    """A compressed file; a test unpacks it."""
    data = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(data, mtime=0))


def train(path, lines, size, **options):
    """A unigram model of `size` pieces or fewer."""
    # The trainer writes its prefix into the model: a folder in it would make the file depend on where this runs.
    here = Path.cwd()
    os.chdir(path.parent)
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix="trained", vocab_size=size, model_type="unigram",
        hard_vocab_limit=False, character_coverage=0.995, num_threads=1, minloglevel=2, **options,
    )
    os.chdir(here)
    path.with_name("trained.vocab").unlink()
    path.with_name("trained.model").rename(path)
    return spm.SentencePieceProcessor(model_file=str(path))


def pieces(model):
    return [model.id_to_piece(i) for i in range(model.get_piece_size())
            if not (model.is_control(i) or model.is_unknown(i) or model.is_unused(i))]


def vocabulary(tokens, first=("</s>", "<unk>"), last=("<pad>",)):
    ordered = list(dict.fromkeys([*first, *tokens]))
    ordered = [t for t in ordered if t not in last] + list(last)
    return {token: i for i, token in enumerate(ordered)}


def byte_offsets(model, text):
    """[start, end] in UTF-8 bytes of each piece."""
    return [[p.begin, p.end] for p in model.encode(text, return_type="proto").pieces]


def golden_marian(folder, texts):
    tokenizer = MarianTokenizer.from_pretrained(folder)
    size = len(tokenizer)
    rng = random.Random(5)
    out = {"source": [], "target": [], "mask": [], "decoded": [], "decoded_skip": [], "decoded_as_source": [], "offsets": []}
    for text in texts:
        source = tokenizer(text, return_special_tokens_mask=True)
        out["source"].append(source["input_ids"])
        out["mask"].append("".join(map(str, source["special_tokens_mask"])))
        target = tokenizer(text_target=text)["input_ids"]
        out["target"].append(target)
        out["decoded"].append(tokenizer.decode(target))
        out["decoded_skip"].append(tokenizer.decode(target, skip_special_tokens=True))
        out["decoded_as_source"].append(tokenizer.decode(source["input_ids"], use_source_tokenizer=True))
        special = [*tokenizer.added_tokens_encoder, ">>"]
        plain = not any(s in text for s in special)
        out["offsets"].append(byte_offsets(tokenizer.spm_source, text) if plain else None)
    known = sorted(set(tokenizer.decoder) | set(tokenizer.added_tokens_decoder))
    out["ids"] = [[rng.choice(known) for _ in range(rng.randint(1, 20))] for _ in range(150)]
    out["ids_decoded"] = [tokenizer.decode(ids) for ids in out["ids"]]
    out["ids_decoded_skip"] = [tokenizer.decode(ids, skip_special_tokens=True) for ids in out["ids"]]
    out["tokens"] = {i: tokenizer.convert_ids_to_tokens(i) for i in known}
    out["special"] = {"pad": tokenizer.pad_token_id, "eos": tokenizer.eos_token_id, "unk": tokenizer.unk_token_id,
                      "bos": tokenizer.bos_token_id, "all": sorted(set(tokenizer.all_special_ids)),
                      "model_max_length": tokenizer.model_max_length if tokenizer.model_max_length < 1e20 else None}
    out["size"] = size
    pack(folder / "golden.json", out)


def golden_fast(folder, texts):
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    rng = random.Random(5)
    out = {"source": [], "mask": [], "decoded": [], "decoded_skip": []}
    for text in texts:
        encoding = tokenizer(text, return_special_tokens_mask=True)
        out["source"].append(encoding["input_ids"])
        out["mask"].append("".join(map(str, encoding["special_tokens_mask"])))
        out["decoded"].append(tokenizer.decode(encoding["input_ids"]))
        out["decoded_skip"].append(tokenizer.decode(encoding["input_ids"], skip_special_tokens=True))
    out["ids"] = [[rng.randrange(len(tokenizer)) for _ in range(rng.randint(1, 20))] for _ in range(100)]
    out["ids_decoded"] = [tokenizer.decode(ids) for ids in out["ids"]]
    out["ids_decoded_skip"] = [tokenizer.decode(ids, skip_special_tokens=True) for ids in out["ids"]]
    out["tokens"] = {i: tokenizer.convert_ids_to_tokens(i) for i in range(len(tokenizer))}
    out["special"] = {"pad": tokenizer.pad_token_id, "eos": tokenizer.eos_token_id, "unk": tokenizer.unk_token_id,
                      "bos": tokenizer.bos_token_id, "all": sorted(set(tokenizer.all_special_ids)),
                      "model_max_length": tokenizer.model_max_length if tokenizer.model_max_length < 1e20 else None}
    out["size"] = len(tokenizer)
    pack(folder / "golden.json", out)


def shared(folder, lines):
    """As Helsinki-NLP's models are: NMT normalization, one vocabulary, language codes."""
    source = train(folder / "source.spm", lines, 600, normalization_rule_name="nmt_nfkc")
    target = train(folder / "target.spm", lines[::2], 500, normalization_rule_name="nmt_nfkc")
    tokens = pieces(source) + pieces(target)
    tokens = [t for i, t in enumerate(tokens) if i % 37 != 36]  # some pieces have no id, as in real checkpoints
    write(folder / "vocab.json", vocabulary(tokens + [">>fra<<", ">>deu<<"]))
    write(folder / "tokenizer_config.json", {"source_lang": "eng", "target_lang": "mul", "model_max_length": 512,
                                             "separate_vocabs": False, "sp_model_kwargs": {}})


def separate(folder, lines):
    """Two vocabularies, pieces of bytes, symbols that are never cut, spaces that are kept."""
    source = train(folder / "source.spm", lines, 700, normalization_rule_name="identity", byte_fallback=True,
                   user_defined_symbols=["<sep>", "USER"])
    target = train(folder / "target.spm", lines[1::2], 400, normalization_rule_name="identity", remove_extra_whitespaces=False,
                   user_defined_symbols=["USER"], unk_surface=" ?? ")
    write(folder / "vocab.json", vocabulary(pieces(source)))
    write(folder / "target_vocab.json", vocabulary(reversed(pieces(target))))
    write(folder / "tokenizer_config.json", {"source_lang": "eng", "target_lang": "fra", "separate_vocabs": True,
                                             "clean_up_tokenization_spaces": True, "model_max_length": 256,
                                             "tokenizer_class": "MarianTokenizer"})


def added(folder, lines):
    """Tokens added to the vocabulary, with every rule that an added token can have."""
    source = train(folder / "source.spm", lines, 400, normalization_rule_name="identity", add_dummy_prefix=False)
    train(folder / "target.spm", lines, 400, normalization_rule_name="identity", escape_whitespaces=True)
    vocab = vocabulary(pieces(source) + ["foo"], last=())
    n = len(vocab)
    write(folder / "vocab.json", vocab)

    def token(content, **options):
        rules = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
        return {"content": content, **rules, **options}

    write(folder / "tokenizer_config.json", {
        "added_tokens_decoder": {
            "0": token("</s>", special=True),
            "1": token("<unk>", special=True),
            str(n): token("<pad>", special=True),
            str(n + 1): token("<ent>", lstrip=True, rstrip=True),
            str(vocab["foo"]): token("foo", single_word=True),
            str(n + 2): token("foo bar"),
            str(n + 3): token("[SEP2]", special=True, rstrip=True),
            str(n + 4): token("[CLS]", special=True),
        },
        "additional_special_tokens": ["[SEP2]"], "bos_token": "<bos>", "eos_token": "</s>", "unk_token": "<unk>",
        "pad_token": "<pad>", "model_max_length": 1000000000000000019884624838656, "tokenizer_class": "MarianTokenizer",
    })


def legacy(folder, lines):
    """The files of older versions: special_tokens_map.json and added_tokens.json."""
    source = train(folder / "source.spm", lines, 400, normalization_rule_name="identity")
    train(folder / "target.spm", lines, 350, normalization_rule_name="identity")
    vocab = vocabulary(pieces(source), last=())
    write(folder / "vocab.json", vocab)
    write(folder / "added_tokens.json", {"<ent>": len(vocab) + 1, "[SEP2]": len(vocab)})
    write(folder / "special_tokens_map.json", {
        "eos_token": {"content": "</s>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True},
        "unk_token": "<unk>", "additional_special_tokens": ["[SEP2]", "<sep>"],
    })
    write(folder / "tokenizer_config.json", {"model_max_length": 300, "tokenizer_class": "MarianTokenizer"})


def fast_unigram(folder, lines):
    """A `tokenizer.json` as T5's are."""
    # The trainer of `tokenizers` makes another vocabulary in each run; SentencePiece's does not.
    trained = train(folder / "trained.spm", lines, 400, normalization_rule_name="identity")
    scored = [(t, 0.0) for t in ("<pad>", "</s>", "<unk>", "<ent>")]
    scored += [(t, trained.get_score(trained.piece_to_id(t))) for t in pieces(trained)]
    (folder / "trained.spm").unlink()
    tokenizer = Tokenizer(models.Unigram(scored, 2))
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>", "<ent>"])
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "eos_token": "</s>",
                                             "unk_token": "<unk>", "model_max_length": 128, "clean_up_tokenization_spaces": True})


def fast_bytes(folder, lines):
    """A `tokenizer.json` as GPT-2's are: its split is a regular expression with look-ahead."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<|endoftext|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|endoftext|>",
                                             "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"})


def main(out):
    texts = strings()
    out.mkdir(parents=True, exist_ok=True)
    write(out / "strings.json", texts)
    lines = corpus()
    for make, golden in [(shared, golden_marian), (separate, golden_marian), (added, golden_marian), (legacy, golden_marian),
                         (fast_unigram, golden_fast), (fast_bytes, golden_fast)]:
        folder = out / make.__name__
        folder.mkdir(exist_ok=True)
        make(folder, lines)
        golden(folder, texts)
        if make is shared:
            # Nearly all of these two is the table of NMT normalization.
            for name in ("source.spm", "target.spm"):
                pack(folder / name, (folder / name).read_bytes())
                (folder / name).unlink()
        print(folder, sum(f.stat().st_size for f in folder.iterdir()) // 1024, "KiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
