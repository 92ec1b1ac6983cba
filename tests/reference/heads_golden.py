"""What transformers makes of heads: of one that a checkpoint lacks, and of one that is not the embeddings.

    python heads_golden.py ../fixtures/heads.json        with transformers 5.23.0

By checkpoint of `../fixtures/architectures`:

- `head`, `table`: the names of the head and of a table of embeddings in a file;
- `without`: what the head is where the file has none and `tie_word_embeddings` is false (`new` or `embeddings`);
- `saved`: what `save_pretrained` writes of a model whose head is not tied to the embeddings.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM  # noqa: E402

FIXTURES = Path(__file__).resolve().parent / "../fixtures/architectures"
FIELDS = ("tie_word_embeddings", "scale_decoder_outputs")


def load(config, tensors, folder):
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))
    is_pair = AutoConfig.from_pretrained(folder).is_encoder_decoder
    auto = AutoModelForSeq2SeqLM if is_pair else AutoModelForCausalLM
    return auto.from_pretrained(folder, dtype=torch.float32)


def facts(config, tensors):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        headless = {name: value for name, value in tensors.items() if name not in ("lm_head.weight", "embed_out.weight")}
        model = load(config, headless, folder)
        head, table = model.get_output_embeddings().weight, model.get_input_embeddings().weight
        source = next(key for key, value in headless.items() if value.shape == table.shape)
        without = "embeddings" if torch.equal(head, table) else "new"
        name = "embed_out.weight" if config["model_type"] == "gpt_neox" else "lm_head.weight"
        model = load(config, {**headless, name: torch.randn(head.shape)}, folder)
        saved = folder / "saved"
        model.save_pretrained(saved)
        written = json.loads((saved / "config.json").read_text())
        assert name in load_file(saved / "model.safetensors")
    return name, source, without, {field: written[field] for field in FIELDS if field in written}


def main(out):
    out = Path(out)
    golden = {}
    for folder in sorted(FIXTURES.iterdir()):
        if not (folder / "model.safetensors").exists():
            continue
        head, table, without, saved = facts(json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors"))
        golden[folder.name] = {"head": head, "table": table, "without": without, "saved": saved}
    out.write_text("{\n" + ",\n".join(f" {json.dumps(name)}: {json.dumps(case)}" for name, case in golden.items()) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
