"""What sets of propagation rules make of tiny checkpoints, by torch's autograd through modules that are patched by the rules.

    python rules_golden.py ../fixtures/architectures ../fixtures/rules.json

A set is that of `Propagation`: norm statistics, softmax, factors of the cotangents of queries, keys, values, gates and gated values,
and activations. A factor scales the cotangent of a tensor whose value stays. A softmax at another temperature passes the Jacobian at
that temperature. The embedding times the cotangent of each step's logit is summed over features, in double precision.

`text` counts the texts of the checkpoint's `golden.json`. Versions are pinned in requirements.txt.
"""

import json
import sys
from pathlib import Path

import torch
from propagation_golden import ACTIVATIONS, ConstantDeviation, quotient
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

NAMES = ["llama", "mistral", "mixtral", "lfm2", "gemma2", "gemma3_text", "olmo2", "qwen3", "phi3", "gpt2", "gpt_neox", "opt",
         "t5", "t5_gated", "umt5", "bart"]
GRADIENT = {"norm": "differentiated", "softmax": "differentiated", "queries": 1, "keys": 1, "values": 1, "activation": "derivative",
            "gate": 1, "up": 1}
CONSERVATIVE = {"norm": "constant", "softmax": "closed", "activation": "quotient", "gate": 0}
SETS = {
    "gradient": {},
    "cp": CONSERVATIVE,
    "attn": {"norm": "constant", "queries": 0.25, "keys": 0.25, "values": 0.5, "activation": "quotient", "gate": 0.5, "up": 0.5},
    "gim": {"norm": "constant", "softmax": {"temperature": 2}, "queries": 0.25, "keys": 0.25, "values": 0.5, "gate": 0.5, "up": 0.5},
    "halves": {**CONSERVATIVE, "gate": 0.5, "up": 0.5},
    "odd": {"softmax": {"temperature": 3}, "queries": 0.3, "keys": -0.7, "values": 1.9, "activation": "closed", "gate": 0.2, "up": 0.6},
    "one_side": {"norm": "constant", "queries": 0, "keys": 0.5, "gate": 0.8, "up": 0},
}
MOST_STEPS = 2

softmax, silu, tanh = nn.functional.softmax, nn.functional.silu, torch.tanh


def scaled(x, factor):
    """The value of x; its cotangent is multiplied."""
    return x if factor == 1 else x * factor + (x * (1 - factor)).detach()


class Rules:
    def __init__(self, given):
        given = {**GRADIENT, **given}
        self.norm, self.softmax_rule, self.activation = given["norm"], given["softmax"], given["activation"]
        self.queries, self.keys, self.values = given["queries"], given["keys"], given["values"]
        self.gate, self.up = given["gate"], given["up"]

    def softmax(self, x, dim=-1, dtype=None):
        x = x.double()
        weights = softmax(x, dim=dim)
        if self.softmax_rule == "closed":
            return weights.detach()
        # The shares of experts have two axes, and keep their Jacobian.
        if self.softmax_rule == "differentiated" or x.dim() == 2:
            return weights
        tempered = softmax(x / self.softmax_rule["temperature"], dim=dim).detach()
        x = torch.where(tempered == 0, torch.zeros_like(x), x)
        way = tempered * (x - (tempered * x).sum(dim, keepdim=True))
        return weights.detach() + way - way.detach()

    def function(self, y, x):
        """An element-wise function that is no activation."""
        return x * quotient(y, x) if self.activation == "quotient" else y

    def activated(self, y, x):
        return y.detach() if self.activation == "closed" else self.function(y, x)

    def attention(self, plain):
        def attention(module, query, key, value, *args, **options):
            query, key, value = scaled(query, self.queries), scaled(key, self.keys), scaled(value, self.values)
            return plain(module, query, key, value, *args, **options)
        return attention

    def second_half(self, x):
        half = x.shape[-1] // 2
        return torch.cat([x[..., :half], scaled(x[..., half:], self.up)], -1)

    def convolution(self, x):
        """The gates of the values, those of the output, and the values, before products with both."""
        part = x.shape[-1] // 3
        factors = [self.up * self.gate, self.gate, self.up ** 2]
        return torch.cat([scaled(x[..., i * part:(i + 1) * part], factor) for i, factor in enumerate(factors)], -1)


