"""Random methods by definition, many seeds at once: for each side the mean of a seed's scores and its standard error."""

import numpy
import torch
from sklearn.linear_model import Ridge


def summed_up(inputs, steps, of_step):
    """`of_step(step)` gives the scores of every seed `[seed, feature]` and the features; of these, mean and error."""
    means, errors = inputs.empty(), inputs.empty()
    for step in steps:
        features, scores = of_step(step)
        mean, error = scores.mean(0), scores.std(0) / len(scores) ** 0.5
        for (side, position), m, e in zip(features, mean, error):
            means[side][position, step - inputs.start] = m
            errors[side][position, step - inputs.start] = e
    return means, errors


def smoothgrad(inputs, seeds, n_samples, share):
    """By the tunnel's name: sums over features of the absolute mean gradient, of the mean square, and of the variance."""
    out = {kind: (inputs.empty(), inputs.empty()) for kind in ("smoothgrad", "smoothgrad_sq", "vargrad")}
    sides = {"source": inputs.source} if inputs.encoder_decoder else {}
    if inputs.with_target:
        sides["target"] = inputs.whole[:, :-1]
    stdev = share * max((side.max() - side.min()).item() for side in sides.values())
    random = torch.Generator().manual_seed(0)
    for step in range(inputs.start, inputs.end):
        whole = {"source": inputs.source, "target": inputs.whole[:, :step]}
        leaves = {}
        for side, values in whole.items():
            if values is None:
                continue
            values = values.expand(seeds * n_samples, -1, -1)
            if side in sides:
                values = (values + stdev * torch.randn(values.shape, generator=random)).requires_grad_()
            leaves[side] = values
        score = inputs.direct.probability(leaves.get("source"), leaves["target"], inputs.target[step])
        gradients = torch.autograd.grad(score.sum(), [leaves[side] for side in sides])
        for side, gradient in zip(sides, gradients):
            samples = gradient.reshape(seeds, n_samples, *gradient.shape[1:])
            mean, square = samples.mean(1), samples.square().mean(1)
            for kind, values in (("smoothgrad", mean.abs()), ("smoothgrad_sq", square), ("vargrad", square - mean.square())):
                values = values.sum(-1)
                rows = values.shape[1]
                out[kind][0][side][:rows, step - inputs.start] = values.mean(0)
                out[kind][1][side][:rows, step - inputs.start] = values.std(0) / seeds**0.5
    return out


def lime(inputs, steps, seeds, n_samples, mask_prob, alpha):
    """scikit-learn's ridge regression on random masks."""
    random = numpy.random.default_rng(0)

    def of_step(step):
        features = inputs.features(step)
        tokens = inputs.count(step)
        value = {}
        scores = []
        for _ in range(seeds):
            masks = random.random((n_samples, len(features))) >= mask_prob
            values = []
            for mask in masks:
                key = mask.tobytes()
                if key not in value:
                    value[key] = inputs.probability(step, {f for f, kept in zip(features, mask) if kept})
                values.append(value[key])
            weights = tokens - len(features) + masks.sum(1)
            model = Ridge(alpha=alpha, solver="cholesky").fit(masks.astype(float), numpy.array(values), sample_weight=weights)
            scores.append(model.coef_)
        return features, torch.tensor(numpy.array(scores))

    return summed_up(inputs, steps, of_step)


def reagent(inputs, seeds, num_probes, max_probe_steps, replacements, keep_top_n=5, top_k=3, ratio=0.3, expected=50):
    """Zhao & Shan's algorithm, with all seeds and probes as one batch."""
    random = torch.Generator().manual_seed(0)
    uniform = lambda *shape: torch.rand(*shape, generator=random)  # noqa: E731
    table = inputs.direct.model.get_input_embeddings().num_embeddings
    scale = (inputs.whole[0, -1].norm() / inputs.direct.model.get_input_embeddings().weight[inputs.target[-1]].norm()).item()
    embed = lambda ids: (inputs.direct.model.get_input_embeddings()(ids) * scale).detach()  # noqa: E731
    source = torch.tensor(inputs.prompt) if inputs.encoder_decoder else None

    def drawn(side, position, count):
        if side == "target" and replacements == "model" and position > 0:
            with torch.no_grad():
                own = inputs.direct.logits(inputs.source, inputs.whole[:, :position]).softmax(-1)[0]
            values, ids = own.topk(min(expected, len(own)))
            return ids[torch.multinomial(values, count, replacement=True, generator=random)]
        return torch.randint(table, (count,), generator=random)

    def changed(step, features, replaced):
        """Logits where `replaced` `[batch, feature]` have other tokens."""
        ids = {"source": source, "target": torch.tensor(inputs.target[:step])}
        ids = {side: None if values is None else values.repeat(len(replaced), 1) for side, values in ids.items()}
        for column, (side, position) in enumerate(features):
            own = drawn(side, position, len(replaced))
            ids[side][:, position] = torch.where(replaced[:, column], own, ids[side][:, position])
        with torch.no_grad():
            return inputs.direct.logits(None if source is None else embed(ids["source"]), embed(ids["target"]))

    def of_step(step):
        features = [("source", i) for i in range(len(inputs.prompt))] if inputs.encoder_decoder else []
        features += [("target", i) for i in range(step)] if inputs.with_target else []
        token = inputs.target[step]
        with torch.no_grad():
            original = inputs.direct.score(inputs.direct.logits(inputs.source, inputs.whole[:, :step]), token)
        batch = seeds * num_probes
        importance = uniform(batch, len(features))
        ended = torch.zeros(batch, dtype=torch.bool)
        for _ in range(max_probe_steps):
            replaced = uniform(batch, len(features)) < ratio
            change = (original - inputs.direct.score(changed(step, features, replaced), token)).clamp(-1 + 1e-6, 1 - 1e-6)
            odds = lambda c: torch.log((1 + c) / (1 - c))  # noqa: E731
            update = torch.where(replaced, odds(change)[:, None], odds(-change)[:, None])
            importance = torch.where(ended[:, None], importance, importance + update)
            ranks = importance.argsort(1, descending=True).argsort(1)
            logits = changed(step, features, ranks >= keep_top_n)
            ended |= (logits > logits[:, token : token + 1]).sum(1) < top_k
        shares = importance.softmax(1).reshape(seeds, num_probes, -1)
        ended = ended.reshape(seeds, num_probes)
        counted = torch.where(ended.any(1, keepdim=True), ended, torch.ones_like(ended))[:, :, None].float()
        return features, (shares * counted).sum(1) / counted.sum(1)

    return summed_up(inputs, range(inputs.start, inputs.end), of_step)
