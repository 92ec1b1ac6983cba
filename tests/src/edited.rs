//! Checkpoints of the fixtures with other fields in their `config.json`.

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::fixture;

/// A copy of a checkpoint of `fixtures/architectures` whose configuration `edit` has changed.
///
/// # Panics
/// When the fixture is not there, or the copy cannot be written.
pub fn edited(checkpoint: &str, edit: impl FnOnce(&mut Map<String, Value>)) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let files = std::fs::read_dir(fixture("architectures").join(checkpoint)).expect("the fixture is there");
    for file in files {
        let file = file.expect("a file");
        std::fs::copy(file.path(), folder.path().join(file.file_name())).expect("a file can be copied");
    }
    let path = folder.path().join("config.json");
    let bytes = std::fs::read(&path).expect("the fixture has a configuration");
    let mut config = serde_json::from_slice(&bytes).expect("the configuration is an object");
    edit(&mut config);
    std::fs::write(path, Value::Object(config).to_string()).expect("the configuration can be written");
    folder
}
