"""Golden files of the command `attribute-context`, on the demo model and tiny checkpoints.

    python attribute_context_golden.py ../fixtures/attribute_context.json

The reference's command runs with arguments that avoid what it does wrong (`docs/src/fidelity.md`): nothing is drawn, because a picture changes the
scores of two contexts; every text comes back from the tokenizer as it was; and what an encoder-decoder generates without the context ends after one
token, which a forced end sees to.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from inseq.commands.attribute_context import attribute_context as module  # noqa: E402
from inseq.commands.attribute_context.attribute_context_args import AttributeContextArgs  # noqa: E402

torch.set_num_threads(1)
load = module.load_model


def load_patched(*args, **kwargs):
    """The reference scales decoder embeddings twice where `scale_embedding` is set: its own scale, then transformers'. So transformers'
    scale is 1 where the reference attributes; generation uses the true one. transformers 5 takes every UMT5 for tied, whatever its
    configuration says, and scales what its own head reads, which no UMT5 was trained with."""
    model = load(*args, **kwargs)
    if model.model.config.model_type == "umt5":
        config = Path(args[0]) / "config.json"
        model.model.config.tie_word_embeddings = json.loads(config.read_text())["tie_word_embeddings"]
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
scores_of = module.get_source_target_cci_scores


def scores_patched(model, out, *args, **kwargs):
    """The reference counts the decoder start, or the start of a prompt, as the first token of a context."""
    if out.target_attributions is not None and out.target[0].token in model.special_tokens:
        out.target_attributions = out.target_attributions[1:]
    return scores_of(model, out, *args, **kwargs)


module.get_source_target_cci_scores = scores_patched

HERE = Path(__file__).resolve().parent
CHECKPOINTS = HERE.parent / "fixtures" / "architectures"
DEMO = HERE.parents[1] / "crates" / "inseq-models" / "demo"

# Sentences of the demo model.
ENGLISH = {"input_context_text": "The tired nurse left.", "input_current_text": "She was late."}
FRENCH = {"output_context_text": "L'infirmière fatiguée est partie.", "output_current_text": "Elle était en retard."}
# Words of the tiny tokenizers.
WORDS = {"input_context_text": "the old man saw the dog.", "input_current_text": "when he ran to the house"}
GIVEN = {"output_current_text": "the dog was not there"}
BOTH = {"output_context_text": "he was late and", "output_current_text": "the dog was not there"}
# Tokenizers of bytes read a text alone as they read it in a longer one only if it begins with its space.
AFTER = {"output_current_text": " the dog was not there", "decoder_input_output_separator": ""}
AFTER_BOTH = {**AFTER, "output_context_text": " he was late and", "output_template": "{context}{current}"}
CONTRAST = {"attributed_fn": "contrast_prob_diff"}
ENDS = {"generation_kwargs": {"forced_eos_token_id": 1}}


def top(count):
    return {"context_sensitivity_std_threshold": 0.0, "context_sensitivity_topk": count}


CASES = [
    ("demo", "given", {**ENGLISH, "output_current_text": FRENCH["output_current_text"], **top(3)}),
    ("demo", "contrast", {**ENGLISH, "output_current_text": FRENCH["output_current_text"], **CONTRAST, **top(3)}),
    ("demo", "generated", {**ENGLISH, "context_sensitivity_metric": "pcxmi", "attribution_method": "input_x_gradient"}),
    ("demo", "both contexts", {**ENGLISH, **FRENCH, "attributed_fn": "contrast_logits_diff", **top(4)}),
    ("demo", "output context, generated", {"input_context_text": "The tired nurse said that", "input_current_text": "she was late.",
                                         "output_context_text": "L'infirmière fatiguée a dit", "attributed_fn": "logit", **top(2)}),
    ("demo", "attention", {**ENGLISH, **FRENCH, "attribution_method": "attention", "context_sensitivity_metric": "in_context_pvi", **top(2)}),
    ("demo", "selected heads", {**ENGLISH, **FRENCH, "attribution_method": "attention", "attribution_selectors": [1, 0],
                                "attribution_aggregators": ["mean", "mean"], **top(2)}),
    ("demo", "normalized", {**ENGLISH, **FRENCH, "normalize_attributions": True, "attributed_fn": "logit", **top(2)}),
    ("demo", "given contrasts", {**ENGLISH, **FRENCH, "attributed_fn": "contrast_logits_diff", "contextless_output_next_tokens": ["Il", "les"], **top(2)}),
    ("demo", "logit", {**ENGLISH, **FRENCH, "attributed_fn": "logit", "context_sensitivity_metric": "contrast_logits_diff", **top(2)}),
    ("demo", "prefixes", {**ENGLISH, **FRENCH, "input_template": "The doors are white. {context} {current}",
                          "contextless_input_current_text": "The doors are white. {current}",
                          "output_template": "Les portes sont blanches. {context} {current}",
                          "contextless_output_current_text": "Les portes sont blanches. {current}", "attributed_fn": "logit", **top(3)}),
    ("demo", "path", {**ENGLISH, **FRENCH, "attribution_method": "integrated_gradients", "attribution_kwargs": {"n_steps": 8}, "attributed_fn": "logit", **top(2)}),
    ("t5", "contrast", {**WORDS, **GIVEN, **CONTRAST, **ENDS, "context_sensitivity_metric": "contrast_prob_diff", **top(3)}),
    ("t5", "both contexts", {**WORDS, **BOTH, "context_sensitivity_metric": "pcxmi", **top(3)}),
    ("t5_gated", "logit", {**WORDS, **BOTH, "attributed_fn": "logit", "attribution_method": "input_x_gradient", **top(2)}),
    ("gpt2", "given", {**WORDS, **AFTER, **top(3)}),
    ("gpt2", "contrast", {**WORDS, **AFTER, **CONTRAST, "context_sensitivity_metric": "contrast_prob", **top(4)}),
    ("gpt2", "both contexts", {**WORDS, **AFTER_BOTH, "attributed_fn": "contrast_logits_diff", "context_sensitivity_metric": "contrast_logits", **top(2)}),
    ("gpt2", "output context alone", {"input_current_text": WORDS["input_current_text"], **AFTER_BOTH, "attributed_fn": "pcxmi", **top(2)}),
    ("gpt2", "divergence", {**WORDS, **AFTER_BOTH, "attributed_fn": "kl_divergence", **top(3)}),
    ("gpt2", "threshold", {**WORDS, **AFTER, "context_sensitivity_std_threshold": 0.5, "attribution_method": "occlusion"}),
    ("llama", "both contexts", {**WORDS, **BOTH, "attributed_fn": "logit", "context_sensitivity_metric": "pcxmi", **top(3)}),
    ("gpt_neox", "path", {**WORDS, **AFTER_BOTH, "attribution_method": "integrated_gradients", "attribution_kwargs": {"n_steps": 6}, **top(2)}),
    ("bloom", "template", {**WORDS, **AFTER, **CONTRAST, "input_context_text": " the old man saw the dog.", "input_template": "he said that{context} and {current}",
                           "contextless_input_current_text": "he said that {current}", **top(3)}),
]


def run(model, arguments):
    folder = DEMO if model == "demo" else CHECKPOINTS / model
    # transformers 5 computes in the type of the file, if nothing is said.
    arguments = {"attributed_fn": "probability", **json.loads(json.dumps(arguments))}
    args = AttributeContextArgs(model_name_or_path=str(folder), model_kwargs={"dtype": "float32"}, show_viz=False, add_output_info=False, **arguments)
    return module.attribute_context(args).to_dict()


def main():
    cases = []
    for model, name, arguments in CASES:
        found = run(model, arguments)
        print(model, name, len(found["cci_scores"]), "of", len(found["cti_scores"]), found["output_current"], flush=True)
        assert found["cci_scores"], "nothing to compare"
        cases.append({"model": model, "name": name, "arguments": arguments, "expected": found})
    lines = ",\n".join(json.dumps(case) for case in cases)
    Path(sys.argv[1]).write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
