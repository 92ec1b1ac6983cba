"""Golden files of the command `attribute-dataset`, on three tiny checkpoints and two kinds of data files.

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
from inseq.commands.cli import main as command  # noqa: E402

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
MODELS = {
    "marian": FIXTURES / "marian" / "seed2",
    "gpt2": FIXTURES / "architectures" / "gpt2",
    "t5": FIXTURES / "architectures" / "t5",
}
# Words of all tiny tokenizers.
INPUTS = ["the cat sat on the mat", "he was late", "the old man saw the dog", "snow", "she ran to the big house"]
OUTPUTS = ["on the mat", "but she was not", "and he said no", "yes", "that was odd"]
FLAGS = ["--batch_size", "1", "--attribution_aggregators", "vnorm", "--step_scores", "probability"]
# The reference reads a generated text again. What Marian wrote in part may be read as other tokens.
LENGTHS = {"marian": "{}", "gpt2": '{"max_new_tokens": 6}', "t5": '{"max_new_tokens": 6}'}


def rows(name):
    follows = name == "gpt2"
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
    (folder / "empty.jsonl").write_text(lines([{"source": ""}, {"source": "he was late"}]))


def run(folder, name, file, given):
    """The saved text of the reference's command, with names of models instead of paths."""
    saved = folder / "result.json"
    kind = "json" if file.endswith(".jsonl") else "csv"
    columns = ["-in", "source", *(["-gen", "target"] if given else [])]
    data = ["attribute-dataset", "-d", kind, "--files", str(folder / file), "--split", "train[:4]", *columns]
    sys.argv = ["inseq", *data, "-m", str(MODELS[name]), "-o", str(saved), "--hide", *FLAGS,
                "--generation_kwargs", LENGTHS[name]]
    command()
    text = saved.read_text().replace(str(MODELS[name]), name)
    saved.unlink()
    return text


def main():
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        write(folder, name)
        cases = [(f"{name}.{end}", given) for end in ["jsonl", "csv"] for given in [False, True]]
        # The reference reads an empty text with an encoder-decoder model.
        cases += [("empty.jsonl", False)] if name != "gpt2" else []
        for file, given in cases:
            case = f"{name}_{Path(file).stem}" if file.startswith("empty") else file.replace(".", "_")
            end = "given" if given else "generated"
            (folder / f"{case}_{end}.json").write_text(run(folder, name, file, given) + "\n")


if __name__ == "__main__":
    main()
