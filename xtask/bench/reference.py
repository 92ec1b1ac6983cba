"""The reference as a worker: one JSON line in, one out.

    python reference.py MODEL_FOLDER THREADS DTYPE

In: {"task": "generate", "context_cite", "attribute_context" or a method's name, "source": [..], "target": [..], "context": "..", "arguments": {..}}.
Out: seconds, peak resident memory in bytes, and the aggregated scores of the first text; or an error.
"""

import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever the libraries print goes to stderr
import numpy as np  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(int(sys.argv[2]))
import inseq  # noqa: E402
from inseq.attr.feat import FeatureAttribution  # noqa: E402
from inseq.attr.feat.ops.reagent_core import token_sampler  # noqa: E402
from inseq.commands.attribute_context.attribute_context import attribute_context_with_model  # noqa: E402
from inseq.commands.attribute_context.attribute_context_args import AttributeContextArgs  # noqa: E402
from inseq.utils import INSEQ_ARTIFACTS_CACHE  # noqa: E402
from transformers import PreTrainedTokenizerFast, __version__  # noqa: E402

# ReAGent would download a tagger of parts of speech; with one part of speech for all it draws any token, as fast.
token_sampler.POSTagTokenSampler.build_pos_mapping_from_vocab = staticmethod(
    lambda *_, tokenizer, **__: {"any": list(range(tokenizer.vocab_size))}
)

kept = {} if sys.argv[3] == "float32" else {"dtype": sys.argv[3]}
# The class that `AutoTokenizer` takes for some model types makes another tokenizer of the file.
fast = Path(sys.argv[1], "tokenizer.json").is_file()
tokenizer = PreTrainedTokenizerFast.from_pretrained(sys.argv[1]) if fast else sys.argv[1]
model = inseq.load_model(sys.argv[1], "saliency", device="cpu", tokenizer=tokenizer, model_kwargs=kept)
# The reference scales Marian's decoder embeddings twice.
scaled = getattr(getattr(model.model, "model", None), "decoder", None) if model.model.config.model_type == "marian" else None
scale = scaled.embed_scale if scaled else None
print(json.dumps({"ready": True, "torch": torch.__version__, "transformers": __version__}), file=out, flush=True)


def cite(job):
    """ContextCite by its package, with the masks of the job and its answer in place of a generated one."""
    from context_cite import ContextCiter, utils
    from context_cite.context_partitioner import SimpleContextPartitioner

    passages, arguments = job["source"], job["arguments"]
    utils._create_mask = lambda num_sources, keep, seed: np.array(arguments["masks"][seed])
    model.tokenizer.chat_template = "{{ messages[0]['content'] }}"
    start = time.perf_counter()
    partitioner = SimpleContextPartitioner("\n\n".join(passages))
    partitioner._cache.update(parts=passages, separators=["", *["\n\n"] * (len(passages) - 1)])
    citer = ContextCiter(
        model.model, model.tokenizer, partitioner.context, arguments["question"], num_ablations=len(arguments["masks"]),
        partitioner=partitioner)
    citer._cache["output"] = f"{citer._get_prompt_ids(return_prompt=True)[1]} {job['target'][0]}"
    weights = citer.get_attributions(verbose=False)
    return {"seconds": time.perf_counter() - start, "scores": weights.tolist()}


def run(job):
    if job["task"] == "generate":
        if scaled:
            scaled.embed_scale = scale
        batch = model.tokenizer(job["source"], return_tensors="pt", padding=True)
        start = time.perf_counter()
        with torch.no_grad():
            ids = model.model.generate(**batch, num_beams=job["num_beams"], max_new_tokens=job["new_tokens"], min_new_tokens=job["new_tokens"])
        return {"seconds": time.perf_counter() - start, "scores": ids[0].tolist()}
    if job["task"] == "context_cite":
        return cite(job)
    if scaled:
        scaled.embed_scale = 1.0
    method, arguments = job["task"], job["arguments"]
    if method == "attribute_context":
        args = AttributeContextArgs(
            model_name_or_path=sys.argv[1], input_context_text=job["context"], input_current_text=job["source"][0],
            output_current_text=job["target"][0], show_viz=False, add_output_info=False)
        start = time.perf_counter()
        found = attribute_context_with_model(args, model)
        seconds = time.perf_counter() - start
        cues = sorted(found.cci_scores, key=lambda cue: cue.cti_idx)
        return {"seconds": seconds, "scores": found.cti_scores + [score for cue in cues for score in cue.input_context_scores]}
    if method == "discretized_integrated_gradients":
        # Its cache of neighbours goes by the model's name.
        shutil.rmtree(INSEQ_ARTIFACTS_CACHE / "dig_knn", ignore_errors=True)
    if method == "reagent":
        # Its arguments are taken when it is made, and not in a call.
        model.attribution_method = FeatureAttribution.load(method, attribution_model=model, **arguments)
        method, arguments = None, {}
    start = time.perf_counter()
    result = model.attribute(job["source"], job["target"], method=method, show_progress=False, **arguments)
    seconds = time.perf_counter() - start
    sequence = result.sequence_attributions[0].aggregate()
    scores = sequence.source_attributions if sequence.source_attributions is not None else sequence.target_attributions
    return {"seconds": seconds, "scores": scores.nan_to_num().flatten().tolist()}


for line in sys.stdin:
    try:
        answer = run(json.loads(line))
    except Exception as error:  # noqa: BLE001
        answer = {"error": f"{type(error).__name__}: {error}"}
    answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(answer), file=out, flush=True)
