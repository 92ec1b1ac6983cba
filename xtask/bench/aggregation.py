"""The reference's aggregation of a large result as a worker: one line with a function's name in, one line of JSON out.

    python aggregation.py FILE THREADS

FILE is the safetensors result that `aggregation_worker` wrote.
"""

import json
import os
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever the libraries print goes to stderr
import torch  # noqa: E402

torch.set_num_threads(int(sys.argv[2]))
from inseq.data.attribution import GranularFeatureAttributionSequenceOutput as Granular  # noqa: E402
from inseq.utils.typing import TokenWithId  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

scores = load_file(sys.argv[1])["sequences.0.source_attributions"].clone()
tokens = lambda count: [TokenWithId("▁", i) for i in range(count)]  # noqa: E731
sequence = Granular(
    source=tokens(scores.shape[0]), target=tokens(scores.shape[1]), source_attributions=scores, target_attributions=None,
    step_scores={}, sequence_scores={}, attr_pos_start=0, attr_pos_end=scores.shape[1],
)
print(json.dumps({"ready": True, "torch": torch.__version__}), file=out, flush=True)
for line in sys.stdin:
    function = json.loads(line)
    start = time.perf_counter()
    aggregated = sequence.aggregate(function)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "scores": aggregated.source_attributions.flatten().tolist()}), file=out, flush=True)
