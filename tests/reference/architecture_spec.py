"""The description of a checkpoint."""

from dataclasses import dataclass, field

import torch

END_ID = "@<|endoftext|>"  # `@token` in a configuration is the token's id


@dataclass
class Checkpoint:
    config: dict
    tokenizer: str
    generation: dict | None = None  # generation_config.json
    positions: int | None = None  # longest text of the tokenizer
    stored: str = "F32"
    pickled: bool = False
    shards: int = 1
    keep_tied: bool = False  # store tied weights under each of their names
    rename: list = field(default_factory=list)  # prefixes of names, as transformers has them and as the repository has them
    as_saved: bool = False  # with the names of `save_pretrained`, where those in memory are others
    untied: bool = False  # give T5 a head of its own
    buffers: dict = field(default_factory=dict)  # what a repository stores though it is no weight
    spare_rows: int = 0  # rows of the embeddings that no token has
    embedding: float = 0.3  # standard deviation of the token embeddings
    gain: float = 1.2  # of the linear layers


def causal_buffers(names, positions, dtype=torch.float32):
    mask = torch.tril(torch.ones(positions, positions, dtype=dtype))[None, None]
    return {name: mask.clone() for name in names}
