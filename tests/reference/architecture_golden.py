"""Golden files for every architecture: tiny checkpoints in the hub's layout, and what transformers and the reference say of them.

    python architecture_golden.py ../fixtures/architectures [NAME ...]

Versions are pinned in requirements.txt. Texts go through the reference one at a time. Where it cannot run a model type, the same
quantities come from torch's own automatic differentiation of transformers' model, by `architecture_gradients.py`; where it can, the
two are compared, so that a golden never rests on a mistake of either alone.
"""

import json
import os
import shutil
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoTokenizer, logging  # noqa: E402

import architecture_checkpoints as checkpoints  # noqa: E402
import architecture_gradients as gradients  # noqa: E402
from architecture_decoders import DECODERS  # noqa: E402
from architecture_encoder_decoders import ENCODER_DECODERS  # noqa: E402

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()

CHECKPOINTS = {**ENCODER_DECODERS, **DECODERS}

# A prompt and how it goes on; an encoder-decoder reads the first and writes the second.
PAIRS = [
    ("the cat", " sat on the mat"),
    ("a dog ran", " to the big house ."),
    ("the the the the the the the the", " the the cat the"),
    ("when the old man saw the cat on the mat he said", " that the dog was not there , but the cat sat"),
    ("on", " the mat"),
    ("What ?!  Two  spaces ,  and CAPS", " so odd"),
    ("été naïve ☃", " snow ☃ x"),
    ("zqxj vwk", " qq zz"),
    (".", " . , . !"),
    ("she was late and he was late", " and she said no"),
]
# Pairs whose logits are kept whole; of the others, those of the target's tokens and of the last position.
WHOLE_LOGITS = [0, 4]
# The first pair's scores are kept whole (with those of the target), of the others their default aggregation.
ATTRIBUTED = {"decoder": [0, 2, 3, 6], "encoder-decoder": [4, 2, 3, 6]}
WITHOUT_TARGET = [4, 3]  # pairs that an encoder-decoder also attributes without its target
NEW_TOKENS = 12
METHODS = [("saliency", {}), ("input_x_gradient", {}), ("integrated_gradients", {"n_steps": 8})]
SEEDS = 24


class Texts:
    """The ids of every pair."""

    def __init__(self, model, tokenizer):
        self.encoder_decoder = model.config.is_encoder_decoder
        start = getattr(model.config, "decoder_start_token_id", None)
        encode = lambda text: tokenizer(text).input_ids  # noqa: E731
        self.prompts = [encode(prompt) for prompt, _ in PAIRS]
        if self.encoder_decoder:
            self.generated = [rest.strip() for _, rest in PAIRS]
            self.targets = [[start, *encode(text)] for text in self.generated]
        else:
            self.generated = [prompt + rest for prompt, rest in PAIRS]
            self.targets = [encode(text) for text in self.generated]

    def forward(self, model, index):
        """Logits after each position of the target."""
        with torch.no_grad():
            target = torch.tensor([self.targets[index]])
            if self.encoder_decoder:
                return model(input_ids=torch.tensor([self.prompts[index]]), decoder_input_ids=target).logits[0]
            return model(input_ids=target).logits[0]

    def generate(self, model, index, beams):
        ids = torch.tensor([self.prompts[index]])
        with torch.no_grad():
            return model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, num_beams=beams,
                                  do_sample=False)[0].tolist()


def variety(texts, ids):
    """How much the generated texts differ, in themselves and from each other."""
    new = [tuple(i[1:] if texts.encoder_decoder else i[len(p):]) for i, p in zip(ids, texts.prompts)]
    return sum(len(set(i)) for i in new) / len(new) + len(set(new)) + min(sum(map(len, new)) / len(new), 8)


def ranked_seeds(folder, spec):
    """Seeds, those first whose generated texts differ most."""
    scores = []
    for seed in range(SEEDS):
        checkpoints.write(folder, spec, seed)
        model = checkpoints.load(folder)
        texts = Texts(model, AutoTokenizer.from_pretrained(folder))
        score = sum(variety(texts, [texts.generate(model, i, beams) for i in range(len(PAIRS))]) for beams in (1, 4))
        scores.append((-score, seed))
    return [seed for _, seed in sorted(scores)]


def check_weights_matter(folder, model, texts):
    """Every weight but the bias of keys (softmax takes it out) changes the logits."""
    torch.manual_seed(0)
    before = [texts.forward(model, i) for i in (3, 6)]
    useless = []
    for name, parameter in model.named_parameters():
        kept = parameter.detach().clone()
        with torch.no_grad():
            parameter.add_(0.1 * torch.randn_like(parameter))
        after = [texts.forward(model, i) for i in (3, 6)]
        change = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(after, before))
        if change < 1e-3:
            useless.append((name, f"{change:.1e}"))
        with torch.no_grad():
            parameter.copy_(kept)
    if useless:
        print(folder.name, "weights without effect:", useless)


