"""Methods that look inside transformers' model, by definition: value zeroing, gradients at an inner layer, flows."""

import networkx
import torch
from captum.attr import DeepLift
from captum.attr._utils.approximation_methods import approximation_parameters


def blocks(model, stack):
    """The layers of a stack, from the input up."""
    kind = model.config.model_type
    if kind in ("gpt2", "bloom"):
        return model.transformer.h
    if kind == "gpt_neox":
        return model.gpt_neox.layers
    if kind == "t5":
        return getattr(model, stack).block
    if kind == "opt":
        return model.model.decoder.layers
    return model.model.layers if kind == "llama" else getattr(model.model, stack).layers


def values(model, block, of_cross):
    """The projection of a block that makes values, and what puts one of its tokens, of some heads, to zero."""
    kind, config = model.config.model_type, model.config
    count = getattr(config, "n_head", None) or getattr(config, "encoder_attention_heads", None) or config.num_attention_heads

    def plain(output, token, heads):
        # Keys and values may have fewer heads than queries; then all are put to zero.
        own = output[:, token] if len(heads) == count else output[:, token].view(output.shape[0], count, -1)
        own[:, heads if len(heads) < count else slice(None)] = 0

    def fused(output, token, heads):  # queries, keys, values
        third = output.shape[-1] // 3
        output[:, token, 2 * third :].view(output.shape[0], count, -1)[:, heads] = 0

    def by_head(output, token, heads):  # the same, head by head
        output[:, token].view(output.shape[0], count, 3, -1)[:, heads, 2] = 0

    heads = list(range(count))
    if kind == "gpt2":
        return block.attn.c_attn, fused, heads
    if kind == "bloom":
        return block.self_attention.query_key_value, by_head, heads
    if kind == "gpt_neox":
        return block.attention.query_key_value, by_head, heads
    if kind == "t5":
        return (block.layer[1].EncDecAttention.v if of_cross else block.layer[0].SelfAttention.v), plain, heads
    return (block.encoder_attn.v_proj if of_cross else block.self_attn.v_proj), plain, heads


def value_zeroing(model, inputs, metric="cosine", chosen=None, spans=None):
    """`[position, step, layer]`: one layer's values of one token at zero, at the output of the projection.

    `chosen` has the heads of `encoder`, `decoder` and `cross`; all where it has none. `spans` has tokens of `source` and `target`
    that are put to zero together; the score stands at the first."""
    ids = {"decoder_input_ids": torch.tensor([inputs.target[:-1]])} if inputs.encoder_decoder else {}
    ids["input_ids"] = torch.tensor([inputs.prompt if inputs.encoder_decoder else inputs.target[:-1]])

    def states():
        with torch.no_grad():
            out = model(**ids, output_hidden_states=True)
        if inputs.encoder_decoder:
            return {"encoder": out.encoder_hidden_states, "decoder": out.decoder_hidden_states}
        return {"decoder": out.hidden_states}

    clean = states()

    def scores(which):
        stack = "encoder" if which == "encoder" else "decoder"
        layers = blocks(model, stack)
        queries = clean[stack][0].shape[1]
        keys = len(inputs.prompt) if which == "cross" else queries
        out = torch.zeros(len(layers), queries, keys)
        for index, layer in enumerate(layers):
            module, put_to_zero, heads = values(model, layer, which == "cross")
            some = (chosen or {}).get(which)
            if isinstance(some, dict):
                some = some.get(index, [])
            some = heads if some is None else [some] if isinstance(some, int) else some
            side = "target" if which == "decoder" else "source"
            for start, end in spans[side] if spans else [(token, token + 1) for token in range(keys)]:
                if start >= keys:
                    continue
                def hook(_, __, output):
                    output = output.clone()
                    for token in range(start, min(end, keys)):
                        if some:
                            put_to_zero(output, token, some)
                    return output
                handle = module.register_forward_hook(hook)
                changed = states()[stack][index + 1][0]
                handle.remove()
                own = clean[stack][index + 1][0]
                if metric == "cosine":
                    # One less a cosine near one has few digits left in single precision.
                    distance = (1 - torch.nn.functional.cosine_similarity(own.double(), changed.double(), dim=-1)).float()
                else:
                    distance = (own - changed).norm(dim=-1)
                if which == "decoder":
                    distance[:start] = 0
                out[index, :, start] = torch.where(distance < 1e-5, 0, distance)
        return out / out.sum(-1, keepdim=True).clamp_min(1e-12)

    rows = list(range(inputs.start - 1, inputs.end - 1))
    result = {"sequence_scores": {}}
    own = scores("decoder")
    if inputs.with_target:
        result["target"] = torch.full((inputs.end, len(rows), len(own)), torch.nan)
        for step, row in enumerate(rows):
            result["target"][: row + 1, step] = own[:, row, : row + 1].T
    else:
        hidden = torch.ones(own.shape[1:]).triu(1).bool()
        result["sequence_scores"]["decoder_self_scores"] = own.masked_fill(hidden, torch.nan).permute(2, 1, 0)
    if inputs.encoder_decoder:
        result["source"] = scores("cross")[:, rows].permute(2, 1, 0)
        result["sequence_scores"]["encoder_self_scores"] = scores("encoder").permute(2, 1, 0)
    return result


