//! The format of PyTorch before 1.6: four pickles (the magic number, the version, facts about the machine, the tensors), a
//! fifth with the keys of the storages, and the storages in the order of the keys, each after the number of its values.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use indexmap::IndexMap;

use super::{Entry, LARGEST_PICKLE};
use crate::checkpoint::pickle::{self, Pickle, Storages, Value};

/// The only version of the format.
const VERSION: i64 = 1001;

/// The tensors of a file.
pub(super) fn read(bytes: &[u8]) -> Result<IndexMap<String, Entry>, String> {
    let mut pickles = Pickles { bytes, at: 0 };
    let no_weights = |found: &str| {
        format!(
            "a pickle that PyTorch did not write{found}; save the model's state_dict with torch.save or as safetensors"
        )
    };
    match pickles.next("the number that opens it") {
        Ok(Pickle { value: Value::Magic, .. }) => {}
        Ok(_) => return Err(no_weights("")),
        Err(message) => return Err(no_weights(&format!(" ({message})"))),
    }
    match pickles.next("its version")?.value {
        Value::Int(VERSION) => {}
        Value::Int(version) => return Err(format!("version {version} of the format before PyTorch 1.6 is not known")),
        _ => return Err("its version is no number".into()),
    }
    if let Value::Dict(machine) = pickles.next("the facts of its machine")?.value
        && let Some(Value::Bool(false)) = machine.get("little_endian")
    {
        return Err("written on a big-endian machine; convert it to safetensors there".into());
    }
    let Pickle { value: root, storages, .. } = pickles.next("its tensors")?;
    let Value::List(keys) = pickles.next("the keys of its storages")?.value else {
        return Err("the keys of its storages are no list".into());
    };
    let places = places(bytes, pickles.at, &keys.values, &storages)?;
    super::tensors(root, bytes.len(), |storage| {
        places.get(&storage.key).cloned().ok_or_else(|| format!("the file has no storage `{}`", storage.key))
    })
}

/// The byte ranges of consecutive storages that start at byte `at`.
fn places(
    bytes: &[u8],
    mut at: usize,
    keys: &[Value],
    storages: &Storages,
) -> Result<HashMap<Rc<str>, Range<usize>>, String> {
    let mut places = HashMap::new();
    for key in keys {
        let Value::String(key) = key else { return Err("the key of a storage is no text".into()) };
        let storage = storages.get(key).ok_or_else(|| format!("storage `{key}` belongs to no tensor"))?;
        let short = || format!("storage `{key}` ends after the file; fetch it again");
        let (count, _) = bytes.get(at..).and_then(|rest| rest.split_first_chunk()).ok_or_else(short)?;
        let count = i64::from_le_bytes(*count);
        if usize::try_from(count) != Ok(storage.count) {
            return Err(format!("storage `{key}` has {count} values where its tensors expect {}", storage.count));
        }
        let start = at + size_of::<i64>();
        let end = storage.count.checked_mul(storage.dtype.size()).and_then(|length| start.checked_add(length));
        let end = end.filter(|&end| end <= bytes.len()).ok_or_else(short)?;
        places.insert(key.clone(), start..end);
        at = end;
    }
    Ok(places)
}

/// Consecutive pickles.
struct Pickles<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Pickles<'_> {
    fn next(&mut self, what: &str) -> Result<Pickle, String> {
        let rest = &self.bytes[self.at..];
        let pickle = pickle::read(&rest[..rest.len().min(LARGEST_PICKLE)])
            .map_err(|message| format!("the pickle of {what}: {message}"))?;
        self.at += pickle.length;
        Ok(pickle)
    }
}
