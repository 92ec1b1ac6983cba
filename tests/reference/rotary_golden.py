"""What transformers makes of every way of writing rotary positions into `config.json`, and of texts that outgrow them.

    python rotary_golden.py ../fixtures/architectures ../fixtures/rotary/golden.json

Each case changes fields of a checkpoint's `config.json`. Its scores are the log probabilities of a text's tokens, each from a
forward over the tokens before it alone: with LongRoPE and dynamic NTK the frequencies depend on how many these are. A case that
transformers refuses has no scores. Versions are pinned in requirements.txt.
"""

import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, logging  # noqa: E402

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()

# Fields that say how queries and keys are rotated: a case starts without any.
FIELDS = ["rope_scaling", "rope_parameters", "rope_theta", "rope_local_base_freq", "rotary_emb_base", "rotary_pct",
          "partial_rotary_factor", "original_max_position_embeddings"]
TEXT = [5, 17, 9, 33, 12, 41, 8, 8, 26, 30, 7, 19, 22, 14, 35, 10, 6, 28, 40, 13]

PLAIN = {"rope_type": "default", "rope_theta": 500.0}
YARN = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
LONG = {"short_factor": [1.0, 1.1, 1.3, 2.0], "long_factor": [1.5, 2.0, 4.0, 5.0]}
LLAMA3 = {"rope_type": "llama3", "factor": 4, "low_freq_factor": 1, "high_freq_factor": 4}


def of_every_type(name):
    """One set of parameters for all layers."""
    yield name, {"rope_parameters": PLAIN, "rope_scaling": YARN}
    yield name, {"rope_parameters": PLAIN, "rope_scaling": {**YARN, "rope_theta": 50.0}}
    yield name, {"rope_parameters": PLAIN, "rope_scaling": YARN, "rope_theta": 77.0}
    yield name, {"rope_parameters": {"rope_type": "linear", "factor": 2, "rope_theta": 50.0}, "rope_theta": 77.0}
    yield name, {"rope_parameters": {"rope_type": "linear", "factor": 2}, "rope_scaling": {}, "rope_theta": 77.0}
    yield name, {"rope_parameters": None, "rope_scaling": None, "rope_theta": 77.0}
    yield name, {"rope_theta": 77.0, "partial_rotary_factor": 0.5}
    yield name, {"rope_parameters": {**PLAIN, "partial_rotary_factor": 0.5}}


def of_llama(name):
    """A head of eight features."""
    def scaled(scaling, **beside):
        return name, {"rope_theta": 50.0, "rope_scaling": scaling, **beside}

    yield scaled({"rope_type": "linear", "factor": 2.5})
    yield scaled({"type": "linear", "factor": 2})
    yield scaled({"rope_type": "linear", "type": "dynamic", "factor": 4})
    yield scaled({"factor": 4.0})
    yield scaled({"rope_type": "default", "mrope_section": [1, 1]})
    yield scaled(YARN, original_max_position_embeddings=8)
    yield scaled({"rope_type": "yarn", "factor": 4}, original_max_position_embeddings=32)
    yield scaled({"rope_type": "yarn", "factor": 4})
    yield scaled({**YARN, "factor": None})
    yield scaled({**YARN, "attention_factor": 1.7})
    yield scaled({**YARN, "mscale": 0.7, "mscale_all_dim": 1.1})
    yield scaled({**YARN, "mscale": 0.7})
    yield scaled({**YARN, "beta_fast": 3, "beta_slow": 0.2})
    yield scaled({**YARN, "beta_fast": 0, "beta_slow": 0})
    yield scaled({**YARN, "beta_fast": 3, "beta_slow": 0.2, "truncate": False})
    yield scaled({**YARN, "factor": 0.5})
    yield scaled({**LLAMA3, "original_max_position_embeddings": 16})
    yield scaled({**LLAMA3, "original_max_position_embeddings": 16}, original_max_position_embeddings=32)
    yield scaled(LLAMA3)
    yield scaled({"type": "dynamic", "factor": 4.0})
    yield scaled({"type": "dynamic", "factor": 4.0}, max_position_embeddings=8)
    yield scaled({"rope_type": "dynamic", "factor": 2, "original_max_position_embeddings": 4}, max_position_embeddings=12)
    yield scaled({"rope_type": "longrope", **LONG, "original_max_position_embeddings": 8})
    yield scaled({"rope_type": "longrope", **LONG, "original_max_position_embeddings": 8, "factor": 3})
    yield scaled({"rope_type": "longrope", **LONG, "original_max_position_embeddings": 8, "attention_factor": 1.25})
    yield scaled({"rope_type": "longrope", **LONG}, original_max_position_embeddings=10)
    yield scaled({"rope_type": "longrope", **LONG})
    yield scaled({"rope_type": "proportional", "partial_rotary_factor": 0.5})
    yield scaled({"rope_type": "proportional", "partial_rotary_factor": 0.5, "factor": 2.0})
    # Refused.
    yield scaled({"rope_type": "mrope", "mrope_section": [1, 1]})
    yield scaled({"rope_type": "linear"})
    yield scaled({"rope_type": "linear", "factor": "4"})
    yield scaled({"rope_type": "dynamic"})
    yield scaled({"rope_type": "longrope", "short_factor": LONG["short_factor"]})
    yield scaled({"rope_type": "longrope", "short_factor": [1.0, 1.0], "long_factor": [1.0, 1.0, 1.0]})
    yield scaled({"rope_type": "llama3", "factor": 4})
    yield scaled({"rope_type": "linear", "factor": 2, "partial_rotary_factor": 0.5})
    yield scaled({"rope_type": "dynamic", "factor": 2}, partial_rotary_factor=0.5)
    yield scaled({"type": "su", **LONG, "original_max_position_embeddings": 8})


