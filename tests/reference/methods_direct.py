"""What methods are by definition, computed with torch on transformers' own model where the reference cannot be asked."""

import itertools
import math

import torch
from captum.attr._utils.approximation_methods import approximation_parameters


class Inputs:
    """A text with its baselines, as embeddings `[1, position, feature]`, source then target (decoder-only: target alone)."""

    def __init__(self, direct, prompt, target, with_target):
        self.direct = direct
        self.encoder_decoder = direct.encoder_decoder
        self.start, self.end = (1 if self.encoder_decoder else len(prompt)), len(target)
        self.with_target = with_target or not self.encoder_decoder
        self.target = target
        self.prompt = prompt
        self.whole = direct.embed(target)
        self.source = direct.embed(prompt) if self.encoder_decoder else None
        self.source_baseline = direct.embed(direct.baseline(prompt, False)) if self.encoder_decoder else None
        self.target_ids_baseline = direct.baseline(target, self.encoder_decoder)
        self.target_baseline = direct.embed(self.target_ids_baseline)

    def features(self, step):
        """What a step sees and the baseline changes: side and position."""
        changed = lambda ids, baseline: [i for i, (a, b) in enumerate(zip(ids, baseline)) if a != b]  # noqa: E731
        out = []
        if self.encoder_decoder:
            out += [("source", i) for i in changed(self.prompt, self.direct.baseline(self.prompt, False))]
        if self.with_target:
            out += [("target", i) for i in changed(self.target[:step], self.target_ids_baseline[:step])]
        return out

    def empty(self):
        source = torch.zeros(len(self.prompt), self.end - self.start) if self.encoder_decoder else None
        target = torch.full((self.end, self.end - self.start), torch.nan) if self.with_target else None
        if target is not None:
            for step in range(self.start, self.end):
                target[:step, step - self.start] = 0
        return {"source": source, "target": target}

    def probability(self, step, kept):
        """Of the step's token where only the features `kept` are as they are."""
        features = self.features(step)
        source = self.source.clone() if self.source is not None else None
        target = self.whole[:, :step].clone()
        for side, position in features:
            if (side, position) not in kept:
                if side == "source":
                    source[:, position] = self.source_baseline[:, position]
                else:
                    target[:, position] = self.target_baseline[:, position]
        with torch.no_grad():
            return self.direct.probability(source, target, self.target[step])[0].item()


def shapley(inputs, steps):
    """Exact Shapley values of the first steps."""
    out = inputs.empty()
    for step in steps:
        features = inputs.features(step)
        n = len(features)
        value = {}
        for size in range(n + 1):
            for kept in itertools.combinations(features, size):
                value[frozenset(kept)] = inputs.probability(step, set(kept))
        for feature in features:
            others = [f for f in features if f != feature]
            total = 0.0
            for size in range(n):
                weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
                for kept in itertools.combinations(others, size):
                    total += weight * (value[frozenset({*kept, feature})] - value[frozenset(kept)])
            out[feature[0]][feature[1], step - inputs.start] = total
    return out


def lime(inputs, steps, mask_prob):
    """The weighted least squares that LIME comes to with many samples and no penalty: over all masks, by their probability
    times the number of tokens that are kept."""
    out = inputs.empty()
    for step in steps:
        features = inputs.features(step)
        tokens = (len(inputs.prompt) if inputs.encoder_decoder else 0) + (step if inputs.with_target else 0)
        rows, values, weights = [], [], []
        for kept in itertools.product([0, 1], repeat=len(features)):
            chosen = {f for f, k in zip(features, kept) if k}
            probability = math.prod((1 - mask_prob) if k else mask_prob for k in kept)
            rows.append([*kept, 1])
            values.append(inputs.probability(step, chosen))
            weights.append(probability * (tokens - len(features) + sum(kept)))
        z, y = torch.tensor(rows, dtype=torch.float64), torch.tensor(values, dtype=torch.float64)
        w = torch.tensor(weights, dtype=torch.float64)[:, None].sqrt()
        found = torch.linalg.lstsq(z * w, y[:, None] * w).solution[:, 0]
        for (side, position), score in zip(features, found):
            out[side][position, step - inputs.start] = score
    return out


def occlusion(inputs):
    out = inputs.empty()
    for step in range(inputs.start, inputs.end):
        features = inputs.features(step)
        whole = inputs.probability(step, set(features))
        for side, position in features:
            without = inputs.probability(step, set(features) - {(side, position)})
            out[side][position, step - inputs.start] = abs(whole - without)
    return out


