#!/bin/bash
# A Slurm array: each task attributes one shard of the dataset.
#
#     sbatch --array=0-9 attribute-dataset.sh corpus.parquet text results/
#
# Arguments: dataset, column of the texts, folder of results on a file system that all nodes share. A task that was stopped, or that ran
# out of time, goes on where it was when the same command is submitted again.
#SBATCH --job-name=attribute-dataset
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=06:00:00
#SBATCH --requeue
set -euo pipefail

# The number of the shard comes from SLURM_ARRAY_TASK_ID.
srun inseq attribute-dataset -d "$1" -in "$2" -o "$3" --progress json