class Activation(nn.Module):
    def __init__(self, activation, rules, gates):
        super().__init__()
        self.activation, self.rules, self.gates = activation, rules, gates

    def forward(self, x):
        # An activation may call the functions that are patched for modules without activations of their own.
        patched, nn.functional.silu = nn.functional.silu, silu
        y = self.rules.activated(self.activation(x), x)
        nn.functional.silu = patched
        return scaled(y, self.rules.gate) if self.gates else y


class RuledExperts(nn.Module):
    """Each expert on all positions."""

    def __init__(self, experts, rules):
        super().__init__()
        self.experts, self.rules = experts, rules

    def forward(self, x, chosen, shares):
        rules, all_of = self.rules, self.experts
        constant = rules.softmax_rule == "closed"
        shares = shares.detach() if constant else scaled(shares, rules.gate)
        outputs = []
        for expert in range(all_of.num_experts):
            gate, up = nn.functional.linear(x, all_of.gate_up_proj[expert]).chunk(2, dim=-1)
            inner = all_of.act_fn(gate) * scaled(up, rules.up)
            share = torch.where(chosen == expert, shares, torch.zeros_like(shares)).sum(-1, keepdim=True)
            output = nn.functional.linear(inner, all_of.down_proj[expert])
            outputs.append((output if constant else scaled(output, rules.up)) * share)
        return sum(outputs)


def patch(parent, rules):
    hook = lambda module, change: module.register_forward_hook(lambda _, __, y: change(y))  # noqa: E731
    for name, child in parent.named_children():
        kind = type(child).__name__
        if isinstance(child, nn.LayerNorm) or kind.endswith(("RMSNorm", "T5LayerNorm")):
            if rules.norm == "constant":
                setattr(parent, name, ConstantDeviation(child))
        elif isinstance(child, ACTIVATIONS):
            gates = any(hasattr(parent, field) for field in ("gate_proj", "gate_up_proj", "wi_1"))
            setattr(parent, name, Activation(child, rules, gates))
        else:
            patch(child, rules)
            if kind == "MixtralExperts":
                setattr(parent, name, RuledExperts(child, rules))
            elif name in ("up_proj", "wi_1", "w3"):
                hook(child, lambda y: scaled(y, rules.up))
            elif name == "gate_up_proj":
                hook(child, rules.second_half)
            elif kind == "Lfm2ShortConv":
                hook(child.in_proj, rules.convolution)


def by_rules(model, rules, sides):
    """The logits, with the functions that modules call patched."""
    modules = [m for n, m in sys.modules.items() if n.startswith("transformers.models.") and hasattr(m, "eager_attention_forward")]
    plain = [module.eager_attention_forward for module in modules]
    for module in modules:
        module.eager_attention_forward = rules.attention(module.eager_attention_forward)
    nn.functional.softmax = rules.softmax
    # Called so where it makes a gate alone, and where it caps scores and logits.
    nn.functional.silu = lambda x, inplace=False: scaled(rules.activated(silu(x), x), rules.gate)
    torch.tanh = lambda x: rules.function(tanh(x), x)
    try:
        if len(sides) == 2:
            return model(inputs_embeds=sides[0], decoder_inputs_embeds=sides[1], use_cache=False).logits[0]
        return model(inputs_embeds=sides[0], use_cache=False).logits[0]
    finally:
        nn.functional.softmax, nn.functional.silu, torch.tanh = softmax, silu, tanh
        for module, own in zip(modules, plain):
            module.eager_attention_forward = own


