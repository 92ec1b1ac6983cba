"""Attribute a dataset with Spark: each partition of a small table is a shard, which a process of `inseq` does.

    spark-submit --conf spark.task.cpus=4 attribute_dataset.py 64 -d /shared/corpus.parquet -in text -o /shared/results/

Arguments: number of shards, and the flags of `inseq attribute-dataset`. Every machine has the program `inseq` and the folder /shared. A
shard that is run again, because its machine was lost, goes on where it was. Spark tries a shard that fails four times
(spark.task.maxFailures).
"""

import subprocess
import sys

from pyspark.sql import SparkSession


def main(shards: int, flags: list[str]) -> None:
    def attribute(number: int) -> str:
        shard = f"{number}/{shards}"
        command = ["inseq", "attribute-dataset", *flags, "--shard", shard, "--progress", "none"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return f"{shard} {done.stdout.strip()}"

    spark = SparkSession.builder.appName("inseq attribute-dataset").getOrCreate()
    for said in spark.sparkContext.parallelize(range(shards), shards).map(attribute).collect():
        print(said)
    spark.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
