//! `pytorch_model.bin`: a pickle that describes tensors, and their storages.

mod archive;
mod legacy;

use std::borrow::Cow;
use std::ops::Range;

use indexmap::IndexMap;

use super::foreign;
use super::pickle::{StorageRef, TensorRef, Value};
use super::stored::StoredDType;
use crate::{Error, Result};

/// Largest size of a pickle in bytes; a larger one contains more than descriptions of tensors.
const LARGEST_PICKLE: usize = 64 << 20;
/// Largest number of axes of a tensor.
const MOST_AXES: usize = 64;

/// Type, shape and place of a tensor in the file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dtype: StoredDType,
    pub(super) shape: Vec<usize>,
    strides: Vec<usize>,
    /// Byte range of the whole storage in the file.
    pub(super) storage: Range<usize>,
    /// Index of the first value in the storage.
    offset: usize,
}

/// The tensors of a file, by name, in the format of PyTorch since 1.6 (a zip archive) or the one before.
pub(super) fn entries(file: &str, bytes: &[u8]) -> Result<IndexMap<String, Entry>> {
    let tensors = if bytes.starts_with(b"PK") {
        archive::read(bytes)
    } else if bytes.starts_with(b"\x80") {
        legacy::read(bytes)
    } else if bytes.get(257..262) == Some(b"ustar") {
        Err("a tar archive, which PyTorch wrote before 0.2 and nothing reads safely; load it with PyTorch where you trust \
             it, and save it again as safetensors"
            .into())
    } else {
        Err(foreign::described_or_empty(bytes)
            .unwrap_or("neither a zip archive nor a pickle, as PyTorch writes them; fetch it again")
            .into())
    };
    tensors.map_err(|message| Error::checkpoint(file.to_string(), message))
}

/// The tensors of a pickled state dictionary in a file of `bytes` bytes; `locate` finds a storage in the file.
fn tensors(
    root: Value,
    bytes: usize,
    mut locate: impl FnMut(&StorageRef) -> Result<Range<usize>, String>,
) -> Result<IndexMap<String, Entry>, String> {
    let Value::Dict(root) = root else { return Err("it holds no dictionary of tensors".into()) };
    let mut entries = IndexMap::new();
    for (name, value) in &root.items {
        // Whatever else a training script has put beside the tensors.
        let (Value::String(name), Value::Tensor(tensor)) = (name, value) else { continue };
        let entry = locate(&tensor.storage)
            .and_then(|storage| Entry::new(tensor, storage, bytes))
            .map_err(|message| format!("tensor `{name}`: {message}"))?;
        entries.insert(name.to_string(), entry);
    }
    if entries.is_empty() {
        let inner = root.items.iter().find_map(|(name, value)| match (name, value) {
            (Value::String(name), Value::Dict(inner)) if inner.holds_tensors() => Some(name),
            _ => None,
        });
        return Err(match inner {
            Some(name) => format!(
                "its tensors lie one level down, in `{name}`, as a training script saved them; load it with PyTorch and save \
                 `checkpoint[\"{name}\"]` itself"
            ),
            None => "it holds no tensors at its top level; save the model's state_dict itself".into(),
        });
    }
    Ok(entries)
}

impl Entry {
    /// A tensor in the byte range `storage` of a file of `bytes` bytes.
    fn new(tensor: &TensorRef, storage: Range<usize>, bytes: usize) -> Result<Self, String> {
        let TensorRef { dtype, shape, strides, offset, .. } = tensor.clone();
        let storage = match tensor.storage.part {
            None => storage,
            Some((first, count)) => {
                let size = tensor.storage.dtype.size();
                let start = first.checked_mul(size).and_then(|first| storage.start.checked_add(first));
                let end = start.zip(count.checked_mul(size)).and_then(|(start, length)| start.checked_add(length));
                match start.zip(end) {
                    Some((start, end)) if end <= storage.end => start..end,
                    _ => return Err(format!("{count} values from value {first} reach beyond its storage")),
                }
            }
        };
        let entry = Self { dtype, shape, strides, storage, offset };
        check(&entry, bytes)?;
        Ok(entry)
    }
}

/// Checks that the values of the tensor are inside its storage.
fn check(entry: &Entry, bytes: usize) -> Result<(), String> {
    let (shape, strides) = (&entry.shape, &entry.strides);
    if shape.len() != strides.len() {
        return Err(format!("{} axes and {} strides", shape.len(), strides.len()));
    }
    if shape.len() > MOST_AXES {
        return Err(format!("{} axes are more than any tensor has", shape.len()));
    }
    if shape.contains(&0) {
        return Ok(());
    }
    let values = entry.storage.len() / entry.dtype.size();
    let last = shape.iter().zip(strides).try_fold(entry.offset, |last, (&n, &stride)| {
        (n - 1).checked_mul(stride).and_then(|reach| last.checked_add(reach))
    });
    // A stride of 0 repeats values. The tensor must fit into its file, so that a small file cannot ask for a large one.
    let most = values.max(bytes / entry.dtype.size());
    let count = shape.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
    match (last, count) {
        (Some(last), Some(count)) if last < values && count <= most => Ok(()),
        _ => Err(format!(
            "shape {shape:?} with strides {strides:?} from value {} reaches beyond its storage of {values} values",
            entry.offset
        )),
    }
}

/// A tensor's values, row-major.
pub(super) fn data<'a>(file: &str, name: &str, bytes: &'a [u8], entry: &Entry) -> Result<Cow<'a, [u8]>> {
    let invalid = || Error::tensor(file, name, "the tensor lies outside its file".into());
    if entry.shape.contains(&0) {
        return Ok(Cow::Borrowed(&[]));
    }
    let size = entry.dtype.size();
    let storage = bytes.get(entry.storage.clone()).ok_or_else(invalid)?;
    let count: usize = entry.shape.iter().product();
    let mut expected = 1;
    let contiguous = entry.shape.iter().zip(&entry.strides).rev().all(|(&n, &stride)| {
        let fits = n == 1 || stride == expected;
        expected *= n;
        fits
    });
    if contiguous {
        let start = entry.offset * size;
        return storage.get(start..start + count * size).map(Cow::Borrowed).ok_or_else(invalid);
    }
    let mut out = Vec::with_capacity(count * size);
    let mut index = vec![0usize; entry.shape.len()];
    for _ in 0..count {
        let at = entry.offset + index.iter().zip(&entry.strides).map(|(i, s)| i * s).sum::<usize>();
        out.extend_from_slice(storage.get(at * size..(at + 1) * size).ok_or_else(invalid)?);
        for (i, &n) in index.iter_mut().zip(&entry.shape).rev() {
            *i += 1;
            if *i < n {
                break;
            }
            *i = 0;
        }
    }
    Ok(Cow::Owned(out))
}