# Nine tokens of the little Llama, the likeliest next one, its logit, and the sums of scores that an implementation of its own found.
KNOWN = {
    "ids": [29, 8, 34, 21, 24, 56, 72, 32, 62],
    "next": 37,
    "logit": 2.481340,
    "sums": [["gradient", -0.3229], ["cp", 2.481340], ["halves", 2.481340], ["attn", 1.947995], ["gim", 2.624552]],
}


def check_known(folder):
    """Stops where the sums of scores are others."""
    for title, expected in KNOWN["sums"]:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
        model.config.tie_word_embeddings = json.loads((folder / "config.json").read_text()).get("tie_word_embeddings", True)
        rules = Rules(SETS[title])
        patch(model, rules)
        side = model.get_input_embeddings()(torch.tensor([KNOWN["ids"]])).detach().requires_grad_()
        score = by_rules(model, rules, [side])[-1, KNOWN["next"]]
        total = (side * torch.autograd.grad(score, side)[0]).sum().item()
        assert abs(score.item() - KNOWN["logit"]) < 1e-6, score
        # As many digits as are known.
        assert abs(total - expected) < (1e-4 if title == "gradient" else 1e-6), (title, total, expected)


def main():
    architectures, out = Path(sys.argv[1]), Path(sys.argv[2])
    check_known(architectures / "llama")
    cases = {}
    for name in NAMES:
        folder = architectures / name
        golden = json.loads((folder / "golden.json").read_text())
        config = json.loads((folder / "config.json").read_text())
        index = next((i for i, ids in enumerate(golden["target_ids"]) if len(ids) > 9), 0)
        prompt, target = golden["prompt_ids"][index], golden["target_ids"][index]
        encoder_decoder = config.get("is_encoder_decoder", False)
        kind = AutoModelForSeq2SeqLM if encoder_decoder else AutoModelForCausalLM
        options = {"attn_implementation": "eager", "experts_implementation": "eager"}
        first = 1 if encoder_decoder else len(prompt)
        case = {"text": index, "first": first, "sets": {}}
        for title, given in SETS.items():
            model = kind.from_pretrained(folder, dtype=torch.float64, **options).eval()
            # As in propagation_golden.py.
            model.config.tie_word_embeddings = config.get("tie_word_embeddings", True)
            embed = lambda ids, table: table(torch.tensor([ids])).detach().requires_grad_()  # noqa: E731
            with torch.no_grad():
                inputs = torch.tensor([target[:-1]])
                expected = model(torch.tensor([prompt]), decoder_input_ids=inputs) if encoder_decoder else model(inputs)
            rules = Rules(given)
            patch(model, rules)
            if encoder_decoder:
                sides = [embed(prompt, model.get_encoder().get_input_embeddings()),
                         embed(target[:-1], model.get_decoder().get_input_embeddings())]
            else:
                sides = [embed(target[:-1], model.get_input_embeddings())]
            logits = by_rules(model, rules, sides)
            expected = expected.logits[0]
            worst = ((logits - expected).abs().max() / expected.abs().max()).item()
            assert worst < 1e-5, (name, title, worst)
            steps = []
            for position in range(first, min(first + MOST_STEPS, len(target))):
                score = logits[position - 1, target[position]]
                gradients = torch.autograd.grad(score, sides, retain_graph=True, allow_unused=True)
                each = [(x[0] * g[0]).sum(-1).tolist() for x, g in zip(sides, gradients)]
                each[-1] = each[-1][:position]
                steps.append([[float(f"{v:.7g}") for v in side] for side in each])
            case["sets"][title] = steps
        cases[name] = case
        print(name, file=sys.stderr)
    lines = [f"{json.dumps(name)}:{json.dumps(case, separators=(',', ':'))}" for name, case in cases.items()]
    sets = json.dumps(SETS, separators=(",", ":"))
    known = json.dumps(KNOWN, separators=(",", ":"))
    out.write_text('{"known":' + known + ',\n"sets":' + sets + ',\n"cases":{' + ",\n".join(lines) + "}}\n")


if __name__ == "__main__":
    main()
