"""Golden files for Marian: tiny random checkpoints in the hub's layout, and what the reference says of them.

    python marian_golden.py ../fixtures/marian

Versions are pinned in requirements.txt. The reference scales decoder embeddings twice where `scale_embedding` is set
(its own scale, then transformers'), so its decoder scale is set to 1 before given texts are attributed; generation uses
the model as it is loaded.
"""

import json
import os
import random
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import sentencepiece  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import MarianConfig, MarianMTModel, MarianTokenizer  # noqa: E402

torch.set_num_threads(1)

CORPUS = """The tired nurse said that she was late. The old doctor met his friend in the garden.
A small cat sleeps on the warm roof, and two birds watch it. Who wrote this letter to the queen?
Le chat dort sur le toit. L'infirmière fatiguée a dit qu'elle était en retard. Où est la gare, s'il vous plaît ?
Der alte Mann ging langsam über die Brücke. Schöne Grüße aus München! Das Mädchen las ein Buch.
El niño comió una manzana roja. ¿Qué hora es? Mañana lloverá en toda España.
我们明天去北京。今天天气很好。日本語の文章もあります。猫が好きです。
Привет, мир! Как дела? Сегодня хорошая погода. 12 3,45 67% a@b.org http://x.y/z?q=1
I can't believe it's 2026; she'll pay $5.00 (or more) — "maybe". foo_bar(x) != [1, 2, 3] 😀 🎉"""

PAIRS = [
    ("Hi", "Salut"),
    ("The tired nurse said that she was late.", "L'infirmière fatiguée a dit qu'elle était en retard."),
    ("A small cat sleeps.", "Un petit chat dort."),
    ("Who wrote this letter?", "Qui a écrit cette lettre ?"),
    ("Où est la gare, s'il vous plaît ?", "Wo ist der Bahnhof?"),
    ("我们明天去北京。", "Nous allons à Pékin demain."),
    ("Привет, мир!", "Bonjour le monde !"),
    ("I love 😀 and 🎉!", "J'adore 😀 et 🎉 !"),
    ("foo_bar(x) != [1, 2, 3]", "foo_bar(x) != [1, 2, 3]"),
    ("It costs $5.00 (or more).", "Ça coûte 5,00 $ (ou plus)."),
    ("  spaces   inside  ", "des   espaces"),
    (">>fra<< The old doctor met his friend.", "Le vieux docteur a rencontré son ami."),
    ("Two birds watch it.", "Deux oiseaux le regardent."),
    ("Das Mädchen las ein Buch.", "The girl read a book."),
    ("¿Qué hora es?", "What time is it?"),
    ("日本語の文章もあります。", "There is a Japanese text, too."),
    ("Schöne Grüße aus München!", "Greetings from Munich!"),
    ("zzz qqq xxyyzz", "inconnu ☃ ♞"),
    (
        "The old doctor met his friend in the garden, and the tired nurse said that she was late, and a small cat sleeps"
        " on the warm roof, and two birds watch it.",
        "Le chat dort sur le toit, et l'infirmière fatiguée a dit qu'elle était en retard, où est la gare.",
    ),
    ("a", "Le vieux docteur a rencontré son ami dans le jardin."),
]
RAW = [0]  # pairs whose granular scores are kept whole
KEPT_LOGITS = [0, 1]  # pairs whose logits are kept whole


