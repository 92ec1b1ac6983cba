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
import sentencepiece as spm  # noqa: E402
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from tokenizer_corpus import corpus, strings  # noqa: E402

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


def gpt2(folder, lines):
    byte_pairs(folder, lines, last=["<|endoftext|>"])
    write(folder / "config.json", {"model_type": "gpt2"})
    write(folder / "tokenizer_config.json", {"model_max_length": 1024})


def gpt_neo(folder, lines):
    """Spaces before the text, the files of older versions, an added token."""
    byte_pairs(folder, lines, last=["<|endoftext|>"])
    write(folder / "config.json", {"model_type": "gpt_neo"})
    write(folder / "added_tokens.json", {"<ent>": 361, "<sep>": 362})
    write(folder / "special_tokens_map.json", {
        **{name: {"content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
           for name in ("bos_token", "eos_token", "unk_token")},
        "additional_special_tokens": ["<sep>", "[CLS]"], "pad_token": "<|pad|>"})
    write(folder / "tokenizer_config.json", {"unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "add_prefix_space": True,
                                             "eos_token": "<|endoftext|>", "model_max_length": 2048, "tokenizer_class": "GPT2Tokenizer"})


def opt(folder, lines):
    byte_pairs(folder, lines, first=["<s>", "<pad>", "</s>", "<unk>"])
    write(folder / "config.json", {"model_type": "opt", "prefix": "</s>"})
    token = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": True}
    write(folder / "special_tokens_map.json", {"bos_token": {"content": "</s>", **token}, "eos_token": {"content": "</s>", **token},
                                               "unk_token": {"content": "</s>", **token}, "pad_token": {"content": "<pad>", **token}})
    token["__type"] = "AddedToken"
    write(folder / "tokenizer_config.json", {
        "errors": "replace", "unk_token": {"content": "</s>", **token}, "bos_token": {"content": "</s>", **token},
        "eos_token": {"content": "</s>", **token}, "pad_token": {"content": "<pad>", **token}, "add_prefix_space": False,
        "add_bos_token": True, "special_tokens_map_file": None, "name_or_path": "x", "tokenizer_class": "GPT2Tokenizer"})


def bart(folder, lines):
    byte_pairs(folder, lines, first=["<s>", "<pad>", "</s>", "<unk>"], last=["madeupword0000", "<mask>"])
    write(folder / "config.json", {"model_type": "bart"})
    write(folder / "tokenizer_config.json", {"model_max_length": 1024})


def gpt_neox(folder, lines):
    byte_pairs(folder, lines, first=["<|endoftext|>", "<|padding|>"])
    write(folder / "config.json", {"model_type": "gpt_neox"})
    write(folder / "tokenizer_config.json", {
        "unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "add_eos_token": True,
        "tokenizer_class": "GPTNeoXTokenizerFast"})


def codegen(folder, lines):
    """Runs of spaces as added tokens, as CodeGen's and Phi's repositories have them."""
    byte_pairs(folder, lines, last=["<|endoftext|>"])
    write(folder / "config.json", {"model_type": "phi"})
    spaces = {str(361 + i): added(" " * (9 - i), normalized=True, special=False) for i in range(8)}
    spaces["369"] = added("\t\t\t", normalized=True, special=False)
    write(folder / "tokenizer_config.json", {
        "add_prefix_space": False, "added_tokens_decoder": {"360": added("<|endoftext|>"), **spaces},
        "bos_token": "<|endoftext|>", "clean_up_tokenization_spaces": True, "eos_token": "<|endoftext|>",
        "model_max_length": 2048, "return_token_type_ids": False, "tokenizer_class": "CodeGenTokenizer", "unk_token": "<|endoftext|>"})


CHAT = """{%- for message in messages %}
    {%- if loop.first and message.role != 'system' %}
        {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def qwen2(folder, lines):
    byte_pairs(folder, lines)
    write(folder / "config.json", {"model_type": "qwen3"})
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    write(folder / "tokenizer_config.json", {
        "add_bos_token": False, "add_prefix_space": False,
        "added_tokens_decoder": {**{str(360 + i): added(name) for i, name in enumerate(names)},
                                 "363": added("<tool_call>", special=False)},
        "additional_special_tokens": names[1:], "bos_token": None, "chat_template": CHAT, "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>", "errors": "replace", "model_max_length": 131072, "pad_token": "<|endoftext|>",
        "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer", "unk_token": None})


T5_IDS = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}


def t5(folder, lines):
    sentencepiece(folder / "spiece.model", lines, **T5_IDS)
    write(folder / "config.json", {"model_type": "t5"})
    write(folder / "tokenizer_config.json", {"model_max_length": 512})


def mt5(folder, lines):
    """No extra ids, symbols of the user, the files of older versions."""
    sentencepiece(folder / "spiece.model", lines, user_defined_symbols=["<ent>", "USER"], **T5_IDS)
    write(folder / "config.json", {"model_type": "mt5", "tokenizer_class": "T5Tokenizer"})
    write(folder / "special_tokens_map.json", {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"})
    write(folder / "tokenizer_config.json", {
        "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "extra_ids": 0, "additional_special_tokens": None,
        "special_tokens_map_file": "x", "tokenizer_file": None, "name_or_path": "google/mt5-small", "sp_model_kwargs": {},
        "tokenizer_class": "T5Tokenizer"})


def pegasus(folder, lines):
    sentencepiece(folder / "spiece.model", lines, **T5_IDS)
    write(folder / "config.json", {"model_type": "pegasus"})
    # Real ones name the mask token here, too; then transformers numbers all tokens one lower than the models have them.
    write(folder / "special_tokens_map.json", {
        "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
        "additional_special_tokens": ["<mask_1>"] + [f"<unk_{i}>" for i in range(2, 103)]})
    write(folder / "tokenizer_config.json", {"model_max_length": 512})


def mbart(folder, lines):
    sentencepiece(folder / "sentencepiece.bpe.model", lines)
    write(folder / "config.json", {"model_type": "mbart"})
    write(folder / "tokenizer_config.json", {"src_lang": "en_XX", "tgt_lang": "ro_RO", "model_max_length": 1024,
                                             "tokenizer_class": "MBartTokenizer"})


def mbart50(folder, lines):
    sentencepiece(folder / "sentencepiece.bpe.model", lines)
    write(folder / "config.json", {"model_type": "mbart", "tokenizer_class": "MBart50Tokenizer"})
    write(folder / "special_tokens_map.json", {
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>",
        "mask_token": {"content": "<mask>", "single_word": False, "lstrip": True, "rstrip": False, "normalized": True}})
    write(folder / "tokenizer_config.json", {"src_lang": "fr_XX", "tgt_lang": "de_DE", "language_codes": "ML50",
                                             "tokenizer_class": "MBart50Tokenizer"})


def nllb(folder, lines):
    sentencepiece(folder / "sentencepiece.bpe.model", lines, kind="bpe")
    write(folder / "config.json", {"model_type": "m2m_100"})
    from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES
    names = [*FAIRSEQ_LANGUAGE_CODES, "<mask>"]
    write(folder / "tokenizer_config.json", {
        "added_tokens_decoder": {**{str(i): added(t) for i, t in enumerate(["<s>", "<pad>", "</s>", "<unk>"])},
                                 **{str(301 + i): added(t) for i, t in enumerate(names[:-1])},
                                 str(300 + len(names)): added("<mask>", lstrip=True, normalized=True)},
        "src_lang": None, "tgt_lang": None, "additional_special_tokens": FAIRSEQ_LANGUAGE_CODES, "model_max_length": 1024,
        "tokenizer_class": "NllbTokenizer"})


def xglm(folder, lines):
    sentencepiece(folder / "sentencepiece.bpe.model", lines)
    write(folder / "config.json", {"model_type": "xglm"})
    write(folder / "tokenizer_config.json", {"model_max_length": 2048, "tokenizer_class": "XGLMTokenizer"})


def m2m_100(folder, lines):
    sentencepiece(folder / "sentencepiece.bpe.model", lines, kind="bpe", user_defined_symbols=["USER"])
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString((folder / "sentencepiece.bpe.model").read_bytes())
    # Some pieces are made only to make others of them.
    for i, piece in enumerate(proto.pieces):
        if piece.type == piece.NORMAL and len(piece.piece) > 1 and i % 5 == 0:
            piece.type = piece.UNUSED
    (folder / "sentencepiece.bpe.model").write_bytes(proto.SerializeToString())
    model = spm.SentencePieceProcessor(model_file=str(folder / "sentencepiece.bpe.model"))
    tokens = ["<s>", "<pad>", "</s>", "<unk>"] + [model.id_to_piece(i) for i in range(3, model.get_piece_size()) if i % 41 != 40]
    write(folder / "vocab.json", {token: i for i, token in enumerate(tokens)})
    from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES
    codes = [f"__{code}__" for code in FAIRSEQ_LANGUAGE_CODES["m2m100"]]
    write(folder / "config.json", {"model_type": "m2m_100"})
    write(folder / "special_tokens_map.json", {
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>",
        "additional_special_tokens": codes})
    write(folder / "tokenizer_config.json", {
        "src_lang": None, "tgt_lang": None, "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>",
        "pad_token": "<pad>", "language_codes": "m2m100", "sp_model_kwargs": {}, "num_madeup_words": 8, "model_max_length": 1024,
        "tokenizer_class": "M2M100Tokenizer"})


BYTES = {"kind": "bpe", "rules": False, "byte_fallback": True, "remove_extra_whitespaces": False, "size": 560, "split_digits": True,
         "allow_whitespace_only_pieces": True}


def llama(folder, lines):
    sentencepiece(folder / "tokenizer.model", lines, **BYTES)
    write(folder / "config.json", {"model_type": "llama"})
    token = {"__type": "AddedToken", "lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
    write(folder / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "bos_token": {"content": "<s>", **token}, "eos_token": {"content": "</s>", **token},
        "unk_token": {"content": "<unk>", **token}, "pad_token": None, "legacy": False, "sp_model_kwargs": {},
        "model_max_length": 1000000000000000019884624838656, "clean_up_tokenization_spaces": False, "tokenizer_class": "LlamaTokenizer"})


def llama_legacy(folder, lines):
    sentencepiece(folder / "tokenizer.model", lines, user_defined_symbols=["<ent>", "foo"], **BYTES)
    write(folder / "config.json", {"model_type": "llama"})
    write(folder / "added_tokens.json", {"<pad>": 560})
    write(folder / "special_tokens_map.json", {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"})
    write(folder / "tokenizer_config.json", {"add_bos_token": True, "add_eos_token": True, "legacy": True, "tokenizer_class": "LlamaTokenizer"})


def gemma(folder, lines):
    options = {**BYTES, "add_dummy_prefix": False}
    sentencepiece(folder / "tokenizer.model", lines, pad_id=0, eos_id=1, bos_id=2, unk_id=3, bos_piece="<bos>", eos_piece="<eos>",
                  user_defined_symbols=["<mask>", "<start_of_turn>", "<end_of_turn>", "\n", "\n\n", "▁▁", "▁▁▁▁", "<ent>"], **options)
    write(folder / "config.json", {"model_type": "gemma2"})
    write(folder / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False,
        "added_tokens_decoder": {"0": added("<pad>"), "1": added("<eos>"), "2": added("<bos>"), "3": added("<unk>"),
                                 "5": added("<start_of_turn>"), "6": added("<end_of_turn>")},
        "additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"], "bos_token": "<bos>", "eos_token": "<eos>",
        "pad_token": "<pad>", "unk_token": "<unk>", "clean_up_tokenization_spaces": False, "sp_model_kwargs": {},
        "spaces_between_special_tokens": False, "tokenizer_class": "GemmaTokenizer"})


def mistral(folder, lines):
    sentencepiece(folder / "tokenizer.model", lines, **BYTES)
    write(folder / "config.json", {"model_type": "mistral"})
    write(folder / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False,
        "added_tokens_decoder": {"0": added("<unk>"), "1": added("<s>"), "2": added("</s>")}, "additional_special_tokens": [],
        "bos_token": "<s>", "eos_token": "</s>", "legacy": True, "pad_token": None, "unk_token": "<unk>", "sp_model_kwargs": {},
        "clean_up_tokenization_spaces": False, "use_default_system_prompt": False, "tokenizer_class": "LlamaTokenizer"})


def byt5(folder, lines):
    token = {"__type": "AddedToken", "lstrip": False, "rstrip": False, "single_word": False, "normalized": True}
    write(folder / "config.json", {"model_type": "t5", "tokenizer_class": "ByT5Tokenizer"})
    write(folder / "tokenizer_config.json", {
        "eos_token": {"content": "</s>", **token}, "unk_token": {"content": "<unk>", **token}, "pad_token": {"content": "<pad>", **token},
        "extra_ids": 125, "additional_special_tokens": [f"<extra_id_{i}>" for i in range(125)], "tokenizer_class": "ByT5Tokenizer"})


def gpt2_json(folder, lines):
    """As the real repository: nothing but `tokenizer.json` says what the special tokens are."""
    gpt2(folder, lines)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pack(folder / "tokenizer.json", tokenizer.backend_tokenizer.to_str().encode())
    (folder / "vocab.json").unlink()
    (folder / "merges.txt").unlink()


def nllb_json(folder, lines):
    """As the real repository: the languages in `tokenizer.json` and in `special_tokens_map.json`."""
    nllb(folder, lines)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pack(folder / "tokenizer.json", tokenizer.backend_tokenizer.to_str().encode())
    (folder / "sentencepiece.bpe.model").unlink()
    write(folder / "special_tokens_map.json", {
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>",
        "mask_token": {"content": "<mask>", "single_word": False, "lstrip": True, "rstrip": False, "normalized": True},
        "additional_special_tokens": tokenizer.extra_special_tokens})
    write(folder / "tokenizer_config.json", {
        "src_lang": None, "tgt_lang": None, "additional_special_tokens": None, "sp_model_kwargs": {}, "tokenizer_class": "NllbTokenizer"})


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


def bloom_json(folder, lines):
    first = ["<unk>", "<s>", "</s>", "<pad>"]
    whole(folder, trained(folder, lines, first=first), pieces_of(r" ?[^(\s|[.,!?…。，、।۔،])]+"), first=first,
          processor=lambda _: processors.ByteLevel(trim_offsets=False))
    write(folder / "config.json", {"model_type": "bloom"})
    write(folder / "tokenizer_config.json", {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>",
                                             "padding_side": "left", "tokenizer_class": "PreTrainedTokenizerFast"})


def llama3_json(folder, lines):
    last = ["<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|eot_id|>"]
    words = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    model = trained(folder, lines)
    model.ignore_merges = True
    whole(folder, model, pieces_of(words), last=last, processor=around("<|begin_of_text|> $A"))
    write(folder / "config.json", {"model_type": "llama"})
    write(folder / "special_tokens_map.json", {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"})
    write(folder / "tokenizer_config.json", {
        "added_tokens_decoder": {str(360 + i): added(token) for i, token in enumerate(last)}, "bos_token": "<|begin_of_text|>",
        "clean_up_tokenization_spaces": True, "eos_token": "<|eot_id|>", "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": 131072, "tokenizer_class": "PreTrainedTokenizerFast"})


def galactica_json(folder, lines):
    """Digits one by one, and tokens that open and close sequences of other kinds."""
    first = ["<s>", "<pad>", "</s>", "<unk>", "[START_REF]", "[END_REF]"]
    model = trained(folder, lines, first=first)
    split = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"(\[START_REF]|\[END_REF])"), "isolated"), pre_tokenizers.Split("\n", "isolated"),
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    whole(folder, model, split, first=first, processor=lambda _: processors.ByteLevel(trim_offsets=False))
    write(folder / "config.json", {"model_type": "opt"})
    write(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1000000000000000019884624838656})


def phi3_json(folder, lines):
    """Llama's pieces, and tokens that take the spaces behind them."""
    first, last = ["<unk>", "<s>", "</s>"], ["<|endoftext|>", "<|assistant|>", "<|end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    letters = sorted({letter for line in lines for letter in line if letter != " "} | {"\u2581"})
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=300, show_progress=False, initial_alphabet=letters))
    learned = json.loads(tokenizer.to_str())["model"]
    tokens = [*first, *(f"<0x{byte:02X}>" for byte in range(256)), *sorted(learned["vocab"], key=learned["vocab"].get)]
    model = models.BPE({token: i for i, token in enumerate(tokens)}, [tuple(pair) for pair in learned["merges"]], unk_token="<unk>",
                       fuse_unk=True, byte_fallback=True)
    marks = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    whole(folder, model, None, first=first, last=last, normalizer=marks, decoder=decoder, rstrip=True)
    write(folder / "config.json", {"model_type": "phi3"})
    write(folder / "tokenizer_config.json", {
        "bos_token": "<s>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "unk_token": "<unk>", "padding_side": "left",
        "clean_up_tokenization_spaces": False, "model_max_length": 4096, "tokenizer_class": "PreTrainedTokenizerFast"})


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
