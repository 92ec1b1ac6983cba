"""A checkpoint of a real model's size with random weights, in the hub's layout, for benchmarks.

    python make_model.py NAME OUT_FOLDER DEMO_FOLDER

Marian's tokenizer is the demo model's, its vocabulary padded to the size of the real ones; the others' knows a hundred
words, each also as the last word of a sentence. Beside the model lies bench.json: its shape, for counting operations, texts of given lengths, and a text with a context.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import MarianConfig, MarianMTModel, MarianTokenizer, PreTrainedTokenizerFast

VOCABULARY = 59514
# Tokens of a context, of the text after it, and of the output that is studied.
WITH_CONTEXT = (300, 20, 60)


def marian(out, demo):
    pad = VOCABULARY - 1
    config = MarianConfig(
        vocab_size=VOCABULARY, decoder_vocab_size=VOCABULARY, d_model=512, encoder_layers=6, decoder_layers=6,
        encoder_attention_heads=8, decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048,
        max_position_embeddings=512, activation_function="swish", scale_embedding=True, static_position_embeddings=True,
        decoder_start_token_id=pad, pad_token_id=pad, eos_token_id=0, bos_token_id=0, forced_eos_token_id=0,
    )
    MarianMTModel(config).save_pretrained(out)
    (out / "generation_config.json").write_text(json.dumps({
        "bad_words_ids": [[pad]], "decoder_start_token_id": pad, "eos_token_id": 0, "forced_eos_token_id": 0,
        "max_length": 512, "num_beams": 4, "pad_token_id": pad}))
    for name in ("source.spm", "target.spm"):
        shutil.copy(demo / name, out / name)
    tokenizer_config = json.loads((demo / "tokenizer_config.json").read_text())
    (out / "tokenizer_config.json").write_text(json.dumps({**tokenizer_config, "model_max_length": 512}))
    vocabulary = json.loads((demo / "vocab.json").read_text())
    vocabulary = {t: i for t, i in vocabulary.items() if t != "<pad>"}
    for i in range(len(vocabulary), pad):
        vocabulary[f"<filler{i}>"] = i
    vocabulary["<pad>"] = pad
    (out / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    tokenizer = MarianTokenizer.from_pretrained(out)

    def text(length, words, target):
        ids = lambda t: (tokenizer(text_target=[t]) if target else tokenizer([t])).input_ids[0]  # noqa: E731
        chosen = []
        while len(ids(" ".join(chosen))) < length:
            chosen.append(words[len(chosen) % len(words)])
        assert len(ids(" ".join(chosen))) == length, "no text of that length"
        return " ".join(chosen)

    english = ["The", "white", "house", "is", "lost", "and", "the", "old", "car", "today"]
    french = ["Le", "livre", "est", "blanc", "et", "vert", "noir", "grand", "petit"]
    one_piece = lambda ws, target: [w for w in ws if len((tokenizer(text_target=[w]) if target else tokenizer([w])).input_ids[0]) == 2]  # noqa: E731
    english, french = one_piece(english, False), one_piece(french, True)
    lengths = [(26, 20), (32, 32), (64, 64), (128, 128), (256, 256), (500, 500)]
    texts = [dict(source=text(n, english, False), target=text(t, french, True), lengths=[n, t]) for n, t in lengths]
    shape = dict(encoder_layers=6, decoder_layers=6, width=512, heads_inner=512, key_value_inner=512,
                 feed_forward=2 * 512 * 2048, vocabulary=VOCABULARY)
    # The lengths of the parts do not count the end of sequence.
    parts = [text(n + 1, words, target) for n, words, target in zip(WITH_CONTEXT, (english, english, french), (False, False, True))]
    write(out, shape, texts, parts)


# Class of the configuration, class of the model, what differs from the class's defaults, feed-forward matrices.
OTHERS = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", {}, 2),
    "opt-125m": ("OPTConfig", "OPTForCausalLM", {}, 2),
    "bloom-560m": ("BloomConfig", "BloomForCausalLM", dict(hidden_size=1024, n_layer=24, n_head=16), 2),
    "pythia-160m": ("GPTNeoXConfig", "GPTNeoXForCausalLM", dict(
        vocab_size=50304, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072), 2),
    "qwen2-0.5b": ("Qwen2Config", "Qwen2ForCausalLM", dict(
        hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2,
        tie_word_embeddings=True), 3),
    # A small one for prompts of thousands of tokens.
    "qwen2-9m": ("Qwen2Config", "Qwen2ForCausalLM", dict(
        vocab_size=4096, hidden_size=256, intermediate_size=1408, num_hidden_layers=6, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True), 3),
    # Of GPT-2's shape: three matrices of two thirds its width in each feed-forward block.
    "qwen2-124m": ("Qwen2Config", "Qwen2ForCausalLM", dict(
        vocab_size=50257, hidden_size=768, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12,
        num_key_value_heads=12, tie_word_embeddings=True), 3),
    "tinyllama-1.1b": ("LlamaConfig", "LlamaForCausalLM", dict(
        vocab_size=32000, hidden_size=2048, intermediate_size=5632, num_hidden_layers=22, num_attention_heads=32,
        num_key_value_heads=4), 3),
    "t5-small": ("T5Config", "T5ForConditionalGeneration", dict(decoder_start_token_id=0), 2),
    "bart-base": ("BartConfig", "BartForConditionalGeneration", dict(
        d_model=768, encoder_layers=6, decoder_layers=6, encoder_attention_heads=12, decoder_attention_heads=12,
        encoder_ffn_dim=3072, decoder_ffn_dim=3072), 2),
}


OTHERS["qwen2-0.5b-bf16"] = OTHERS["qwen2-0.5b"]

# What is stored in 16 bits, and kept in them.
HALVES = {"tinyllama-1.1b": "bfloat16", "qwen2-0.5b-bf16": "bfloat16"}
# A prompt that the models with as many positions are given.
LONG = 4096


def other(name, out):
    config_class, model_class, differs, matrices = OTHERS[name]
    dtype = HALVES.get(name, "float32")
    torch.set_default_dtype(getattr(torch, dtype))
    config = getattr(transformers, config_class)(**differs, bos_token_id=0, eos_token_id=1, pad_token_id=2)
    config.decoder_start_token_id = 2 if config.is_encoder_decoder else None
    getattr(transformers, model_class)(config).eval().save_pretrained(out)
    (out / "generation_config.json").write_text(json.dumps(
        {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2, "decoder_start_token_id": config.decoder_start_token_id}))
    special = ["<s>", "</s>", "<pad>", "<unk>"]
    # Tokens with their space come back from text as they were.
    pieces = [f"▁{w}{end}" for end in ("", "!") for w in words(100)]
    vocabulary = {w: i for i, w in enumerate(special + pieces)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    if config.is_encoder_decoder:
        tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
                            unk_token="<unk>").save_pretrained(out)
    text = lambda n, step=7: " ".join(words(100)[i * step % 100] for i in range(n))  # noqa: E731
    if config.is_encoder_decoder:
        texts = [dict(source=text(25), target=text(19), lengths=[26, 20])]
    else:
        # The lengths of a decoder's text: the prompt, and what is generated after it.
        positions = getattr(config, "max_position_embeddings", 0)
        lengths = [(p, g) for p, g in [(24, 17), (512, 128), (LONG, 8)] if p < LONG or p + g <= positions]
        texts = [dict(source=text(p), target=text(p + g), lengths=[p, g]) for p, g in lengths]
    layers, width = config.num_hidden_layers, config.hidden_size
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or getattr(config, "d_kv", None) or width // heads
    inner = next((v for v in (getattr(config, n, None) for n in
                              ("n_inner", "intermediate_size", "ffn_dim", "encoder_ffn_dim", "d_ff")) if v), 4 * width)
    shape = dict(encoder_layers=layers if config.is_encoder_decoder else 0, decoder_layers=layers, width=width,
                 heads_inner=heads * head_dim,
                 key_value_inner=(getattr(config, "num_key_value_heads", None) or heads) * head_dim,
                 feed_forward=matrices * width * inner, vocabulary=config.vocab_size)
    write(out, shape, texts, [text(n, step) for n, step in zip(WITH_CONTEXT, (7, 11, 13))], dtype)


def words(count):
    return [f"word{i}" for i in range(count)]


def write(out, shape, texts, parts, dtype="float32"):
    with_context = dict(zip(("context", "current", "output"), parts), lengths=WITH_CONTEXT)
    facts = {"shape": shape, "texts": texts, "with_context": with_context, "dtype": dtype}
    (out / "bench.json").write_text(json.dumps(facts, ensure_ascii=False))


def main():
    name, out, demo = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    if name == "marian-base":
        marian(out, demo)
    else:
        other(name, out)


if __name__ == "__main__":
    main()
