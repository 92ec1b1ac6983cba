"""Attributions of a tiny checkpoint: by the reference, and by torch's automatic differentiation in its layout."""

from dataclasses import dataclass

import torch
from captum.attr._utils.approximation_methods import approximation_parameters


class Rounding(Exception):
    """A result hangs on how sums are rounded: the weights make a poor test."""


@dataclass
class Result:
    """Scores `[position, step, feature]` (NaN where a step cannot see a position), and what goes with them."""

    source: torch.Tensor | None
    target: torch.Tensor | None
    probability: torch.Tensor
    start: int
    end: int
    tokens: dict | None = None
    checked: tuple | None = None  # the reference's own aggregation

    def aggregated(self):
        """The default: L2 norm over features, then each step's scores by their sum over source and target."""
        norm = lambda scores: None if scores is None else scores.norm(dim=-1)  # noqa: E731
        source, target = norm(self.source), norm(self.target)
        total = sum(side.nansum(0) for side in (source, target) if side is not None)
        scaled = lambda scores: None if scores is None else scores / total  # noqa: E731
        return Result(scaled(source), scaled(target), self.probability, self.start, self.end)


def compare(what, ours, theirs):
    assert (ours.start, ours.end) == (theirs.start, theirs.end), (what, ours.start, ours.end, theirs.start, theirs.end)
    mine, reference = ours.aggregated(), theirs.aggregated()
    pairs = [("source", ours.source, theirs.source), ("target", ours.target, theirs.target),
             ("probability", ours.probability, theirs.probability),
             ("aggregated source", mine.source, reference.source), ("aggregated target", mine.target, reference.target)]
    if theirs.checked is not None:
        pairs += [("their aggregated source", reference.source, theirs.checked[0]),
                  ("their aggregated target", reference.target, theirs.checked[1])]
    for name, a, b in pairs:
        assert (a is None) == (b is None), (what, name, a is None, b is None)
        if a is not None:
            assert a.shape == b.shape, (what, name, a.shape, b.shape)
            assert torch.equal(a.isnan(), b.isnan()), (what, name, "NaN")
            scale = b.nan_to_num().abs().max()
            worst = ((a - b).nan_to_num().abs().max() / scale).item()
            if worst > 2e-5:
                raise Rounding(f"{what}: {name} differs by {worst:.1e}")


class Reference:
    """The reference, with what it has wrong set right."""

    def __init__(self, folder, model, method="saliency", **options):
        import inseq

        self.config_scales = getattr(model.config, "scale_decoder_outputs", None)
        self.model = inseq.load_model(model, method, tokenizer=str(folder), device="cpu", **options)
        # It unscales T5's head where head and embedding are two tables in memory; the configuration decides.
        if self.config_scales is not None:
            self.model.model.config.scale_decoder_outputs = self.config_scales
        # It scales decoder embeddings, and then transformers does once more.
        if model.config.is_encoder_decoder and hasattr(self.model.get_decoder(), "embed_scale"):
            self.model.get_decoder().embed_scale = 1.0

    def attribute(self, prompt, generated, method, with_target, **arguments):
        out = self.model.attribute(prompt, generated, method=method, attribute_target=with_target, show_progress=False,
                                   step_scores=["probability"], **arguments)
        sequence = out.sequence_attributions[0]
        shown = lambda tokens: [[t.token, t.id] for t in tokens]  # noqa: E731
        result = Result(sequence.source_attributions, sequence.target_attributions, sequence.step_scores["probability"],
                        sequence.attr_pos_start, sequence.attr_pos_end,
                        {"source": shown(sequence.source or []), "target": shown(sequence.target)})
        aggregated = sequence.aggregate()
        result.checked = (aggregated.source_attributions, aggregated.target_attributions)
        return result


