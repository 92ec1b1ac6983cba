"""Trains the demo model on grammar.py and writes it in the hub's layout.

    python train.py ../../crates/inseq-models/demo ../../tests/fixtures/demo

Versions are those of tests/reference/requirements.txt. One thread, a fixed seed: the same machine gives the same files.
"""

import json
import os
import random
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import sentencepiece  # noqa: E402
import torch  # noqa: E402
from transformers import MarianConfig, MarianMTModel  # noqa: E402

import grammar  # noqa: E402

STEPS = int(os.environ.get("STEPS", 1300))
BATCH = 64
SEED = 7


def tokenizer(folder, pairs):
    words = {"source": set(), "target": set()}
    for side, texts in (("source", [p.english for p in pairs]), ("target", [p.french for p in pairs])):
        path = folder / f"{side}.txt"
        path.write_text("\n".join(texts) + "\n")
        words[side] = {w.strip(".") for t in texts for w in t.split()}
        sentencepiece.SentencePieceTrainer.train(
            input=str(path), model_prefix=str(folder / side), model_type="unigram", vocab_size=len(words[side]) + 80,
            hard_vocab_limit=False, character_coverage=1.0, normalization_rule_name="identity", minloglevel=2,
            input_sentence_size=20000, shuffle_input_sentence=False,
        )
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
        (folder / f"{side}.vocab").unlink()
        path.unlink()
    models = {s: sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{s}.spm")) for s in words}
    pieces = {m.id_to_piece(i) for m in models.values() for i in range(m.get_piece_size())} - {"<unk>", "</s>", "<s>"}
    tokens = ["</s>", "<unk>", *sorted(pieces), "<pad>"]
    vocabulary = {t: i for i, t in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "source_lang": "eng", "target_lang": "fra", "unk_token": "<unk>", "eos_token": "</s>", "pad_token": "<pad>",
        "model_max_length": 64, "separate_vocabs": False, "tokenizer_class": "MarianTokenizer",
    }, indent=1))
    return models, vocabulary


def main():
    folder, fixtures = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    fixtures.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = random.Random(SEED)
    pairs = grammar.pairs()
    rng.shuffle(pairs)
    held = [p for p in pairs if p.english == grammar.HELD_OUT]
    kinds = {}
    rest = []
    for pair in pairs:
        kind = "spoken" if " that she was" in pair.english or " that he was" in pair.english else (
            "possessed" if pair.english.startswith(("She ", "He ")) else "described")
        # A tenth of each kind is never trained on; of those, a part is kept for the tests.
        if pair.english == grammar.HELD_OUT or rng.random() < 0.1:
            kinds.setdefault(kind, []).append(pair)
        else:
            rest.append((kind, pair))
    models, vocabulary = tokenizer(folder, [p for _, p in rest])
    size, pad = len(vocabulary), vocabulary["<pad>"]

    def ids(text, side):
        return [vocabulary.get(p, 1) for p in models[side].encode(text, out_type=str)] + [0]

    by_kind = {k: [(ids(p.english, "source"), ids(p.french, "target")) for kind, p in rest if kind == k] for k in kinds}
    config = MarianConfig(
        vocab_size=size, decoder_vocab_size=size, d_model=96, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=192, decoder_ffn_dim=192,
        max_position_embeddings=64, activation_function="swish", scale_embedding=True, static_position_embeddings=True,
        tie_word_embeddings=True, share_encoder_decoder_embeddings=True, decoder_start_token_id=pad, pad_token_id=pad,
        eos_token_id=0, bos_token_id=0, forced_eos_token_id=0, dropout=0.1, attention_dropout=0.0, init_std=0.06,
    )
    model = MarianMTModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=STEPS, pct_start=0.1)
    loss_of = torch.nn.CrossEntropyLoss(ignore_index=-100, label_smoothing=0.1)

    def padded(rows, fill):
        length = max(map(len, rows))
        return torch.tensor([r + [fill] * (length - len(r)) for r in rows])

    for step in range(STEPS):
        rows = [rng.choice(by_kind[rng.choice(sorted(by_kind))]) for _ in range(BATCH)]
        source, target = padded([r[0] for r in rows], pad), padded([r[1] for r in rows], -100)
        decoder = torch.cat([torch.full((BATCH, 1), pad), target[:, :-1].masked_fill(target[:, :-1] == -100, pad)], 1)
        logits = model(input_ids=source, attention_mask=(source != pad).long(), decoder_input_ids=decoder).logits
        loss = loss_of(logits.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 500 == 0:
            print(step, loss.item(), flush=True)

    model.eval()
    model.half().save_pretrained(folder)
    raw = json.loads((folder / "config.json").read_text())
    raw.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(raw, indent=1))
    (folder / "generation_config.json").write_text(json.dumps({
        "bad_words_ids": [[pad]], "bos_token_id": 0, "decoder_start_token_id": pad, "eos_token_id": 0,
        "forced_eos_token_id": 0, "max_length": 64, "num_beams": 4, "pad_token_id": pad, "renormalize_logits": True}))
    model = MarianMTModel.from_pretrained(folder, dtype=torch.float32).eval()
    right = total = 0
    kept = []
    for kind in sorted(kinds):
        cases = sorted(kinds[kind], key=lambda p: p.english != grammar.HELD_OUT)[:120]
        for pair in cases:
            source = torch.tensor([ids(pair.english, "source")])
            with torch.no_grad():
                out = model.generate(source, max_length=64, num_beams=1)[0].tolist()
            fine = out[1:] == ids(pair.french, "target")
            right, total = right + fine, total + 1
            if not fine:
                print("wrong:", pair.english, "|", pair.french)
            kept.append({"kind": kind, "english": pair.english, "french": pair.french, "decisions": pair.decisions})
    (fixtures / "heldout.jsonl").write_text("".join(json.dumps(k, ensure_ascii=False) + "\n" for k in kept))
    print(f"held out: {right} of {total} right; vocabulary {size}")


if __name__ == "__main__":
    main()
