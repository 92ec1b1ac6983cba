"""Golden files for Marian: tiny random checkpoints in the hub's layout, and what the reference says of them.

    python marian_golden.py ../fixtures/marian

Versions are pinned in requirements.txt. The reference scales decoder embeddings twice where `scale_embedding` is set
(its own scale, then transformers'), so its decoder scale is set to 1 before given texts are attributed; generation uses
the model as it is loaded.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import sentencepiece  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import MarianConfig, MarianMTModel, MarianTokenizer  # noqa: E402

from marian_corpus import CORPUS, PAIRS, sentences  # noqa: E402

torch.set_num_threads(1)

RAW = {1: [0, 3], 2: [0, 3, 7], 3: [0]}  # by seed, the pairs whose granular scores are kept whole
KEPT_LOGITS = [0, 3, 7]  # pairs whose logits are kept whole
STEPS = 400
# Rules by which SentencePiece changes characters: opus-mt has the first; it takes 240 kB, so not every checkpoint does.
NORMALIZATION = {1: ("nmt_nfkc", "nmt_nfkc"), 2: ("identity", "identity"), 3: ("nmt_nfkc", "identity")}


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def tokenizer_files(folder: Path, seed: int):
    text = folder / "corpus.txt"
    text.write_text(CORPUS + "\n")
    for side, rule in zip(("source", "target"), NORMALIZATION[seed]):
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(folder / side), vocab_size=450, character_coverage=0.98,
            model_type="unigram", normalization_rule_name=rule, hard_vocab_limit=False, minloglevel=2,
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


def speak(model, tokenizer, pad):
    """A few hundred steps of training on saying words backwards.

    Weights drawn at random repeat one token to the end whatever the source is, and a test of generation on them tests little.
    """
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    texts = sentences(STEPS * 16, seed=17)
    for step in range(STEPS):
        sources = texts[16 * step : 16 * step + 16]
        targets = [" ".join(reversed(text.split())) for text in sources]
        batch = tokenizer(sources, text_target=targets, return_tensors="pt", padding=True)
        labels = batch.labels.masked_fill(batch.labels == pad, -100)
        loss = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    print("loss", round(loss.item(), 3))


def checkpoint(folder: Path, seed: int):
    folder.mkdir(parents=True, exist_ok=True)
    size = tokenizer_files(folder, seed)
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
            offset = 1 if "layer_norm.weight" in name else 0
            scale = 0.3 if "layer_norm" in name or "bias" in name else 0.2
            parameter.copy_(offset + scale * torch.randn_like(parameter))
        model.final_logits_bias.copy_(0.5 * torch.randn_like(model.final_logits_bias))
    speak(model, MarianTokenizer.from_pretrained(folder), pad)
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
    (folder / "generation.json").write_text(compact(out))


def attribution(folder: Path, seed: int):
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
                run("pair", pair, pair in RAW[seed], method=method, attribute_target=target, step_scores=scores, **arguments)
        source, target = PAIRS[pair]
        batch = model.tokenizer([source], text_target=[target], return_tensors="pt")
        start = torch.full((1, 1), plain.config.decoder_start_token_id)
        decoder_ids = torch.cat([start, batch.labels], dim=1)
        with torch.no_grad():
            logits = plain(input_ids=batch.input_ids, decoder_input_ids=decoder_ids[:, :-1]).logits[0]
        tensors[f"logits_of_target.{pair}"] = logits.gather(1, decoder_ids[0, 1:, None])[:, 0].clone()
        # The reference, patched as above, sees the model's own logits; where it did not, nothing below would be worth comparing.
        logit = next(i for i, c in enumerate(cases) if c["pair"] == pair and "logit" in c["arguments"]["step_scores"])
        torch.testing.assert_close(tensors[f"{logit}.step.logit"], tensors[f"logits_of_target.{pair}"], rtol=1e-4, atol=1e-4)
        if pair in KEPT_LOGITS:
            tensors[f"logits.{pair}"] = logits.clone()
    for function in everything:
        for method in ("saliency", "integrated_gradients"):
            arguments = {"n_steps": 10} if method == "integrated_gradients" else {}
            run("attributed_fn", 3, False, method=method, attributed_fn=function, attribute_target=True, **arguments)
            run("attributed_fn", 0, True, method=method, attributed_fn=function, attribute_target=True, **arguments)
    run("logprob", 0, True, method="saliency", attributed_fn="probability", logprob=True)
    for rule in ("riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid", "gausslegendre"):
        options = {"n_steps": 7, "return_convergence_delta": True}
        quadrature(run, rule, options)
    run("eos_baseline", 0, True, method="integrated_gradients", n_steps=8, include_eos_baseline=True)
    run("internal_batch_size", 0, True, method="integrated_gradients", n_steps=8, internal_batch_size=3)
    run("start", 3, True, method="saliency", attr_pos_start=4, attribute_target=True)
    run("no_special", 0, True, method="saliency", skip_special_tokens=True)
    run("clean", 1, False, method="saliency", clean_special_chars=True)
    out = run("saved", 3, False, method="saliency", attribute_target=True, step_scores=["probability"])
    if seed == 2:
        out.save(str(folder / "saved.json"), overwrite=True)
    out = model.attribute(*PAIRS[0], method="saliency", attribute_target=True, show_progress=False,
                          output_step_attributions=True)
    step_outputs = []
    for index, step in enumerate(out.step_attributions):
        tensors[f"step_output.{index}.source"] = step.source_attributions.float()
        tensors[f"step_output.{index}.target"] = step.target_attributions.float()
        step_outputs.append({"prefix": [shown(t) for t in step.prefix[0]], "target": [shown(t) for t in step.target[0]]})
    description = {"pairs": PAIRS, "cases": cases, "step_outputs": {"pair": 0, "steps": step_outputs}}
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "golden.safetensors")
    (folder / "golden.json").write_text(compact(description))


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
        for pair, raw in ((0, True), (2, False)):
            run(f"quadrature:{rule}", pair, raw, method="integrated_gradients", attribute_target=True, **options)
    finally:
        gradient.IntegratedGradients.attribute = original


def main():
    root = Path(sys.argv[1])
    for seed in (1, 2, 3):
        folder = root / f"seed{seed}"
        checkpoint(folder, seed)
        generation(folder)
        attribution(folder, seed)
        print(folder, sum(f.stat().st_size for f in folder.iterdir()) // 1024, "KiB")


if __name__ == "__main__":
    main()
