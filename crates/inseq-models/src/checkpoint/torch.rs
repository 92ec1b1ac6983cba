//! `pytorch_model.bin`: a zip archive of one pickle and the storages it names.

use std::borrow::Cow;
use std::io::Cursor;
use std::ops::Range;

use indexmap::IndexMap;
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{self, Value};
use super::stored::StoredDType;
use crate::{Error, Result};

/// Where a tensor's values lie in the archive.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dtype: StoredDType,
    pub(super) shape: Vec<usize>,
    strides: Vec<usize>,
    /// Bytes of the whole storage in the file.
    storage: Range<usize>,
    /// First value in the storage.
    offset: usize,
}

/// The tensors of an archive, by name.
pub(super) fn entries(file: &str, bytes: &[u8]) -> Result<IndexMap<String, Entry>> {
    let invalid = |message: String| Error::Checkpoint { file: file.to_string(), message };
    if !bytes.starts_with(b"PK") {
        return Err(invalid(
            "not a zip archive; files of PyTorch before 1.6 and truncated files cannot be read: save the model again, best \
             as safetensors"
                .into(),
        ));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|e| invalid(format!("not a whole zip archive ({e}); fetch it again")))?;
    let pickle_name = archive
        .file_names()
        .flatten()
        .find(|name| name.ends_with("/data.pkl"))
        .map(|name| name.to_string())
        .ok_or_else(|| invalid("the archive has no data.pkl, so it is not a PyTorch checkpoint".into()))?;
    let prefix = pickle_name.trim_end_matches("data.pkl").to_string();
    let pickle_range = stored_range(file, bytes, &mut archive, &pickle_name)?;
    let root = pickle::read(&bytes[pickle_range]).map_err(|e| invalid(format!("data.pkl: {e}")))?;
    let Value::Dict(items) = root else {
        return Err(invalid("data.pkl holds no dictionary of tensors".into()));
    };
    let mut entries = IndexMap::new();
    for (name, value) in items {
        let (Value::String(name), Value::Tensor(tensor)) = (name, value) else { continue };
        let key = format!("{prefix}data/{}", tensor.storage);
        let storage = stored_range(file, bytes, &mut archive, &key)?;
        let entry =
            Entry { dtype: tensor.dtype, shape: tensor.shape, strides: tensor.strides, storage, offset: tensor.offset };
        check(&entry).map_err(|message| invalid(format!("tensor `{name}`: {message}")))?;
        entries.insert(name, entry);
    }
    Ok(entries)
}

/// The bytes of a stored archive member.
fn stored_range(file: &str, bytes: &[u8], archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Range<usize>> {
    let invalid = |message: String| Error::Checkpoint { file: file.to_string(), message };
    let member = archive.by_name(name).map_err(|e| invalid(format!("archive member `{name}`: {e}")))?;
    if member.compression() != CompressionMethod::Stored {
        return Err(invalid(format!("archive member `{name}` is compressed, which PyTorch never does")));
    }
    let start = member.data_start().ok_or_else(|| invalid(format!("archive member `{name}` has no data")))? as usize;
    let end = start.checked_add(member.size() as usize).filter(|&end| end <= bytes.len());
    end.map(|end| start..end)
        .ok_or_else(|| invalid(format!("archive member `{name}` ends after the file; fetch it again")))
}

/// Whether the tensor's values lie in its storage.
fn check(entry: &Entry) -> Result<(), String> {
    if entry.shape.len() != entry.strides.len() {
        return Err(format!("shape {:?} and strides {:?} have different lengths", entry.shape, entry.strides));
    }
    if entry.shape.contains(&0) {
        return Ok(());
    }
    let mut last = entry.offset;
    for (&n, &stride) in entry.shape.iter().zip(&entry.strides) {
        last = (n - 1)
            .checked_mul(stride)
            .and_then(|reach| last.checked_add(reach))
            .ok_or_else(|| format!("shape {:?} with strides {:?} is too large", entry.shape, entry.strides))?;
    }
    let values = entry.storage.len() / entry.dtype.size();
    if last >= values {
        return Err(format!("shape {:?} needs {} values, but its storage has {values}", entry.shape, last + 1));
    }
    // A stride of 0 would let a small file ask for a large tensor.
    let count = entry.shape.iter().try_fold(1usize, |a, &n| a.checked_mul(n));
    match count {
        Some(count) if count <= values => Ok(()),
        _ => Err(format!("shape {:?} has more values than its storage ({values})", entry.shape)),
    }
}

/// A tensor's values, row-major.
pub(super) fn data<'a>(name: &str, bytes: &'a [u8], entry: &Entry) -> Result<Cow<'a, [u8]>> {
    let invalid = || Error::Checkpoint { file: name.to_string(), message: "the tensor lies outside its file".into() };
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
