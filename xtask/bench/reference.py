"""The reference as a worker: one JSON line in, one out.

    python reference.py MODEL_FOLDER THREADS DTYPE

In: {"task": "saliency" | "input_x_gradient" | "integrated_gradients" | "generate", "source": [..], "target": [..]}.
Out: seconds, peak resident memory in bytes, and the aggregated scores of the first text.
"""

import json
import os
import resource
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever the libraries print goes to stderr
import torch  # noqa: E402

torch.set_num_threads(int(sys.argv[2]))
import inseq  # noqa: E402
from transformers import __version__  # noqa: E402

kept = {} if sys.argv[3] == "float32" else {"dtype": sys.argv[3]}
model = inseq.load_model(sys.argv[1], "saliency", device="cpu", model_kwargs=kept)
# The reference scales Marian's decoder embeddings twice.
scaled = getattr(getattr(model.model, "model", None), "decoder", None) if model.model.config.model_type == "marian" else None
scale = scaled.embed_scale if scaled else None
print(json.dumps({"ready": True, "torch": torch.__version__, "transformers": __version__}), file=out, flush=True)
for line in sys.stdin:
    job = json.loads(line)
    scores = None
    if job["task"] == "generate":
        if scaled:
            scaled.embed_scale = scale
        batch = model.tokenizer(job["source"], return_tensors="pt", padding=True)
        start = time.perf_counter()
        with torch.no_grad():
            ids = model.model.generate(**batch, num_beams=job["num_beams"], max_new_tokens=job["new_tokens"], min_new_tokens=job["new_tokens"])
        seconds = time.perf_counter() - start
        scores = ids[0].tolist()
    else:
        if scaled:
            scaled.embed_scale = 1.0
        arguments = {"n_steps": job["n_steps"], "internal_batch_size": job.get("internal_batch_size")} if job["task"] == "integrated_gradients" else {}
        start = time.perf_counter()
        result = model.attribute(job["source"], job["target"], method=job["task"], show_progress=False, **arguments)
        seconds = time.perf_counter() - start
        sequence = result.sequence_attributions[0].aggregate()
        scores = sequence.source_attributions if sequence.source_attributions is not None else sequence.target_attributions
        scores = scores.nan_to_num().flatten().tolist()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "scores": scores}), file=out, flush=True)
