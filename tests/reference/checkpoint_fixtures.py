"""Tiny weights files as PyTorch and safetensors write them, and the values in them.

    python checkpoint_fixtures.py ../fixtures/checkpoint

Made with torch 2.9.0, safetensors 0.8.0 and transformers 5.23.0.
"""

import json
import pickle
import struct
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import MarianConfig, MarianMTModel


def write(path, value):
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n", encoding="utf-8")


def folder(out, name):
    path = out / name
    path.mkdir(parents=True, exist_ok=True)
    write(path / "config.json", {"model_type": "marian"})
    return path


def values(tensors):
    """Shape, type and values (floating-point ones as the nearest float32) of each tensor."""
    return {
        name: {
            "shape": list(tensor.shape),
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "values": (tensor.float() if tensor.is_floating_point() else tensor.long()).flatten().tolist(),
        }
        for name, tensor in tensors.items()
    }


def every_type():
    floats = torch.tensor([[0.0, -1.5, 3.14159], [1e-5, -65504.0, 7.0]])
    return {
        "float32": floats,
        "float16": floats.half(),
        "bfloat16": floats.bfloat16(),
        "float64": floats.double() / 3,
        "int64": torch.tensor([1, -(2**40)]),
        "int32": torch.tensor([[-7]], dtype=torch.int32),
        "int16": torch.tensor([300, -300], dtype=torch.int16),
        "int8": torch.tensor([-128, 127], dtype=torch.int8),
        "uint8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "subnormal": torch.tensor([5.9604645e-08, 6.1035156e-05]).half(),
    }


def views():
    """Tensors that share a storage, and tensors that are not laid out row by row."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    tied = torch.nn.Parameter(torch.arange(6, dtype=torch.float32).reshape(2, 3) / 7)
    return {
        "base": base,
        "rows": base[1:3],
        "columns": base[:, 2:5],
        "every_other": base[::2, ::3],
        "transposed": base.T,
        "permuted": torch.arange(24, dtype=torch.float16).reshape(2, 3, 4).permute(2, 0, 1),
        "shared": tied,
        "shared_again": tied,
        "shared_as_data": tied.data,
        "one_row": base[3:4],
    }


def with_attributes():
    """Tensors that are pickled with more than their values, or of the types that came with PyTorch 2.3."""
    parameter = torch.nn.Parameter(torch.arange(4, dtype=torch.float32))
    parameter.is_initialized = True
    tensor = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    tensor.made_by = "a script"
    return {
        "parameter": torch.nn.Parameter(torch.arange(3, dtype=torch.float16) / 2),
        "parameter_with_attribute": parameter,
        "tensor_with_attribute": tensor,
        "buffer": torch.nn.Buffer(torch.arange(2, dtype=torch.float64)),
        "expanded": torch.tensor([[1.5], [2.5]]).expand(2, 4),
        "uint16": torch.tensor([1, 65535], dtype=torch.uint16),
        "uint32": torch.tensor([7, 2**32 - 1], dtype=torch.uint32)[1:],
        "uint64": torch.tensor([2**40], dtype=torch.uint64),
    }


def parts_of_storages(path):
    """As PyTorch once wrote storages that were parts of others: a persistent id with a part. PyTorch reads it still."""
    whole = torch.arange(12, dtype=torch.float32) / 5
    rebuild = torch._utils._rebuild_tensor_v2

    class Part:
        def __init__(self, part):
            self.part = part

    class Tensor:
        def __init__(self, part, *arguments):
            self.arguments = (Part(part), *arguments, False, type(torch.nn.Linear(1, 1).state_dict())())

        def __reduce__(self):
            return rebuild, self.arguments

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Part):
                return ("storage", torch.FloatStorage, "1", "cpu", 12, value.part)
            return None

    tensors = {
        "whole": Tensor(None, 0, (3, 4), (4, 1)),
        "part": Tensor(("2", 4, 6), 0, (2, 3), (3, 1)),
        "inside_a_part": Tensor(("3", 2, 8), 3, (2, 2), (1, 2)),
    }
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    with open(path, "wb") as file:
        for value in [0x1950A86A20F9469CFC6C, 1001, machine]:
            pickle.dump(value, file, protocol=2)
        Pickler(file, protocol=2).dump(tensors)
        pickle.dump(["1"], file, protocol=2)
        file.write(struct.pack("<q", 12) + whole.numpy().tobytes())


def main(out):
    types = every_type()
    save_file(types, folder(out, "types_safetensors") / "model.safetensors", metadata={"format": "pt"})
    write(out / "types_safetensors" / "values.json", values(types))

    path = folder(out, "types_bin")
    torch.save(types, path / "pytorch_model.bin")
    write(path / "values.json", values(types))

    path = folder(out, "views_bin")
    torch.save(views(), path / "pytorch_model.bin")
    write(path / "values.json", values(views()))

    path = folder(out, "attributes_bin")
    torch.save(with_attributes(), path / "pytorch_model.bin")
    write(path / "values.json", values(torch.load(path / "pytorch_model.bin", weights_only=True)))

    # The format before PyTorch 1.6, in which it writes unsigned types and cannot read them again.
    old = {"_use_new_zipfile_serialization": False}
    attributes = {name: tensor for name, tensor in with_attributes().items() if not name.startswith("uint")}
    for name, tensors in [("types_old_bin", types), ("views_old_bin", views()), ("attributes_old_bin", attributes)]:
        path = folder(out, name)
        torch.save(tensors, path / "pytorch_model.bin", **old)
        write(path / "values.json", values(torch.load(path / "pytorch_model.bin", weights_only=True)))
    path = folder(out, "parts_old_bin")
    parts_of_storages(path / "pytorch_model.bin")
    write(path / "values.json", values(torch.load(path / "pytorch_model.bin", weights_only=True)))

    torch.manual_seed(0)
    sizes = dict.fromkeys(["encoder_layers", "decoder_layers", "encoder_attention_heads", "decoder_attention_heads"], 1)
    config = MarianConfig(vocab_size=11, d_model=4, encoder_ffn_dim=4, decoder_ffn_dim=4, max_position_embeddings=8,
                          pad_token_id=10, decoder_start_token_id=10, eos_token_id=0, forced_eos_token_id=0, **sizes)
    model = MarianMTModel(config)

    path = folder(out, "sharded_safetensors")
    model.save_pretrained(path, max_shard_size=700)
    (path / "generation_config.json").unlink()
    index = json.loads((path / "model.safetensors.index.json").read_text())
    stored = {name: tensor for name, tensor in model.state_dict().items() if name in index["weight_map"]}
    write(path / "values.json", values(stored))

    # As transformers wrote them before safetensors: an nn.Module's own state dictionary with its _metadata.
    state = model.state_dict()
    names = list(state)
    for folder_name, options in [("sharded_bin", {}), ("sharded_old_bin", old)]:
        path = folder(out, folder_name)
        weight_map = {}
        for number, part in enumerate([names[: len(names) // 2], names[len(names) // 2 :]], 1):
            file = f"pytorch_model-0000{number}-of-00002.bin"
            shard = type(state)((name, state[name]) for name in part)
            shard._metadata = state._metadata
            torch.save(shard, path / file, **options)
            weight_map.update(dict.fromkeys(part, file))
        write(path / "pytorch_model.bin.index.json", {"metadata": {"total_size": 1}, "weight_map": weight_map})
        write(path / "values.json", values(state))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
