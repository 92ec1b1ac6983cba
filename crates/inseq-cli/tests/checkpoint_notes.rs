//! What the program says of how a checkpoint was read.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A copy of a checkpoint of the fixtures whose `config.json` has one field changed.
fn changed(folder: &Path, name: &str, field: &str, value: Value) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/architectures").join(name);
    let to = folder.join(name);
    std::fs::create_dir(&to).unwrap();
    for file in std::fs::read_dir(&from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    let mut config: Value = serde_json::from_slice(&std::fs::read(from.join("config.json")).unwrap()).unwrap();
    config[field] = value;
    std::fs::write(to.join("config.json"), config.to_string()).unwrap();
    to
}

/// What is said beside the result.
fn notes(model: &Path, more: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_inseq"));
    program
        .args(["attribute", "-i", "the cat", "-g", "the cat sat", "-a", "dummy", "--hide", "-m"])
        .arg(model)
        .args(more);
    let output = program.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn parameters_that_the_model_does_not_use_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    // Two layers with biases of queries, keys, values and the output, which transformers reports as unexpected.
    let model = changed(folder.path(), "llama_biased", "attention_bias", false.into());
    assert_eq!(
        notes(&model, &[]),
        "warning: the model does not use 8 parameters of the checkpoint (--verbose names them)\n"
    );
    let more = notes(&model, &["--verbose"]);
    for layer in 0..2 {
        for part in ["q", "k", "v", "o"] {
            let name = format!("model.layers.{layer}.self_attn.{part}_proj.bias");
            assert!(more.contains(&name), "no `{name}` in: {more}");
        }
    }
    let whole = changed(folder.path(), "gpt_neo", "use_cache", true.into());
    assert_eq!(notes(&whole, &[]), "", "masks are no parameters");
}

#[test]
fn a_head_that_is_not_the_embeddings_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let model = changed(folder.path(), "llama", "tie_word_embeddings", true.into());
    let said = notes(&model, &[]);
    assert!(said.starts_with("warning: ") && said.contains("`lm_head.weight`") && said.lines().count() == 1, "{said}");
}