class Above(torch.nn.Module):
    """The model above a layer: from the layer's states and the embeddings of the other side to what is attributed."""

    def __init__(self, inputs, stack, layer, step):
        super().__init__()
        self.model = inputs.direct.model
        self.inputs, self.stack, self.step = inputs, stack, step
        self.block = self.model.get_submodule(layer) if isinstance(layer, str) else blocks(self.model, stack)[layer]

    def run(self, source, target, replace):
        def hook(_, __, output):
            own = output[0] if isinstance(output, tuple) else output
            # Some networks see all positions of all texts as rows.
            states = replace(own.view(len(target), -1, own.shape[-1])).reshape(own.shape)
            return (states, *output[1:]) if isinstance(output, tuple) else states
        handle = self.block.register_forward_hook(hook)
        try:
            return self.inputs.direct.probability(source, target, self.inputs.target[self.step])
        finally:
            handle.remove()

    def states(self, source, target):
        seen = []
        with torch.no_grad():
            self.run(source, target, lambda states: seen.append(states) or states)
        return seen[0]

    def forward(self, states, other=None):
        count = len(states)
        source, target = self.inputs.source, self.inputs.whole[:, : self.step]
        if source is not None:
            source = source.expand(count, -1, -1) if self.stack == "encoder" or other is None else other
        target = target.expand(count, -1, -1) if self.stack == "decoder" or other is None else other
        score = self.run(source, target, lambda _: states)
        # Above the last decoder layer nothing depends on the source: its gradient is 0.
        return score if other is None else score + 0 * other.sum((1, 2))