def disturb(model, by):
    """Changes every weight by about this part of itself."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + by * torch.randn_like(parameter))


def check_rounding(folder, model, texts, out):
    """No id hangs on how a sum was rounded: weights that differ in their last digits give the same."""
    disturb(model, 2e-6)
    for index in range(len(PAIRS)):
        for name, beams in (("greedy", 1), ("beam", 4)):
            if texts.generate(model, index, beams) != out[name][index]:
                raise gradients.Rounding(f"{name} ids of pair {index}")


def numbers(value):
    return value.detach().float().contiguous().clone()


def attributed(texts):
    """Pairs, and whether the target is attributed too."""
    if not texts.encoder_decoder:
        return [(i, False) for i in ATTRIBUTED["decoder"]]
    # Of a text in bytes, scores of every position for every step are too many to keep.
    pairs = [i for i in ATTRIBUTED["encoder-decoder"] if len(texts.targets[i]) < 35]
    return [(i, True) for i in pairs] + [(i, False) for i in pairs if i in WITHOUT_TARGET]


def golden(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = checkpoints.load(folder)
    texts = Texts(model, tokenizer)
    check_weights_matter(folder, model, texts)
    tensors, cases = {}, []
    out = {"prompts": [prompt for prompt, _ in PAIRS], "generated": texts.generated, "prompt_ids": texts.prompts,
           "target_ids": texts.targets, "new_tokens": NEW_TOKENS}
    for index, target in enumerate(texts.targets):
        logits = texts.forward(model, index)
        assert logits.isfinite().all(), folder
        tensors[f"logits_of_target.{index}"] = numbers(logits[:-1].gather(1, torch.tensor(target[1:])[:, None])[:, 0])
        if index in WHOLE_LOGITS and logits.numel() < 2500:
            tensors[f"logits.{index}"] = numbers(logits)
        else:
            tensors[f"last_logits.{index}"] = numbers(logits[-1])
    out["greedy"] = [texts.generate(model, i, 1) for i in range(len(PAIRS))]
    out["beam"] = [texts.generate(model, i, 4) for i in range(len(PAIRS))]
    check_rounding(folder, model, texts, out)
    error = None
    try:
        reference = gradients.Reference(folder, checkpoints.load(folder))
    except Exception as e:
        error = e
    direct = gradients.Direct(checkpoints.load(folder), tokenizer)
    nearly = checkpoints.load(folder)
    disturb(nearly, 1e-7)
    nearly = gradients.Direct(nearly, tokenizer)
    out["tokens"] = {}
    for index, with_target in attributed(texts):
        for method, arguments in METHODS:
            result = direct.attribute(texts.prompts[index], texts.targets[index], method, with_target, **arguments)
            disturbed = nearly.attribute(texts.prompts[index], texts.targets[index], method, with_target, **arguments)
            gradients.compare(f"{folder.name} {index} {method} {with_target}, weights disturbed", disturbed, result)
            if error is None:
                try:
                    ours, result = result, reference.attribute(
                        PAIRS[index][0], texts.generated[index], method, with_target, **arguments)
                except Exception as e:
                    error = e
                else:
                    gradients.compare(f"{folder.name} {index} {method} {with_target}", ours, result)
                    out["tokens"][index] = result.tokens
            key = str(len(cases))
            granular = (index, with_target) == attributed(texts)[0]
            cases.append({"pair": index, "method": method, "arguments": arguments, "attribute_target": with_target,
                          "granular": granular, "attr_pos_start": result.start, "attr_pos_end": result.end})
            kept = result if granular else result.aggregated()
            for side in ("source", "target"):
                if getattr(kept, side) is not None:
                    tensors[f"{key}.{side}"] = numbers(getattr(kept, side))
            if f"probability.{index}" not in tensors:
                tensors[f"probability.{index}"] = numbers(result.probability)
    first_line = f"{type(error).__name__}: {error}".splitlines()[0] if error else None
    out["attributions"] = f"torch autograd, as the reference fails: {first_line}" if error else "inseq 0.7.1"
    if error:
        print(folder.name, "reference fails:", first_line)
    out["cases"] = cases
    (folder / "golden.json").write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    save_file(tensors, folder / "golden.safetensors")
    return out


def main():
    root = Path(sys.argv[1])
    for name in sys.argv[2:] or CHECKPOINTS:
        folder = root / name
        shutil.rmtree(folder, ignore_errors=True)
        for seed in ranked_seeds(folder, CHECKPOINTS[name]):
            checkpoints.write(folder, CHECKPOINTS[name], seed)
            try:
                out = golden(folder)
                break
            except gradients.Rounding as e:
                print(f"{name}: seed {seed}: {e}")
        sizes = {f.name: f.stat().st_size for f in folder.iterdir()}
        print(f"{name}: seed {seed}, {sum(sizes.values()) / 1024:.0f} KiB {sizes}", flush=True)
        for ids, beam in list(zip(out["greedy"], out["beam"]))[:4]:
            print("   ", ids, beam)


if __name__ == "__main__":
    main()