def of_phi3(name):
    long = {"short_factor": [1.25, 2.0], "long_factor": [1.5, 4.0]}
    yield name, {}
    yield name, {"rope_theta": 77.0, "partial_rotary_factor": 0.5}
    yield name, {"rope_parameters": PLAIN, "rope_scaling": {"type": "longrope", **long}, "original_max_position_embeddings": 8}
    yield name, {"rope_parameters": {"rope_type": "longrope", **long, "rope_theta": 50.0}, "original_max_position_embeddings": 8}
    yield name, {"rope_scaling": {"type": "yarn", **long}, "original_max_position_embeddings": 8}
    yield name, {"rope_scaling": {"type": "longrope", **long, "original_max_position_embeddings": 8}}
    yield name, {"rope_scaling": {"type": "longrope", **long, "factor": 3.0}, "original_max_position_embeddings": 8}
    yield name, {"rope_scaling": {"type": "longrope", "short_factor": [1.25], "long_factor": [4.0]},
                 "partial_rotary_factor": 0.5, "original_max_position_embeddings": 8}
    # Refused.
    yield name, {"rope_scaling": {"type": "linear", "factor": 2.0}}
    yield name, {"rope_scaling": YARN, "original_max_position_embeddings": 8}
    yield name, {"rope_scaling": {"type": "dynamic", "factor": 2.0}}


def of_gpt_neox(name):
    yield name, {}
    yield name, {"rope_theta": 77.0}
    yield name, {"rope_theta": 77.0, "rotary_emb_base": 50, "rotary_pct": 1.0}
    yield name, {"rotary_emb_base": 50, "rotary_pct": 0.5, "partial_rotary_factor": 1.0}
    yield name, {"rotary_emb_base": 50, "rotary_pct": 0.5, "rope_scaling": {"type": "linear", "factor": 2.0}}
    yield name, {"rotary_pct": 1.0, "rope_scaling": YARN, "rope_parameters": {**PLAIN, "partial_rotary_factor": 0.5}}
    yield name, {"rotary_pct": 0.25, "rope_parameters": {**PLAIN, "partial_rotary_factor": 1.0}}
    yield name, {"rotary_emb_base": 50, "rotary_pct": 1.0, "rope_scaling": {"type": "dynamic", "factor": 2.0}, "max_position_embeddings": 8}
    yield name, {"rotary_emb_base": 50, "rotary_pct": 0.75, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}, "max_position_embeddings": 8}
    yield name, {"rotary_emb_base": 50, "rotary_pct": 0.4}


