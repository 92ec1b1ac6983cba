"""A Marian-base checkpoint with random weights, in the hub's layout, for benchmarks.

    python make_model.py OUT_FOLDER DEMO_FOLDER

The tokenizer is the demo model's, its vocabulary padded to the size of the real ones. Texts of given lengths are written
beside it.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

VOCABULARY = 59514


def main():
    out, demo = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
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
    texts = {str(n): [text(n, english, False), text(t, french, True)] for n, t in
             [(26, 20), (32, 32), (64, 64), (128, 128), (256, 256), (500, 500)]}
    (out / "texts.json").write_text(json.dumps(texts, ensure_ascii=False))


if __name__ == "__main__":
    main()
