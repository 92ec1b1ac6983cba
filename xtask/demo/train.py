"""Trains the demo model on grammar.py and writes it in the hub's layout, with the sentences it never saw.

    python train.py ../../crates/inseq-models/demo ../../tests/fixtures/demo

Versions are those of tests/reference/requirements.txt. One thread, a fixed seed: the same machine gives the same files.
"""

import io
import json
import math
import os
import random
import re
import string
import sys
from collections import Counter
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import sentencepiece  # noqa: E402
import torch  # noqa: E402
from sentencepiece import sentencepiece_model_pb2  # noqa: E402
from transformers import MarianConfig, MarianMTModel  # noqa: E402

import grammar  # noqa: E402

STEPS = 1500
BATCH = 64
SEED = 7
# Words are hidden in training, on either side. The model so learns what a sentence says without a word, which makes the
# unknown token a fair baseline, and its decoder reads forms off the English word that decides them rather than off the
# French words before.
HIDDEN_SOURCE = 0.15
HIDDEN_TARGET = 0.7
HELD_OUT_OF_EACH_KIND = 50


def tokenizer(folder, pairs):
    """Writes both SentencePiece models and the joint vocabulary; returns them.

    SentencePiece looks for pieces that several words share, and of so few words would keep hardly one whole. So what it
    trains gets other pieces: every word, scored by how often it occurs, and the letters for all other words.
    """
    for side, texts in (("source", [p.english for p in pairs]), ("target", [p.french for p in pairs])):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_writer=model, model_type="unigram", vocab_size=2000,
            hard_vocab_limit=False, character_coverage=1.0, normalization_rule_name="identity", minloglevel=2,
        )
        proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
        words = Counter(w for text in texts for w in re.findall(r"▁?\w+'|▁?[\w-]+|[^\w▁]", "▁" + text.replace(" ", "▁")))
        scores = {word: math.log(count / words.total()) for word, count in words.items()}
        for letter in sorted(set("".join(texts).replace(" ", "▁")) | set(string.ascii_letters)):
            scores.setdefault(letter, -20.0)
        del proto.pieces[3:]  # after the unknown, the start and the end
        for piece, score in sorted(scores.items(), key=lambda item: (-item[1], item[0])):
            proto.pieces.add(piece=piece, score=score)
        proto.trainer_spec.vocab_size = len(proto.pieces)
        (folder / f"{side}.spm").write_bytes(proto.SerializeToString())
    models = {s: sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{s}.spm")) for s in ("source", "target")}
    pieces = {m.id_to_piece(i) for m in models.values() for i in range(m.get_piece_size())} - {"<unk>", "</s>", "<s>"}
    tokens = ["</s>", "<unk>", *sorted(pieces), "<pad>"]
    vocabulary = {t: i for i, t in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "source_lang": "eng", "target_lang": "fra", "unk_token": "<unk>", "eos_token": "</s>", "pad_token": "<pad>",
        "model_max_length": 64, "separate_vocabs": False, "tokenizer_class": "MarianTokenizer",
    }, indent=1) + "\n")
    return models, vocabulary


def padded(rows, fill):
    length = max(map(len, rows))
    return torch.tensor([r + [fill] * (length - len(r)) for r in rows])


def hide(ids, share, pad):
    """Replaces that share of the tokens by the unknown one (1); the end and the padding stay."""
    chosen = (torch.rand(ids.shape) < share) & (ids != 0) & (ids != pad)
    return ids.masked_fill(chosen, 1)


def train(model, by_kind, rng, pad):
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=STEPS, pct_start=0.1)
    kinds = sorted(by_kind)  # every kind is seen equally often
    for step in range(STEPS):
        rows = [rng.choice(by_kind[kinds[i % len(kinds)]]) for i in range(BATCH)]
        source, target = padded([r[0] for r in rows], pad), padded([r[1] for r in rows], -100)
        given = target[:, :-1].masked_fill(target[:, :-1] == -100, pad)
        decoder = torch.cat([torch.full((BATCH, 1), pad), hide(given, HIDDEN_TARGET, pad)], 1)
        mask = (source != pad).long()
        logits = model(input_ids=hide(source, HIDDEN_SOURCE, pad), attention_mask=mask, decoder_input_ids=decoder).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 250 == 0:
            print(step, round(loss.item(), 4), flush=True)


def main():
    folder, fixtures = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    fixtures.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    held, kept = {}, {}
    for kind, pairs in grammar.pairs().items():
        rng.shuffle(pairs)
        pairs.sort(key=lambda p: p.english != grammar.HELD_OUT)
        # A tenth of each kind is never trained on; a part of that tests the model.
        held[kind], kept[kind] = pairs[: len(pairs) // 10], pairs[len(pairs) // 10 :]
    models, vocabulary = tokenizer(folder, [p for pairs in kept.values() for p in pairs])
    size, pad = len(vocabulary), vocabulary["<pad>"]

    def ids(text, side):
        return [vocabulary.get(p, 1) for p in models[side].encode(text, out_type=str)] + [0]

    by_kind = {k: [(ids(p.english, "source"), ids(p.french, "target")) for p in pairs] for k, pairs in kept.items()}
    config = MarianConfig(
        vocab_size=size, decoder_vocab_size=size, d_model=96, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=192, decoder_ffn_dim=192,
        max_position_embeddings=64, activation_function="swish", scale_embedding=True, static_position_embeddings=True,
        tie_word_embeddings=True, share_encoder_decoder_embeddings=True, decoder_start_token_id=pad, pad_token_id=pad,
        eos_token_id=0, bos_token_id=0, forced_eos_token_id=0, dropout=0.0, attention_dropout=0.0, init_std=0.06,
    )
    model = MarianMTModel(config).train()
    train(model, by_kind, rng, pad)

    model.half().save_pretrained(folder)
    raw = json.loads((folder / "config.json").read_text())
    raw.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(raw, indent=1) + "\n")
    (folder / "generation_config.json").write_text(json.dumps({
        "bad_words_ids": [[pad]], "bos_token_id": 0, "decoder_start_token_id": pad, "eos_token_id": 0,
        "forced_eos_token_id": 0, "max_length": 64, "num_beams": 4, "pad_token_id": pad, "renormalize_logits": True,
    }) + "\n")
    model = MarianMTModel.from_pretrained(folder, dtype=torch.float32).eval()
    right = total = 0
    lines = []
    for kind, pairs in held.items():
        pairs = pairs[:150]
        source = padded([ids(p.english, "source") for p in pairs], pad)
        with torch.no_grad():
            out = model.generate(source, attention_mask=(source != pad).long(), max_length=64, num_beams=1).tolist()
        for index, (pair, got) in enumerate(zip(pairs, out)):
            expected = ids(pair.french, "target")
            fine = got[1 : len(expected) + 1] == expected
            right, total = right + fine, total + 1
            if not fine:
                print("wrong:", pair.english, "|", pair.french)
            if index < HELD_OUT_OF_EACH_KIND:
                case = {"kind": kind, "english": pair.english, "french": pair.french, "decisions": pair.decisions}
                lines.append(json.dumps(case, ensure_ascii=False) + "\n")
    (fixtures / "heldout.jsonl").write_text("".join(lines))
    trained = sum(map(len, kept.values()))
    print(f"held out: {right} of {total} right; {trained} trained on; vocabulary {size}, {model.num_parameters()} parameters")


if __name__ == "__main__":
    main()