def of_gemma3(name):
    full, windowed = {"rope_type": "default", "rope_theta": 500.0}, {"rope_type": "default", "rope_theta": 11.0}
    both = {"full_attention": full, "sliding_attention": windowed}
    yield name, {}
    yield name, {"rope_theta": 99.0}
    yield name, {"rope_theta": 99.0, "rope_local_base_freq": 7.0}
    yield name, {"rope_parameters": both}
    yield name, {"rope_parameters": both, "rope_theta": 99.0, "rope_local_base_freq": 7.0}
    yield name, {"rope_parameters": both, "rope_scaling": {"rope_type": "linear", "factor": 8}}
    yield name, {"rope_parameters": both, "rope_scaling": {"type": "linear", "factor": 8}}
    yield name, {"rope_scaling": {"type": "linear", "factor": 8}}
    yield name, {"rope_scaling": {"rope_type": "linear", "factor": 8.0}, "rope_theta": 99.0}
    yield name, {"rope_parameters": {"full_attention": {"type": "linear", "factor": 2}}, "rope_theta": 33.0, "rope_local_base_freq": 7.0}
    yield name, {"rope_parameters": {"sliding_attention": windowed}, "rope_theta": 33.0}
    yield name, {"rope_parameters": {"full_attention": None, "sliding_attention": windowed}}
    yield name, {"rope_parameters": {"full_attention": {**YARN, "rope_theta": 50.0, "beta_fast": 3, "beta_slow": 0.2, "truncate": False}, "sliding_attention": windowed}}
    yield name, {"rope_parameters": {"full_attention": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 50.0}}, "original_max_position_embeddings": 16}
    yield name, {"rope_parameters": {**both, "full_attention": {**full, "rope_type": "dynamic", "factor": 4.0}}, "max_position_embeddings": 8}
    yield name, {"rope_parameters": {**both, "sliding_attention": {**windowed, "rope_type": "dynamic", "factor": 4.0}}, "max_position_embeddings": 8}
    yield name, {"rope_parameters": both, "partial_rotary_factor": 0.5}
    yield name, {"rope_parameters": {"rope_type": "linear", "factor": 8, "rope_theta": 99.0}}
    # Refused.
    yield name, {"rope_parameters": PLAIN, "rope_scaling": YARN}
    yield name, {"rope_parameters": {"sliding_attention": windowed}, "rope_scaling": YARN}
    yield name, {"rope_parameters": {**both, "full_attention": {**full, "rope_type": "mrope"}}}


def of_layers(name):
    """Parameters by layer, which only Gemma 3 has."""
    yield name, {"rope_parameters": {"full_attention": PLAIN}}
    yield name, {"rope_parameters": {"full_attention": PLAIN, "sliding_attention": PLAIN}}


def cases():
    for name in ["llama3", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "olmo2", "smollm3"]:
        yield from of_every_type(name)
    yield from of_llama("llama3")
    yield from of_phi3("phi3_longrope")
    yield from of_gpt_neox("gpt_neox")
    yield from of_gemma3("gemma3_text")
    for name in ["qwen2", "qwen3", "gemma2", "smollm3"]:
        yield from of_layers(name)


# Checkpoints that write beyond their usual positions: prompts have 2 to 39 tokens.
GENERATED = [
    ("phi3_longrope", {"rope_theta": 100.0, "rope_scaling": {"type": "longrope", "short_factor": [1.25, 2.0], "long_factor": [1.5, 9.0]},
                       "original_max_position_embeddings": 14}),
    ("phi3_longrope", {"rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.0], "long_factor": [3.0, 9.0]},
                       "original_max_position_embeddings": 20}),
    ("llama3", {"rope_theta": 50.0, "rope_scaling": {"rope_type": "dynamic", "factor": 8.0}, "max_position_embeddings": 10}),
    ("llama3", {"rope_theta": 50.0, "rope_scaling": {"rope_type": "longrope", **LONG, "original_max_position_embeddings": 10}}),
    ("gpt_neox", {"rotary_pct": 1.0, "rope_scaling": {"rope_type": "dynamic", "factor": 4.0}, "max_position_embeddings": 12}),
    ("gemma3_text", {"rope_parameters": {"full_attention": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 50.0}},
                     "max_position_embeddings": 10}),
]
PROMPTS = ["the cat", "a dog ran", "the the the the the the the the", "on", "zqxj vwk", "was late and he was late"]
NEW_TOKENS = 14
# Texts that are attributed: within the usual positions, across their end, and beyond it from the start.
TEXTS = [("the cat", " sat"), ("a dog ran", " to the big house . the cat sat on the mat"),
         ("the the the the the the the the the the the the the the the the the the", " the cat the"),
         ("on", " the mat the cat sat and the dog said no , but the old man was late")]


