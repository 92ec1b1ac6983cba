//! The `inseq` command: ask a sequence model why it wrote what it wrote.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    inseq_cli::main()
}
