"""What conservative propagation (CP-LRP) makes of tiny checkpoints, by torch's autograd with detached statistics.

    python propagation_golden.py ../fixtures/architectures ../fixtures/propagation.json

Norm deviations, attention weights, gates and shares of experts are detached; an activation, and the cap of logits, is its input
times the detached quotient of output and input. The embedding times the gradient of each step's logit with regard to it is
summed over features. All of it in double precision. Where a model has no biases, and nothing else that is added, each step's
scores must sum to its logit: the script stops where they do not.

`text` counts the texts of the checkpoint's `golden.json`. Versions are pinned in requirements.txt.
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from torch import nn  # noqa: E402
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, activations, logging  # noqa: E402

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.set_verbosity_error()
logging.disable_progress_bar()

WITHOUT_BIASES = ["llama", "mistral", "mixtral", "lfm2", "gemma", "gemma2", "gemma3_text", "olmo2", "qwen3", "phi3", "t5", "t5_gated", "umt5"]
WITH_BIASES = ["gpt2", "gpt_neox", "opt", "bart", "llama_biased"]
ACTIVATIONS = tuple({kind if isinstance(kind, type) else kind[0] for kind in activations.ACT2CLS.values()})


class ConstantDeviation(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.centred = isinstance(norm, nn.LayerNorm)
        self.epsilon = getattr(norm, "variance_epsilon", None) or norm.eps
        self.gain = norm.weight + (1 if "Gemma" in type(norm).__name__ else 0)
        self.bias = getattr(norm, "bias", None)

    def forward(self, x):
        if self.centred:
            x = x - x.mean(-1, keepdim=True)
        y = x / (x.square().mean(-1, keepdim=True) + self.epsilon).sqrt().detach() * self.gain
        return y if self.bias is None else y + self.bias


def quotient(y, x):
    """Of an activation that is 0 at 0; at 0 itself the slope does not matter, since nothing is multiplied by it."""
    return torch.where(x == 0, torch.zeros_like(x), y / x).detach()


class Conserving(nn.Module):
    def __init__(self, activation, gates):
        super().__init__()
        self.activation, self.gates = activation, gates

    def forward(self, x):
        y = self.activation(x)
        return y.detach() if self.gates else x * quotient(y, x)


def conserve(parent):
    for name, child in parent.named_children():
        if isinstance(child, nn.LayerNorm) or type(child).__name__.endswith(("RMSNorm", "T5LayerNorm")):
            setattr(parent, name, ConstantDeviation(child))
        elif isinstance(child, ACTIVATIONS):
            gates = any(hasattr(parent, field) for field in ("gate_proj", "gate_up_proj", "wi_1"))
            setattr(parent, name, Conserving(child, gates))
        else:
            conserve(child)


def constant_gates(module, _, y):
    """Of a gated short convolution: both gates, then the values."""
    features = y.shape[-1] // 3
    return torch.cat([y[..., :2 * features].detach(), y[..., 2 * features:]], -1)


softmax, silu = nn.functional.softmax, nn.functional.silu


def constant_weights(x, dim=-1, dtype=None):
    return softmax(x.double(), dim=dim).detach()


def main():
    architectures, out = Path(sys.argv[1]), Path(sys.argv[2])
    cases = {}
    for name in WITHOUT_BIASES + WITH_BIASES:
        folder = architectures / name
        golden = json.loads((folder / "golden.json").read_text())
        index = next(i for i, ids in enumerate(golden["target_ids"]) if len(ids) > 9)
        prompt, target = golden["prompt_ids"][index], golden["target_ids"][index]
        encoder_decoder = json.loads((folder / "config.json").read_text()).get("is_encoder_decoder", False)
        kind = AutoModelForSeq2SeqLM if encoder_decoder else AutoModelForCausalLM
        options = {"attn_implementation": "eager", "experts_implementation": "eager"}
        load = lambda: kind.from_pretrained(folder, dtype=torch.float64, **options).eval()  # noqa: E731
        model, plain = load(), load()
        # transformers 5 sets this to true, whatever the file says, and then divides the input of a separate head by the root of
        # its width (here by 4). transformers 4, which made such checkpoints, does not.
        for each in (model, plain):
            each.config.tie_word_embeddings = json.loads((folder / "config.json").read_text()).get("tie_word_embeddings", True)
        with torch.no_grad():
            inputs = torch.tensor([target[:-1]])
            of = lambda m: m(torch.tensor([prompt]), decoder_input_ids=inputs) if encoder_decoder else m(inputs)  # noqa: E731
            expected = of(plain).logits[0]
        conserve(model)
        for module in model.modules():
            if type(module).__name__ == "Lfm2ShortConv":
                module.in_proj.register_forward_hook(constant_gates)
        embed = lambda ids, table: table(torch.tensor([ids])).detach().requires_grad_()  # noqa: E731
        head = {}
        model.get_output_embeddings().register_forward_hook(lambda _, __, y: head.update(logits=y))
        nn.functional.softmax = constant_weights
        # Called so where it makes a gate alone.
        nn.functional.silu = lambda x, inplace=False: silu(x).detach()
        if encoder_decoder:
            sides = [embed(prompt, model.get_encoder().get_input_embeddings()),
                     embed(target[:-1], model.get_decoder().get_input_embeddings())]
            logits = model(inputs_embeds=sides[0], decoder_inputs_embeds=sides[1], use_cache=False).logits[0]
        else:
            sides = [embed(target[:-1], model.get_input_embeddings())]
            logits = model(inputs_embeds=sides[0], use_cache=False).logits[0]
        nn.functional.softmax, nn.functional.silu = softmax, silu
        worst = ((logits - expected).abs().max() / expected.abs().max()).item()
        assert worst < 1e-5, (name, worst)
        first = 1 if encoder_decoder else len(prompt)
        # The head's own output, times the quotient that a cap makes of it; what is added after it has no part.
        added = getattr(model, "final_logits_bias", torch.zeros(1, 1))[0]
        scores = head["logits"][0] * quotient(logits - added, head["logits"][0]) + added
        steps = []
        for position in range(first, len(target)):
            score = scores[position - 1, target[position]]
            gradients = torch.autograd.grad(score, sides, retain_graph=True, allow_unused=True)
            each = [(x[0] * g[0]).sum(-1).tolist() for x, g in zip(sides, gradients)]
            total = sum(map(sum, each))
            conserves = abs(total - score.item()) < 1e-9 * max(map(abs, sum(each, [])))
            assert conserves == (name in WITHOUT_BIASES), (name, position, total, score.item())
            short = lambda side: [float(f"{v:.8g}") for v in side]  # noqa: E731
            each[-1] = each[-1][:position]
            steps.append({"logit": float(f"{score.item():.8g}"), "scores": [short(side) for side in each]})
        cases[name] = {"conserves": name in WITHOUT_BIASES, "text": index, "first": first, "steps": steps}
        print(name, len(steps), f"{worst:.1e}", file=sys.stderr)
    lines = [f"{json.dumps(name)}:{json.dumps(case, separators=(',', ':'))}" for name, case in cases.items()]
    out.write_text("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()