def tokenizer_files(folder: Path):
    text = folder / "corpus.txt"
    text.write_text(CORPUS + "\n")
    for side in ("source", "target"):
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(folder / side), vocab_size=300, character_coverage=0.98,
            model_type="unigram", hard_vocab_limit=False, minloglevel=2,
        )
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
        (folder / f"{side}.vocab").unlink()
    text.unlink()
    pieces = set()
    for side in ("source", "target"):
        model = sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{side}.spm"))
        pieces |= {model.id_to_piece(i) for i in range(model.get_piece_size())}
    pieces -= {"<unk>", "</s>", "<s>"}
    tokens = ["</s>", "<unk>", *sorted(pieces), ">>fra<<", ">>deu<<", "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}, ensure_ascii=False))
    config = {"source_lang": "eng", "target_lang": "fra", "unk_token": "<unk>", "eos_token": "</s>", "pad_token": "<pad>",
              "model_max_length": 512, "sp_model_kwargs": {}, "separate_vocabs": False,
              "tokenizer_class": "MarianTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return len(tokens)


def checkpoint(folder: Path, seed: int):
    folder.mkdir(parents=True, exist_ok=True)
    size = tokenizer_files(folder)
    pad = size - 1
    torch.manual_seed(seed)
    second = seed == 2
    config = MarianConfig(
        vocab_size=size, decoder_vocab_size=size, d_model=32, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=2 if second else 4, decoder_attention_heads=4, encoder_ffn_dim=48 if second else 64,
        decoder_ffn_dim=64, max_position_embeddings=128, activation_function="relu" if second else "swish",
        scale_embedding=True, static_position_embeddings=True, normalize_before=False, normalize_embedding=False,
        add_final_layer_norm=False, tie_word_embeddings=True, share_encoder_decoder_embeddings=True,
        decoder_start_token_id=pad, pad_token_id=pad, eos_token_id=0, bos_token_id=0, forced_eos_token_id=0,
        num_beams=6 if second else 4, bad_words_ids=[[pad]], max_length=40,
    )
    model = MarianMTModel(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "embed_positions" in name:
                continue
            if "layer_norm.weight" in name:
                parameter.copy_(1 + 0.3 * torch.randn_like(parameter))
            elif "shared" in name:
                parameter.copy_(0.25 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.3 * torch.randn_like(parameter))
        model.final_logits_bias.copy_(0.5 * torch.randn_like(model.final_logits_bias))
        # The end comes now and then.
        model.final_logits_bias[0, 0] += 2.0
    if seed == 1:
        model = model.half()
        config.save_pretrained(folder)
        state = {k: v for k, v in model.state_dict().items()}
        torch.save(state, folder / "pytorch_model.bin")
    elif seed == 2:
        model.save_pretrained(folder)
    else:
        model.save_pretrained(folder, max_shard_size="40KB")
    # The hub's opus-mt models keep the generation fields in both files.
    raw = json.loads((folder / "config.json").read_text())
    raw.update({"bad_words_ids": [[pad]], "num_beams": 6 if second else 4, "max_length": 40, "forced_eos_token_id": 0,
                "architectures": ["MarianMTModel"], "model_type": "marian", "decoder_start_token_id": pad})
    (folder / "config.json").write_text(json.dumps(raw, indent=2))
    generation = {"bad_words_ids": [[pad]], "bos_token_id": 0, "decoder_start_token_id": pad, "eos_token_id": 0,
                  "forced_eos_token_id": 0, "max_length": 40, "num_beams": 6 if second else 4, "pad_token_id": pad,
                  "renormalize_logits": True}
    if seed != 3:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    elif (folder / "generation_config.json").exists():
        (folder / "generation_config.json").unlink()


def sentences(count: int):
    words = CORPUS.replace("\n", " ").split(" ")
    rng = random.Random(5)
    return [" ".join(rng.choices(words, k=rng.randint(1, 12))) for _ in range(count)]


VARIANTS = {
    "length_penalty_low": {"length_penalty": 0.6},
    "length_penalty_high": {"length_penalty": 2.0},
    "early": {"early_stopping": True},
    "never": {"early_stopping": "never"},
    "no_repeat": {"no_repeat_ngram_size": 2},
    "min_length": {"min_length": 12},
    "repetition": {"repetition_penalty": 1.3},
    "short": {"max_length": 6},
    "new_tokens": {"max_new_tokens": 9},
    "renormalize": {"renormalize_logits": True},
    "not_renormalized": {"renormalize_logits": False},
    "forced_bos": {"forced_bos_token_id": 17},
    "greedy_no_repeat": {"num_beams": 1, "no_repeat_ngram_size": 3, "repetition_penalty": 1.2, "min_length": 5},
    "bad_words": {"bad_words_ids": [[20], [21, 22], [5]]},
    "beams_2": {"num_beams": 2, "early_stopping": True},
    "suppress": {"suppress_tokens": [30, 31, 32, 33], "begin_suppress_tokens": [0, 40]},
}


def generation(folder: Path):
    model = MarianMTModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = MarianTokenizer.from_pretrained(folder)

    def run(text, **kwargs):
        batch = tokenizer([text], return_tensors="pt")
        with torch.no_grad():
            return model.generate(**batch, **kwargs)[0].tolist()

    texts = sentences(200)
    out = {"texts": texts, "source_ids": [tokenizer(t).input_ids for t in texts]}
    out["greedy"] = [run(t, num_beams=1) for t in texts]
    out["beam"] = [run(t) for t in texts]
    out["variants"] = {
        name: {"arguments": arguments, "ids": [run(t, **arguments) for t in texts[:25]]}
        for name, arguments in VARIANTS.items()
    }
    out["decoded"] = [tokenizer.decode(ids, skip_special_tokens=True) for ids in out["beam"][:50]]
    (folder / "generation.json").write_text(json.dumps(out, ensure_ascii=False))


def attribution(folder: Path):
    import inseq

    model = inseq.load_model(str(folder), "saliency", device="cpu")
    plain = MarianMTModel.from_pretrained(folder, dtype=torch.float32).eval()
    model.model = model.model.float()
    model.model.model.decoder.embed_scale = 1.0
    # With one text the reference loses the batch axis of targets and of these two scores, and PyTorch refuses them.
    from inseq.attr import step_functions

    def crossentropy_fn(args):
        logits = args.attribution_model.output2logits(args.forward_output)
        return torch.nn.functional.cross_entropy(logits, args.target_ids.reshape(-1), reduction="none")

    def perplexity_fn(args):
        return 2 ** crossentropy_fn(args)

    step_functions.STEP_SCORES_MAP.update(crossentropy=crossentropy_fn, perplexity=perplexity_fn)
    tensors, cases = {}, []

    def shown(token):
        # Where cleaning leaves nothing, the reference puts the whole token in place of its text.
        return [token.token if isinstance(token.token, str) else token.token.token, token.id]

    def run(name, pair, raw, **kwargs):
        source, target = PAIRS[pair]
        out = model.attribute(source, target, show_progress=False, **kwargs)
        sequence = out.sequence_attributions[0]
        case = {"name": name, "pair": pair, "arguments": {k: v for k, v in kwargs.items()},
                "attr_pos_start": sequence.attr_pos_start, "attr_pos_end": sequence.attr_pos_end,
                "source": [shown(t) for t in sequence.source], "target": [shown(t) for t in sequence.target]}
        cases.append(case)
        key = str(len(cases) - 1)
        if raw:
            tensors[f"{key}.source"] = sequence.source_attributions.float()
            if sequence.target_attributions is not None:
                tensors[f"{key}.target"] = sequence.target_attributions.float()
        for score, values in sequence.step_scores.items():
            tensors[f"{key}.step.{score}"] = values.float()
        aggregated = sequence.aggregate()
        tensors[f"{key}.aggregated.source"] = aggregated.source_attributions.float()
        if aggregated.target_attributions is not None:
            tensors[f"{key}.aggregated.target"] = aggregated.target_attributions.float()
        return out

    everything = ["logit", "probability", "entropy", "crossentropy", "perplexity"]
    for pair in range(len(PAIRS)):
        for target in (False, True):
            for method, arguments in [("saliency", {}), ("input_x_gradient", {}), ("integrated_gradients", {"n_steps": 20})]:
                if target and method != "saliency" and pair > 9:
                    continue
                scores = everything if method == "saliency" and not target else []
                run("pair", pair, pair in RAW, method=method, attribute_target=target, step_scores=scores, **arguments)
        source, target = PAIRS[pair]
        batch = model.tokenizer([source], text_target=[target], return_tensors="pt")
        start = torch.full((1, 1), plain.config.decoder_start_token_id)
        decoder_ids = torch.cat([start, batch.labels], dim=1)
        with torch.no_grad():
            logits = plain(input_ids=batch.input_ids, decoder_input_ids=decoder_ids[:, :-1]).logits[0]
        tensors[f"logits_of_target.{pair}"] = logits.gather(1, decoder_ids[0, 1:, None])[:, 0].clone()
        if pair in KEPT_LOGITS:
            tensors[f"logits.{pair}"] = logits.clone()
    for function in everything:
        for method in ("saliency", "integrated_gradients"):
            arguments = {"n_steps": 10} if method == "integrated_gradients" else {}
            run("attributed_fn", 3, method == "saliency", method=method, attributed_fn=function, attribute_target=True, **arguments)
    run("logprob", 3, True, method="saliency", attributed_fn="probability", logprob=True)
    for rule in ("riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid", "gausslegendre"):
        options = {"n_steps": 7, "return_convergence_delta": True}
        quadrature(run, rule, options)
    run("eos_baseline", 2, True, method="integrated_gradients", n_steps=8, include_eos_baseline=True)
    run("multiply", 2, True, method="integrated_gradients", n_steps=8, internal_batch_size=3)
    run("start", 1, False, method="saliency", attr_pos_start=4, attribute_target=True)
    run("no_special", 1, False, method="saliency", skip_special_tokens=True)
    run("clean", 1, False, method="saliency", clean_special_chars=True)
    out = run("saved", 1, False, method="saliency", attribute_target=True, step_scores=["probability"])
    if folder.name == "seed2":
        out.save(str(folder / "saved.json"), overwrite=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "golden.safetensors")
    (folder / "golden.json").write_text(json.dumps({"pairs": PAIRS, "cases": cases}, ensure_ascii=False))


def quadrature(run, rule, options):
    """`method` names both the attribution method and Captum's rule, so the rule goes through the method object."""
    import inseq.attr.feat.gradient_attribution as gradient

    original = gradient.IntegratedGradients.attribute

    def attribute(self, *args, **kwargs):
        return original(self, *args, method=rule, **kwargs)

    # Keeps the signature by which the reference sorts its arguments.
    attribute.__signature__ = __import__("inspect").signature(original)
    gradient.IntegratedGradients.attribute = attribute
    try:
        run(f"quadrature:{rule}", 2, True, method="integrated_gradients", attribute_target=True, **options)
    finally:
        gradient.IntegratedGradients.attribute = original


def main():
    root = Path(sys.argv[1])
    for seed in (1, 2, 3):
        folder = root / f"seed{seed}"
        checkpoint(folder, seed)
        generation(folder)
        attribution(folder)
        print(folder, sum(f.stat().st_size for f in folder.iterdir()) // 1024, "KiB")


if __name__ == "__main__":
    main()
