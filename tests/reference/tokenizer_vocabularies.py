"""Families whose repositories have a vocabulary or a SentencePiece model, and no `tokenizer.json`."""

import sentencepiece as spm

from tokenizer_files import added, byte_pairs, sentencepiece, write


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
