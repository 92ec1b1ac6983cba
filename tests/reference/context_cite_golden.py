"""What the package context-cite makes of prompts: its masks, and its weights for every sentence of an answer.

    python context_cite_golden.py ../fixtures ../fixtures/citations

Its environment has the packages of `requirements.txt`, and those of `pip install context-cite==0.0.4 nltk==3.10.4 spacy==3.8.7`. Writes
`context_cite.json`: for each model its prompts with the spans of their sources, the answer, the masks that the package drew, and its
weights for each sentence. Models are those whose tokenizers put nothing before a text, as the package wants a chat template, which here
is the message itself. The answer is given: the package generates one, or takes one that it has kept.
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from context_cite import ContextCiter  # noqa: E402
from context_cite.context_partitioner import BaseContextPartitioner  # noqa: E402
from context_cite.solver import LassoRegression  # noqa: E402
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, logging  # noqa: E402

torch.set_num_threads(1)
logging.set_verbosity_error()
logging.disable_progress_bar()
warnings.simplefilter("ignore", FutureWarning)

SENTENCES = ["the cat sat on the mat !", "a dog ran to the big house !", "she was late !", "the old man saw the dog !", "he was here !"]
ANSWER = "the dog saw the cat ! she was late !"
MASKS = 24
READER_CASES = [0, 50, 90, 210]


class Parts(BaseContextPartitioner):
    """Sources that are known."""

    def __init__(self, parts, separator):
        super().__init__(separator.join(parts))
        self.parts, self.separator = parts, separator

    @property
    def num_sources(self):
        return len(self.parts)

    def split_context(self):
        pass

    def get_source(self, index):
        return self.parts[index]

    def get_context(self, mask=None):
        return self.separator.join(part for index, part in enumerate(self.parts) if mask is None or mask[index])


def sentences(answer):
    """Character ranges of the sentences: each ends after its mark."""
    ends = [i + 1 for i, character in enumerate(answer) if character in ".!"]
    return list(zip([0, *ends[:-1]], ends))


def prompt_case(model, tokenizer, template, query, parts, separator, answer):
    citer = ContextCiter(
        model, tokenizer, separator.join(parts), query, num_ablations=MASKS, prompt_template=template, partitioner=Parts(parts, separator),
        solver=LassoRegression(lasso_alpha=0.01))
    prompt = citer._get_prompt_ids(return_prompt=True)[1]
    citer._cache["output"] = f"{prompt} {answer}"
    space = len(citer.response) - len(answer)
    weights = []
    for start, end in sentences(answer):
        # The space before a word belongs to the word's token.
        found = citer.get_attributions(start_idx=start + space, end_idx=end + space, verbose=False)
        weights.append([float(weight) for weight in found])
    spans, place = [], prompt.index(parts[0])
    for part in parts:
        spans.append([place, place + len(part)])
        place += len(part) + len(separator)
    return {"prompt": prompt, "spans": spans, "answer": answer, "masks": citer._masks.tolist(), "weights": weights}


def loaded(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, chat_template="{{ messages[0]['content'] }}")
    return model, tokenizer


def main():
    fixtures, out = Path(sys.argv[1]), Path(sys.argv[2])
    cases = {}
    for name in ["qwen2", "bloom", "gpt_neox"]:
        template = "when he said : {context} why was {query} late ?"
        cases[f"architectures/{name}"] = [prompt_case(*loaded(fixtures / "architectures" / name), template, "he", SENTENCES, " ", ANSWER)]
    held_out = [json.loads(line) for line in (out / "heldout.jsonl").read_text().splitlines()]
    reader = loaded(out / "reader")
    template = "Context: {context}\n\nQuery: {query}"
    cases["citations/reader"] = [
        prompt_case(*reader, template, case["question"], case["passages"], "\n\n", case["answer"])
        for case in (held_out[index] for index in READER_CASES)
    ]
    (out / "context_cite.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