class Direct:
    """torch's own gradients of transformers' own model, one step at a time."""

    def __init__(self, model, tokenizer):
        self.model = model
        # What is attributed: `probability`, `logit` or `entropy`.
        self.function = "probability"
        config = model.config
        self.encoder_decoder = config.is_encoder_decoder
        eos = config.eos_token_id
        self.eos = eos[0] if isinstance(eos, list) else eos
        pad = config.pad_token_id if config.pad_token_id is not None else tokenizer.pad_token_id
        pad = self.eos if pad is None else pad
        self.unknown = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else pad

    def embed(self, ids):
        scale = 1.0
        if self.encoder_decoder:
            scale = getattr(self.model.get_encoder(), "embed_scale", 1.0)
        with torch.no_grad():
            return self.model.get_input_embeddings()(torch.tensor([ids])) * scale

    def baseline(self, ids, keep_first):
        replaced = [i if i == self.eos else self.unknown for i in ids]
        return [ids[0], *replaced[1:]] if keep_first else replaced

    def logits(self, source, target):
        """After embeddings `[batch, position, feature]`: `[batch, vocabulary]`."""
        if self.encoder_decoder:
            decoder = self.model.get_decoder()
            # Pegasus scales the embeddings that it is given.
            scale = getattr(decoder, "embed_scale", 1.0)
            logits = self.model(inputs_embeds=source, decoder_inputs_embeds=target / scale).logits
        else:
            logits = self.model(inputs_embeds=target).logits
        return logits[:, -1]

    def score(self, logits, token):
        """The attributed function of `token`."""
        if self.function == "logit":
            return logits[:, token]
        probabilities = logits.softmax(-1)
        if self.function == "entropy":
            return -(probabilities * logits.log_softmax(-1)).sum(-1)
        return probabilities[:, token]

    def probability(self, source, target, token):
        """Of `token` (or another attributed function) after embeddings `[batch, position, feature]`."""
        return self.score(self.logits(source, target), token)

    def scores(self, embeds, baselines, token, method, with_target, n_steps=None):
        wanted = [i for i, e in enumerate(embeds) if e is not None and (i == 0 or with_target)]

        def gradient(points):
            leaves = [p.clone().requires_grad_() if i in wanted else p for i, p in enumerate(points)]
            value = self.probability(*leaves, token)
            return torch.autograd.grad(value.sum(), [leaves[i] for i in wanted]), value.detach()

        out = [None, None]
        gradients, probability = gradient(embeds)
        if method == "integrated_gradients":
            step_sizes, alphas = approximation_parameters("gausslegendre")
            total = [torch.zeros_like(embeds[i]) for i in wanted]
            for size, alpha in zip(step_sizes(n_steps), alphas(n_steps)):
                points = [b + alpha * (e - b) if i in wanted else e for i, (e, b) in enumerate(zip(embeds, baselines))]
                for sum_, g in zip(total, gradient(points)[0]):
                    sum_ += size * g
            gradients = [t * (embeds[i] - baselines[i]) for t, i in zip(total, wanted)]
        elif method == "input_x_gradient":
            gradients = [g * embeds[i] for g, i in zip(gradients, wanted)]
        else:
            gradients = [g.abs() for g in gradients]
        for i, g in zip(wanted, gradients):
            out[i] = g[0].detach()
        return out, probability[0]

    def attribute(self, prompt, target, method, with_target, **arguments):
        start, end = (1 if self.encoder_decoder else len(prompt)), len(target)
        with_target = with_target or not self.encoder_decoder
        whole = self.embed(target)
        source = self.embed(prompt) if self.encoder_decoder else None
        source_baseline = self.embed(self.baseline(prompt, False)) if self.encoder_decoder else None
        target_baseline = self.embed(self.baseline(target, self.encoder_decoder))
        sources, probabilities = [], []
        targets = torch.full((end, end - start, whole.shape[-1]), torch.nan)
        for step in range(start, end):
            (of_source, of_target), probability = self.scores(
                [source, whole[:, :step]], [source_baseline, target_baseline[:, :step]], target[step], method, with_target, **arguments)
            probabilities.append(probability)
            if of_source is not None:
                sources.append(of_source)
            if of_target is not None:
                targets[:step, step - start] = of_target
        return Result(torch.stack(sources, 1) if sources else None, targets if with_target else None,
                      torch.stack(probabilities), start, end)
