//! Attribution of whole datasets: rows of files in, a folder of Parquet parts out, resumable and in shards.
