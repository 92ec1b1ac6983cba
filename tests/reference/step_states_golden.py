"""Writes `fixtures/step_functions/states.json`: values of step functions that read hidden states and ids, by transformers, and their
gradients, by torch. `python step_states_golden.py ../fixtures/step_functions/states.json`.

Each text runs alone, so that the values do not depend on other texts of a batch.
"""

import json
import sys
from pathlib import Path

import torch

import architecture_checkpoints as checkpoints

FIXTURES = Path(__file__).parent.parent / "fixtures" / "architectures"
NAMES = ["marian", "bart", "gpt2", "llama"]
PAIRS = [0, 3, 9]


def rounded(values):
    return [float(f"{value:.7g}") for value in torch.as_tensor(values).flatten().tolist()]


def values_of(model, source, target):
    cosine = torch.nn.functional.cosine_similarity
    is_encoder_decoder = model.config.is_encoder_decoder
    first = 1 if is_encoder_decoder else len(source)
    with torch.no_grad():
        if is_encoder_decoder:
            out = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([target]), output_hidden_states=True)
            states, encoded = out.decoder_hidden_states[-1][0], out.encoder_last_hidden_state[0]
        else:
            states, encoded = model(input_ids=torch.tensor([target]), output_hidden_states=True).hidden_states[-1][0], None
    found = {"norm": [], "to_prefix": [], "repeats": [], "to_source": []}
    for step in range(first, len(target)):
        own = states[step - 1]
        found["norm"].append(own.norm().item())
        found["to_prefix"].append(cosine(own, states[:step].mean(0), dim=0).item())
        found["repeats"].append(float(sum(token == target[step] for token in target[:step])))
        if encoded is not None:
            found["to_source"].append(cosine(own, encoded.mean(0), dim=0).item())
    return {name: rounded(values) for name, values in found.items()}


def gradients_of(model, source, target):
    """Shares of the input tokens, `[input, step]`, in the gradient of `norm + logit` with respect to their embeddings."""
    is_encoder_decoder = model.config.is_encoder_decoder
    first = 1 if is_encoder_decoder else len(source)
    read = torch.tensor([source if is_encoder_decoder else target])
    embeddings = model.get_input_embeddings()(read).detach()
    if is_encoder_decoder:
        # The scale of the lookup: a constant factor, which shares do not have.
        embeddings = embeddings * getattr(model.get_encoder(), "embed_scale", 1.0)
    embeddings.requires_grad_()
    if is_encoder_decoder:
        out = model(inputs_embeds=embeddings, decoder_input_ids=torch.tensor([target]), output_hidden_states=True)
        states = out.decoder_hidden_states[-1][0]
    else:
        out = model(inputs_embeds=embeddings, output_hidden_states=True)
        states = out.hidden_states[-1][0]
    columns = []
    for step in range(first, len(target)):
        score = states[step - 1].norm() + out.logits[0, step - 1, target[step]]
        (gradient,) = torch.autograd.grad(score, embeddings, retain_graph=True)
        norms = gradient[0].norm(dim=1)
        columns.append(norms / norms.sum())
    return torch.stack(columns, 1)


def main():
    out = {}
    for name in NAMES:
        model = checkpoints.load(FIXTURES / name)
        golden = json.loads((FIXTURES / name / "golden.json").read_text())
        texts = []
        for pair in PAIRS:
            source, target = golden["prompt_ids"][pair], golden["target_ids"][pair]
            shares = gradients_of(model, source, target)
            texts.append({
                "prompt": golden["prompts"][pair],
                "generated": golden["generated"][pair],
                "target_ids": target,
                **values_of(model, source, target),
                "shape": list(shares.shape),
                "shares": rounded(shares),
            })
        out[name] = texts
    Path(sys.argv[1]).write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