def load(architectures, name, fields):
    """The checkpoint with other rotary fields."""
    with tempfile.TemporaryDirectory() as folder:
        for file in (architectures / name).iterdir():
            if file.name != "config.json":
                os.symlink(file.resolve(), Path(folder) / file.name)
        config = json.loads((architectures / name / "config.json").read_text())
        config = {key: value for key, value in config.items() if key not in FIELDS} | fields
        (Path(folder) / "config.json").write_text(json.dumps(config))
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        return model.eval()


def scores(model):
    """From the shortest prefix to the longest: transformers' dynamic frequencies do not all come back from longer texts."""
    with torch.no_grad():
        each = [model(torch.tensor([TEXT[:end]])).logits[0, -1].log_softmax(-1)[TEXT[end]] for end in range(1, len(TEXT))]
    return [round(score.item(), 6) for score in each]


def attributed(model, tokenizer, prompt, text):
    """By step, its probability, and the L2 norm of its gradient with regard to the embedding of every token before it."""
    start, ids = len(tokenizer(prompt).input_ids), tokenizer(text).input_ids
    probabilities, norms = [], []
    reset(model)
    for end in range(start, len(ids)):
        embeddings = model.get_input_embeddings()(torch.tensor([ids[:end]])).detach().requires_grad_()
        probability = model(inputs_embeds=embeddings).logits[0, -1].softmax(-1)[ids[end]]
        probability.backward()
        probabilities.append(float(f"{probability.item():.7g}"))
        norms.append([float(f"{norm:.6g}") for norm in embeddings.grad[0].norm(dim=-1).tolist()])
    return {"prompt": prompt, "text": text, "start": start, "probability": probabilities, "saliency": norms}


def generated(model, prompts, beams):
    with torch.no_grad():
        # One at a time, with frequencies as they are at first.
        each = []
        for ids in prompts:
            reset(model)
            ids = torch.tensor([ids])
            each.append(model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, num_beams=beams,
                                       do_sample=False)[0].tolist())
        return each


def reset(model):
    """A forward over one token, and the frequencies of short texts are back."""
    with torch.no_grad():
        model(torch.tensor([[TEXT[0]]]))


def disturb(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 + 2e-6 * torch.randn_like(parameter))


def main():
    architectures, out = Path(sys.argv[1]), Path(sys.argv[2])
    found = []
    for name, fields in cases():
        try:
            found.append({"checkpoint": name, "fields": fields, "scores": scores(load(architectures, name, fields))})
        except Exception as error:  # noqa: BLE001
            found.append({"checkpoint": name, "fields": fields, "refused": f"{type(error).__name__}: {str(error).splitlines()[0]}"[:160]})
    texts = []
    for name, fields in GENERATED:
        model = load(architectures, name, fields)
        tokenizer = AutoTokenizer.from_pretrained(architectures / name)
        prompts = [tokenizer(prompt).input_ids for prompt in PROMPTS]
        case = {"checkpoint": name, "fields": fields, "new_tokens": NEW_TOKENS, "prompts": PROMPTS}
        case |= {kind: generated(model, prompts, beams) for kind, beams in (("greedy", 1), ("beam", 4))}
        torch.manual_seed(0)
        for _ in range(3):
            disturb(model)
            stable = [[a == b for a, b in zip(case[kind], generated(model, prompts, beams))]
                      for kind, beams in (("greedy", 1), ("beam", 4))]
            assert all(all(row) for row in stable), (name, fields, "ids depend on rounding", stable)
        texts.append(case)
    with_gradients = []
    for name, fields in GENERATED[:4]:
        model = load(architectures, name, fields)
        tokenizer = AutoTokenizer.from_pretrained(architectures / name)
        with_gradients.append({"checkpoint": name, "fields": fields,
                               "texts": [attributed(model, tokenizer, prompt, prompt + rest) for prompt, rest in TEXTS]})
    golden = {"text": TEXT, "cases": found, "generated": texts, "attributed": with_gradients}
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(golden, indent=None, separators=(",", ":")).replace('{"checkpoint"', '\n{"checkpoint"') + "\n")
    print(len(found), "cases,", sum("refused" in case for case in found), "refused")


main()