def sequential_integrated_gradients(inputs, n_steps):
    """Integrated gradients of one token at a time, all others as they are; scores `[position, step, feature]`."""
    steps = inputs.end - inputs.start
    width = inputs.whole.shape[-1]
    out = {"source": torch.zeros(len(inputs.prompt), steps, width) if inputs.encoder_decoder else None,
           "target": torch.full((inputs.end, steps, width), torch.nan) if inputs.with_target else None}
    sizes, alphas = approximation_parameters("gausslegendre")
    for step in range(inputs.start, inputs.end):
        if out["target"] is not None:
            out["target"][:step, step - inputs.start] = 0
        for side, position in inputs.features(step):
            source = inputs.source.clone() if inputs.source is not None else None
            target = inputs.whole[:, :step].clone()
            moved = source if side == "source" else target
            end = moved[:, position].clone()
            start = (inputs.source_baseline if side == "source" else inputs.target_baseline)[:, position]
            total = torch.zeros_like(end)
            for size, alpha in zip(sizes(n_steps), alphas(n_steps)):
                leaf = (start + alpha * (end - start)).clone().requires_grad_()
                points = moved.clone()
                points[:, position] = leaf
                arguments = (points, target) if side == "source" else (source, points)
                value = inputs.direct.probability(*arguments, inputs.target[step])
                total += size * torch.autograd.grad(value.sum(), leaf)[0]
            out[side][position, step - inputs.start] = (total * (end - start))[0]
    return out


def rollout(model, inputs):
    """Half residual, half attention with heads averaged, layer upon layer; a decoder's state is, after its self-attention, half
    itself and half the encoder's outputs that it attends to."""
    with torch.no_grad():
        if inputs.encoder_decoder:
            result = model(input_ids=torch.tensor([inputs.prompt]), decoder_input_ids=torch.tensor([inputs.target[:-1]]),
                           output_attentions=True)
            encoder, decoder, cross = result.encoder_attentions, result.decoder_attentions, result.cross_attentions
        else:
            decoder = model(input_ids=torch.tensor([inputs.target[:-1]]), output_attentions=True).attentions
            encoder, cross = (), ()
    mean = lambda weights: weights[0].mean(0)  # noqa: E731
    encoded = torch.eye(len(inputs.prompt))
    for weights in encoder:
        encoded = 0.5 * (mean(weights) + torch.eye(len(encoded))) @ encoded
    length = len(inputs.target) - 1
    of_target, of_source = torch.eye(length), torch.zeros(length, len(inputs.prompt))
    for layer, weights in enumerate(decoder):
        own = 0.5 * (mean(weights) + torch.eye(length))
        of_target, of_source = own @ of_target, own @ of_source
        if cross:
            of_target, of_source = 0.5 * of_target, 0.5 * (of_source + mean(cross[layer]) @ encoded)
    out = inputs.empty()
    for step in range(inputs.start, inputs.end):
        if out["source"] is not None:
            out["source"][:, step - inputs.start] = of_source[step - 1]
        if out["target"] is not None:
            out["target"][:step, step - inputs.start] = of_target[step - 1, :step]
    return out


def value_zeroing(model, inputs):
    """Of decoder-only models `[position, step, layer]`: one layer's values of one token at zero, at the output of the projection."""
    kind = model.config.model_type
    layers = model.transformer.h if kind == "gpt2" else model.gpt_neox.layers if kind == "gpt_neox" else model.model.layers
    ids = torch.tensor([inputs.target[:-1]])
    length = ids.shape[1]
    with torch.no_grad():
        clean = model(input_ids=ids, output_hidden_states=True).hidden_states
    scores = torch.zeros(len(layers), length, length)
    for index, layer in enumerate(layers):
        module = layer.attn.c_attn if kind == "gpt2" else layer.attention.query_key_value if kind == "gpt_neox" else layer.self_attn.v_proj
        for token in range(length):
            def hook(_, __, output):
                output = output.clone()
                if kind == "gpt2":  # queries, keys, values
                    output[:, token, 2 * output.shape[-1] // 3:] = 0
                elif kind == "gpt_neox":  # the same, head by head
                    heads = output[:, token].view(model.config.num_attention_heads, 3, -1)
                    heads[:, 2] = 0
                else:
                    output[:, token] = 0
                return output
            handle = module.register_forward_hook(hook)
            with torch.no_grad():
                states = model(input_ids=ids, output_hidden_states=True).hidden_states
            handle.remove()
            distance = 1 - torch.nn.functional.cosine_similarity(clean[index + 1][0], states[index + 1][0], dim=-1)
            distance[:token] = 0
            scores[index, :, token] = torch.where(distance < 1e-5, 0, distance)
    scores = scores / scores.sum(-1, keepdim=True).clamp_min(1e-12)
    target = torch.full((inputs.end, inputs.end - inputs.start, len(layers)), torch.nan)
    for step in range(inputs.start, inputs.end):
        target[:step, step - inputs.start] = scores[:, step - 1, :step].T
    return {"target": target}