def at_layer(inputs, method, stack, layer, n_steps=None):
    """Scores `[position, step, feature]` of the layer's side, and of the embeddings of the other one where the layer is the
    output of a block, given by its number. Of the output of a module inside a block, given by its name, everything else stays
    as the text has it."""
    steps = inputs.end - inputs.start
    out = {}
    for step in range(inputs.start, inputs.end):
        above = Above(inputs, stack, layer, step)
        target, target_baseline = inputs.whole[:, :step], inputs.target_baseline[:, :step]
        if not inputs.with_target:
            target_baseline = target
        ends = [above.states(inputs.source, target), above.states(inputs.source_baseline, target_baseline)]
        others = None
        if inputs.encoder_decoder and not isinstance(layer, str):
            others = [inputs.source, inputs.source_baseline] if stack == "decoder" else [target, target_baseline]
        points = [[end, *([] if others is None else [others[i]])] for i, end in enumerate(ends)]
        if method == "layer_deeplift":
            found = DeepLift(above).attribute(tuple(p.clone() for p in points[0]), tuple(points[1]))
        else:
            def gradient(at):
                leaves = [p.detach().clone().requires_grad_() for p in at]
                return torch.autograd.grad(above(*leaves).sum(), leaves, allow_unused=True, materialize_grads=True)
            if method == "layer_gradient_x_activation":
                found = [g * p for g, p in zip(gradient(points[0]), points[0])]
            else:
                sizes, alphas = approximation_parameters("gausslegendre")
                total = [torch.zeros_like(p) for p in points[0]]
                for size, alpha in zip(sizes(n_steps), alphas(n_steps)):
                    at = [b + alpha * (p - b) for p, b in zip(*points)]
                    total = [t + size * g for t, g in zip(total, gradient(at))]
                found = [t * (p - b) for t, p, b in zip(total, *points)]
        sides = [stack == "encoder", stack == "decoder"] if others else [stack == "encoder"]
        for own, of_source in zip(found, sides):
            side = "source" if of_source else "target"
            if side == "target" and not inputs.with_target:
                continue
            if side not in out:
                rows = len(inputs.prompt) if of_source else inputs.end
                out[side] = torch.full((rows, steps, own.shape[-1]), 0.0 if of_source else torch.nan)
            out[side][: own.shape[1], step - inputs.start] = own[0].detach()
    return out


def attentions(inputs):
    """Weights of each layer, heads averaged: of the encoder, of the decoder, and of the decoder to the encoder."""
    model = inputs.direct.model
    with torch.no_grad():
        if inputs.encoder_decoder:
            result = model(input_ids=torch.tensor([inputs.prompt]), decoder_input_ids=torch.tensor([inputs.target[:-1]]),
                           output_attentions=True)
            each = result.encoder_attentions, result.decoder_attentions, result.cross_attentions
        else:
            each = (), model(input_ids=torch.tensor([inputs.target[:-1]]), output_attentions=True).attentions, ()
    return [[weights[0].mean(0) for weights in layers] for layers in each]


def flow(inputs, spans=None):
    """networkx' maximum flows from each token to the state that predicts the step's token; capacities as in the rollout."""
    encoder, decoder, cross = attentions(inputs)
    graph = networkx.DiGraph()

    def connect(below, above, weights):
        for query, row in enumerate(weights.tolist()):
            for key, weight in enumerate(row):
                if weight > 0:
                    graph.add_edge((*below, key), (*above, query), capacity=weight)

    below = ("source", 0)
    for layer, weights in enumerate(encoder):
        above = ("source", layer + 1)
        connect(below, above, 0.5 * (weights + torch.eye(len(weights))))
        below = above
    encoded, below = below, ("target", 0)
    for layer, weights in enumerate(decoder):
        above = ("target", layer + 1)
        connect(below, above, 0.5 * (weights + torch.eye(len(weights))))
        below = above
        if cross:
            above = ("crossed", layer + 1)
            connect(below, above, 0.5 * torch.eye(len(weights)))
            connect(encoded, above, 0.5 * cross[layer])
            below = above
    out = inputs.empty()
    lengths = {"source": len(inputs.prompt) if inputs.encoder_decoder else 0, "target": inputs.end - 1}
    for side, length in lengths.items():
        if out[side] is None:
            continue
        for start, end in spans[side] if spans else [(token, token + 1) for token in range(length)]:
            # What flows from a span flows from any of its tokens.
            for token in range(start, min(end, length)):
                graph.add_edge((side, "from", start), (side, 0, token))
            for step in range(inputs.start, inputs.end):
                if start < length and (side == "source" or start < step):
                    flow, _ = networkx.maximum_flow(graph, (side, "from", start), (*below, step - 1))
                    out[side][start, step - inputs.start] = flow
    return out
