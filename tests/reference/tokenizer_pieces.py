"""What each token of some texts stands for, by the character offsets of the `tokenizers` library.

    python tokenizer_pieces.py ../fixtures/tokenizer

Writes `pieces.json`: for each folder, texts with their ids, the span of characters of each token, and which tokens are special.
Made with transformers 5.23.0 and tokenizers 0.23.3.
"""

import gzip
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AutoTokenizer  # noqa: E402

FOLDERS = ["gpt2_json", "llama3_json", "bloom_json", "opt", "qwen2", "bart", "t5", "mt5", "llama", "gemma", "phi3_json", "mbart", "nllb_json"]
TEXTS = [
    "the nurse said that she was late.",
    "été naïve, 今天天气很好。",
    "the cat\nthe dog ran",
    "don't [12] <x> \"a\"",
    "👩‍👩‍👧 🇫🇷 ok",
    "الممرضة المتعبة",
    "a_b-c/d 3.5%",
]


def tokenizer_of(folder):
    with tempfile.TemporaryDirectory() as place:
        for path in folder.iterdir():
            if path.suffix == ".gz":
                (Path(place) / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
            else:
                shutil.copy(path, place)
        return AutoTokenizer.from_pretrained(place)


def main(out):
    cases = {}
    for name in FOLDERS:
        tokenizer = tokenizer_of(out / name)
        cases[name] = []
        for text in TEXTS:
            encoded = tokenizer(text, return_offsets_mapping=True)
            ids, mask = encoded["input_ids"], encoded["offset_mapping"]
            # Unknown text is text, unless the token has another use as well.
            unknown = {tokenizer.unk_token_id} - {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
            special = [i in tokenizer.all_special_ids and i not in unknown for i in ids]
            if any(mark and (start, end) != (0, 0) and end > start for mark, (start, end) in zip(special, mask)):
                continue
            cases[name].append({"text": text, "ids": ids, "spans": mask, "special": special})
    lines = [f"  {json.dumps(name)}: [\n" + ",\n".join("    " + json.dumps(case, ensure_ascii=False) for case in each) + "\n  ]"
             for name, each in cases.items()]
    (out / "pieces.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
