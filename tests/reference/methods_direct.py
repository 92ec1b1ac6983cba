"""What methods are by definition, computed with torch on transformers' own model where the reference cannot be asked."""

import itertools
import math

import torch
from captum.attr._utils.approximation_methods import approximation_parameters
from sklearn.linear_model import Ridge

from methods_inner import attentions


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
        """What is one feature, which a step sees and the baseline changes: side and position."""
        return self.tokens(step)

    def count(self, step):
        """How many features a step sees, those that the baseline leaves as they are among them."""
        return (len(self.prompt) if self.encoder_decoder else 0) + (step if self.with_target else 0)

    def tokens(self, step):
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
        """Of the step's token where only the tokens `kept` are as they are."""
        features = self.tokens(step)
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


def lime(inputs, steps, n_samples, mask_prob, alpha):
    """scikit-learn's ridge regression over all masks, each as many times as it is expected among the samples."""
    out = inputs.empty()
    for step in steps:
        features = inputs.features(step)
        tokens = inputs.count(step)
        rows, values, weights = [], [], []
        for kept in itertools.product([0, 1], repeat=len(features)):
            chosen = {f for f, k in zip(features, kept) if k}
            probability = math.prod((1 - mask_prob) if k else mask_prob for k in kept)
            rows.append(kept)
            values.append(inputs.probability(step, chosen))
            weights.append(n_samples * probability * (tokens - len(features) + sum(kept)))
        model = Ridge(alpha=alpha, solver="cholesky").fit(rows, values, sample_weight=weights)
        for (side, position), score in zip(features, model.coef_):
            out[side][position, step - inputs.start] = score
    return out


def orders(features):
    """Every order of the features in which the parts of a tree of halves stay together."""
    if len(features) < 2:
        return [features]
    middle = (len(features) + 1) // 2
    left, right = orders(features[:middle]), orders(features[middle:])
    return [x + y for a in left for b in right for x, y in ((a, b), (b, a))]


def owen(inputs, steps):
    """What a feature adds on average over these orders: Owen's values."""
    out = inputs.empty()
    every = orders(inputs.features(inputs.end - 1))
    for step in steps:
        own = set(inputs.features(step))
        value, total = {}, {feature: 0.0 for feature in own}

        def at(kept):
            if kept not in value:
                value[kept] = inputs.probability(step, kept)
            return value[kept]

        for order in every:
            kept = frozenset()
            for feature in order:
                if feature in own:
                    total[feature] += at(kept | {feature}) - at(kept)
                    kept |= {feature}
        for (side, position), score in total.items():
            out[side][position, step - inputs.start] = score / len(every)
    return out


def occlusion(inputs, window=1, stride=1):
    """Windows of tokens, those that the baseline leaves as they are among them."""
    out = inputs.empty()
    for step in range(inputs.start, inputs.end):
        features = set(inputs.features(step))
        whole = inputs.probability(step, features)
        lengths = {"source": len(inputs.prompt) if inputs.encoder_decoder else 0, "target": step if inputs.with_target else 0}
        for side, length in lengths.items():
            differences = [[] for _ in range(length)]
            for start in range(0, max(length - window, 0) + stride if length else 0, stride):
                under = [i for i in range(start, min(start + window, length))]
                change = whole - inputs.probability(step, features - {(side, i) for i in under})
                for position in under:
                    differences[position].append(change)
            for position, own in enumerate(differences):
                if own:
                    out[side][position, step - inputs.start] = abs(sum(own) / len(own))
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


def rollout(inputs):
    """Half residual, half attention with heads averaged, layer upon layer; a decoder's state is, after its self-attention, half
    itself and half the encoder's outputs that it attends to."""
    encoder, decoder, cross = attentions(inputs)
    encoded = torch.eye(len(inputs.prompt))
    for weights in encoder:
        encoded = 0.5 * (weights + torch.eye(len(encoded))) @ encoded
    length = len(inputs.target) - 1
    of_target, of_source = torch.eye(length), torch.zeros(length, len(inputs.prompt))
    for layer, weights in enumerate(decoder):
        own = 0.5 * (weights + torch.eye(length))
        of_target, of_source = own @ of_target, own @ of_source
        if cross:
            of_target, of_source = 0.5 * of_target, 0.5 * (of_source + cross[layer] @ encoded)
    out = inputs.empty()
    for step in range(inputs.start, inputs.end):
        if out["source"] is not None:
            out["source"][:, step - inputs.start] = of_source[step - 1]
        if out["target"] is not None:
            out["target"][:step, step - inputs.start] = of_target[step - 1, :step]
    return out
