"""Golden files of the command `attribute-dataset`, on the demo model and two tiny checkpoints and two kinds of data files.

    python attribute_dataset_golden.py ../fixtures/attribute_dataset

The reference's command runs with the arguments that a person would give, on files that this script writes first. It needs the `datasets` library beside the
packages of `requirements.txt`.
"""

import csv
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_CACHE"] = tempfile.mkdtemp()
from inseq.commands.attribute import attribute as module  # noqa: E402
from inseq.commands.cli import main as command  # noqa: E402

load = module.load_model


def load_patched(*args, **kwargs):
    """The reference scales decoder embeddings twice where `scale_embedding` is set: its own scale, then transformers'. So transformers'
    scale is 1 where the reference attributes; generation uses the true one."""
    model = load(*args, **kwargs)
    decoder = getattr(getattr(model.model, "model", None), "decoder", None)
    if not hasattr(decoder, "embed_scale"):
        return model
    scale, generate = decoder.embed_scale, model.generate

    def generate_patched(*args, **kwargs):
        decoder.embed_scale = scale
        try:
            return generate(*args, **kwargs)
        finally:
            decoder.embed_scale = 1.0

    decoder.embed_scale, model.generate = 1.0, generate_patched
    return model


module.load_model = load_patched

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
MODELS = {
    "marian": HERE.parents[1] / "crates" / "inseq-models" / "demo",
    "gpt2": FIXTURES / "architectures" / "gpt2",
    "t5": FIXTURES / "architectures" / "t5",
}
# Sentences of the demo model, and words of the tiny tokenizers.
SENTENCES = [
    ("The doors are white.", "Les portes sont blanches."),
    ("The tired nurse said that she was late.", "L'infirmière fatiguée a dit qu'elle était en retard."),
    ("The nurse was late.", "L'infirmière était en retard."),
    ("The doors of the house are white.", "Les portes de la maison sont blanches."),
    ("The nurse said that she was late.", "L'infirmière a dit qu'elle était en retard."),
]
INPUTS = ["the cat sat on the mat", "he was late", "the old man saw the dog", "snow", "she ran to the big house"]
OUTPUTS = ["on the mat", "but she was not", "and he said no", "yes", "that was odd"]
# transformers 5 computes in the type of the file, if nothing is said.
FLAGS = ["--model_kwargs", '{"dtype": "float32"}', "--attribution_aggregators", "vnorm", "--step_scores", "probability"]
# The reference generates all texts in one batch, and shorter ones see the padding. So texts are generated for these rows only.
GENERATED = {"marian": "train[:2]", "gpt2": "train[1:3]", "t5": "train[:1]"}
# The reference reads a generated text again. What Marian wrote in part may be read as other tokens; and what T5 wrote without an end, or
# with tokens that are not in its text, is.
GENERATION = {
    "marian": "{}",
    "gpt2": '{"max_new_tokens": 6}',
    "t5": '{"max_new_tokens": 6, "forced_eos_token_id": 1, "suppress_tokens": [2, 70]}',
}


def rows(name):
    follows = name == "gpt2"
    if name == "marian":
        return [{"source": text, "target": output, "other": index} for index, (text, output) in enumerate(SENTENCES)]
    pairs = [(text, f"{text} {output}" if follows else output) for text, output in zip(INPUTS, OUTPUTS)]
    return [{"source": text, "target": output, "other": index} for index, (text, output) in enumerate(pairs)]


def write(folder, name):
    """The same rows as JSON lines and as CSV; and an empty text."""
    def lines(rows):
        return "".join(json.dumps(row) + "\n" for row in rows)

    (folder / f"{name}.jsonl").write_text(lines(rows(name)))
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["source", "target", "other"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows(name))
    (folder / "empty.jsonl").write_text(lines([{"source": ""}]))


def run(folder, name, file, given, split):
    """The saved text of the reference's command, with names of models instead of paths."""
    saved = folder / "result.json"
    kind = "json" if file.endswith(".jsonl") else "csv"
    columns = ["-in", "source", *(["-gen", "target"] if given else [])]
    data = ["attribute-dataset", "-d", kind, "--files", str(folder / file), "--split", split, *columns]
    sys.argv = ["inseq", *data, "-m", str(MODELS[name]), "-o", str(saved), "--hide", *FLAGS,
                "--generation_kwargs", GENERATION[name]]
    command()
    text = saved.read_text().replace(str(MODELS[name]), name)
    saved.unlink()
    return text


def main():
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        write(folder, name)
        for end in ["jsonl", "csv"]:
            saved = run(folder, name, f"{name}.{end}", True, "train[:4]")
            (folder / f"{name}_{end}_given.json").write_text(saved + "\n")
            saved = run(folder, name, f"{name}.{end}", False, GENERATED[name])
            (folder / f"{name}_{end}_generated.json").write_text(saved + "\n")
        # The reference reads an empty text with an encoder-decoder model.
        if name == "marian":
            saved = run(folder, name, "empty.jsonl", False, "train")
            (folder / f"{name}_empty_generated.json").write_text(saved + "\n")


if __name__ == "__main__":
    main()
