//! Programs tell errors apart by their kind, and find the argument in it.

use inseq_models::checkpoint::{HubOptions, Repository};
use inseq_models::generation::GenerationConfig;
use inseq_models::{Error, device};
use serde_json::json;

#[test]
fn kinds_differ() {
    let unknown = device::parse("abacus").unwrap_err();
    assert!(matches!(&unknown, Error::Argument { name, .. } if name == "device"), "{unknown:?}");
    let absent = device::parse("cpu:3").unwrap_err();
    assert!(matches!(&absent, Error::Device { what, .. } if what == "device `cpu:3`"), "{absent:?}");
    assert!(absent.to_string().starts_with("device `cpu:3` is not there"), "{absent}");

    let merged = GenerationConfig::default().merge(json!({"num_beams": "four"}).as_object().unwrap()).unwrap_err();
    assert!(matches!(&merged, Error::Argument { name, .. } if name == "num_beams"), "{merged:?}");

    let file = tempfile::NamedTempFile::new().unwrap();
    let opened = Repository::open(file.path().to_str().unwrap(), &HubOptions::default()).unwrap_err();
    assert!(matches!(&opened, Error::Argument { name, .. } if name == "model"), "{opened:?}");

    let missing = Repository::in_memory("nothing", []).config().unwrap_err();
    assert!(matches!(&missing, Error::Checkpoint { tensor: None, .. }), "{missing:?}");
}
