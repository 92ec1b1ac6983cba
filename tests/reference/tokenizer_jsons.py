"""Families whose repositories have a `tokenizer.json`."""

import json

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

from tokenizer_files import added, around, pack, pieces_of, trained, whole, write
from tokenizer_vocabularies import gpt2, nllb


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
