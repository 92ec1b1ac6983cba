"""Step functions and their attributions by torch's automatic differentiation of transformers' own model, one step at a time."""

import torch
from inseq.utils.torch_utils import top_k_logits_mask, top_p_logits_mask

import architecture_gradients as gradients


class DirectFunction(gradients.Direct):
    """Attributes a function of a step's logits rather than the probability. What another context says is a constant."""

    def __init__(self, model, tokenizer, encode):
        super().__init__(model, tokenizer)
        self.encode = encode

    def logits(self, source, target):
        """After embeddings `[batch, position, feature]`."""
        if self.encoder_decoder:
            scale = getattr(self.model.get_decoder(), "embed_scale", 1.0)
            return self.model(inputs_embeds=source, decoder_inputs_embeds=target / scale).logits[:, -1]
        return self.model(inputs_embeds=target).logits[:, -1]

    def probability(self, source, target, token):
        position = target.shape[1]
        own = self.logits(source, target)
        if self.attributed and self.takes_own_alternatives:
            return self.function(own, token, own, self.alternatives[position])
        return self.function(own, token, self.others[position].expand_as(own), self.alternatives[position])

    def prepare(self, name, arguments, prompt, generated, attributed):
        """Reads a function's arguments as the reference does, and runs the other context."""
        self.function, self.attributed = FUNCTIONS[name](arguments), attributed
        prompt, target = self.encode(prompt, False), self.encode(generated, True)
        sources, targets = arguments.get("contrast_sources"), arguments.get("contrast_targets")
        source = self.encode(sources, False) if sources else prompt
        if targets:
            other = self.encode(targets, True)
        elif sources and not self.encoder_decoder:
            other = source + target[len(prompt):]
        else:
            other = target
        pairs = dict((arguments.get("contrast_targets_alignments") or [[]])[0])
        forced = arguments.get("contrast_force_inputs", False)
        self.takes_own_alternatives = targets is not None and not forced and name != "kl_divergence"
        self.others, self.alternatives = {}, {}
        with torch.no_grad():
            for position in range(1, len(target)):
                back = len(target) - position
                there = max(pairs.get(position, len(other) - (back if len(other) > back else 1)), 1)
                embedded = self.embed(source) if self.encoder_decoder else None
                self.others[position] = self.logits(embedded, self.embed(other[:there]))[0]
                self.alternatives[position] = other[there]
        return prompt, target

    def score(self, name, arguments, prompt, generated):
        prompt, target = self.prepare(name, arguments, prompt, generated, False)
        start = 1 if self.encoder_decoder else len(prompt)
        with torch.no_grad():
            source = self.embed(prompt) if self.encoder_decoder else None
            values = [self.probability(source, self.embed(target[:step]), target[step]) for step in range(start, len(target))]
        return [value.item() for value in values]

    def attributed_scores(self, name, arguments, prompt, generated, method, **more):
        """The result in the reference's layout, granular."""
        prompt, target = self.prepare(name, arguments, prompt, generated, True)
        return self.attribute(prompt, target, method, False, **more)


def log(logits, token):
    return logits.log_softmax(-1)[:, token]


def probability(logits, token, arguments):
    return log(logits, token) if arguments.get("logprob") else log(logits, token).exp()


def divergence(own, other, arguments):
    """Over the tokens that are kept, among which both are distributions."""
    merged = own + other
    hidden = torch.zeros_like(own, dtype=torch.bool)
    least = arguments.get("min_tokens_to_keep", 1)
    if arguments.get("top_p", 1.0) < 1.0:
        hidden |= top_p_logits_mask(merged, arguments["top_p"], least)
    if arguments.get("top_k", 0):
        hidden |= top_k_logits_mask(merged.masked_fill(hidden, -torch.inf), arguments["top_k"], least)
    p, q = (logits.masked_fill(hidden, -1e30).log_softmax(-1) for logits in (own, other))
    return (p.exp() * (p - q)).sum(-1)


# From arguments to a function of a step's logits, its token, the other context's logits, and the alternative.
FUNCTIONS = {
    "logit": lambda _: lambda own, token, *_: own[:, token],
    "probability": lambda a: lambda own, token, *_: probability(own, token, a),
    "entropy": lambda _: lambda own, *_: -(own.softmax(-1) * own.log_softmax(-1)).sum(-1),
    "crossentropy": lambda _: lambda own, token, *_: -log(own, token),
    "perplexity": lambda _: lambda own, token, *_: 2 ** -log(own, token),
    "contrast_logits": lambda _: lambda own, token, other, alternative: other[:, alternative],
    "contrast_prob": lambda a: lambda own, token, other, alternative: probability(other, alternative, a),
    "contrast_logits_diff": lambda _: lambda own, token, other, alternative: own[:, token] - other[:, alternative],
    "contrast_prob_diff": lambda a: lambda own, token, other, alternative: (
        probability(own, token, a) - probability(other, alternative, a)),
    "pcxmi": lambda _: lambda own, token, other, alternative: (
        -torch.log2(log(own, token).exp() / log(other, alternative).exp())),
    "in_context_pvi": lambda _: lambda own, token, other, alternative: log(other, alternative) - log(own, token),
    "kl_divergence": lambda a: lambda own, token, other, alternative: divergence(own, other, a),
}
