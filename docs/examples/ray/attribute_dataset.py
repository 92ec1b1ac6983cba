"""Attribute a dataset with Ray Data: each row of a small table is a shard, which a process of `inseq` does.

    python attribute_dataset.py 64 -d /shared/corpus.parquet -in text -o /shared/results/

Arguments: number of shards, and the flags of `inseq attribute-dataset`. Every machine has the program `inseq` and the folder /shared. A
shard that is run again, because its machine was lost, goes on where it was.
"""

import subprocess
import sys

import ray

# Cores of a process. A machine with fewer cores gets no shard.
CORES = 4


def main(shards: int, flags: list[str]) -> None:
    def attribute(row: dict) -> dict:
        shard = f"{row['id']}/{shards}"
        command = ["inseq", "attribute-dataset", *flags, "--shard", shard, "--progress", "none"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return {"shard": shard, "said": done.stdout.strip()}

    ray.init()
    # A shard that fails, for example on a full disk, is tried three times.
    table = ray.data.range(shards, override_num_blocks=shards)
    done = table.map(attribute, num_cpus=CORES, max_retries=2, retry_exceptions=True)
    for row in done.iter_rows():
        print(row["shard"], row["said"])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
