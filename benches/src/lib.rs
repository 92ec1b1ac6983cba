//! Benchmarks: `cargo bench -p inseq-benches` for parts (criterion), and the worker that `cargo xtask bench` drives.
#![forbid(unsafe_code)]
