//! `pytorch_model.bin`: a zip archive of one pickle and the storages it names.

use std::borrow::Cow;
use std::io::Cursor;
use std::ops::Range;

use indexmap::IndexMap;
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{self, Value};
use super::stored::{StoredDType, not_weights};
use crate::{Error, Result};

/// A pickle larger than this does not only describe tensors.
const LARGEST_PICKLE: usize = 64 << 20;
/// No tensor has more axes.
const MOST_AXES: usize = 64;

/// Where a tensor's values lie in the archive.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dtype: StoredDType,
    pub(super) shape: Vec<usize>,
    strides: Vec<usize>,
    /// Bytes of the whole storage in the file.
    pub(super) storage: Range<usize>,
    /// First value in the storage.
    offset: usize,
}

/// The tensors of an archive, by name.
pub(super) fn entries(file: &str, bytes: &[u8]) -> Result<IndexMap<String, Entry>> {
    let invalid = |message: String| Error::Checkpoint { file: file.to_string(), message };
    if !bytes.starts_with(b"PK") {
        // A pickled integer of ten bytes opens every file of the older format.
        return Err(invalid(if bytes.starts_with(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") {
            "the format of PyTorch before 1.6, which is not read; load it with PyTorch and save it again, best as \
             safetensors"
                .into()
        } else {
            not_weights(bytes).unwrap_or("not a zip archive, as PyTorch writes them; fetch it again").into()
        }));
    }
    let mut archive = Archive::open(file, bytes)?;
    let pickle_range = archive.member("data.pkl")?;
    if pickle_range.len() > LARGEST_PICKLE {
        return Err(invalid(format!(
            "data.pkl has {} bytes; one that describes weights is far smaller",
            pickle_range.len()
        )));
    }
    if archive.has("byteorder") {
        let order = archive.member("byteorder")?;
        if bytes[order.clone()] == *b"big" {
            return Err(invalid("written on a big-endian machine; convert it to safetensors there".into()));
        }
    }
    let root = pickle::read(&bytes[pickle_range]).map_err(|e| invalid(format!("data.pkl: {e}")))?;
    let Value::Dict(root) = root else {
        return Err(invalid("data.pkl holds no dictionary of tensors".into()));
    };
    let mut entries = IndexMap::new();
    for (name, value) in root.items {
        // Whatever else a training script has put beside the tensors.
        let (Value::String(name), Value::Tensor(tensor)) = (name, value) else { continue };
        let storage = archive.member(&format!("data/{}", tensor.storage))?;
        let entry = Entry {
            dtype: tensor.dtype,
            shape: tensor.shape.clone(),
            strides: tensor.strides.clone(),
            storage,
            offset: tensor.offset,
        };
        check(&entry).map_err(|message| invalid(format!("tensor `{name}`: {message}")))?;
        entries.insert(name.to_string(), entry);
    }
    if entries.is_empty() {
        return Err(invalid("data.pkl holds no tensors at its top level; save the model's state_dict itself".into()));
    }
    Ok(entries)
}

/// The members of an archive, which all lie in one folder that has any name.
struct Archive<'a> {
    file: &'a str,
    bytes: &'a [u8],
    zip: ZipArchive<Cursor<&'a [u8]>>,
    folder: String,
}

impl<'a> Archive<'a> {
    fn open(file: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let invalid = |message: String| Error::Checkpoint { file: file.to_string(), message };
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|e| invalid(format!("not a whole zip archive ({e}); fetch it again")))?;
        let folder = zip
            .file_names()
            .flatten()
            .find_map(|name| name.strip_suffix("/data.pkl").map(|folder| folder.to_string()))
            .ok_or_else(|| invalid("the archive has no data.pkl, so it is not a PyTorch checkpoint".into()))?;
        Ok(Self { file, bytes, zip, folder })
    }

    fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{}/{name}", self.folder)).is_some()
    }

    /// Where the bytes of a member lie in the file.
    fn member(&mut self, name: &str) -> Result<Range<usize>> {
        let invalid = |message: String| Error::Checkpoint {
            file: self.file.to_string(),
            message: format!("archive member `{name}` {message}"),
        };
        let member = self
            .zip
            .by_name(&format!("{}/{name}", self.folder))
            .map_err(|e| invalid(format!("cannot be read ({e}); fetch it again")))?;
        if member.compression() != CompressionMethod::Stored {
            return Err(invalid("is compressed, which PyTorch never does".into()));
        }
        let range = member.data_start().and_then(|start| {
            let start = usize::try_from(start).ok()?;
            let end = start.checked_add(usize::try_from(member.size()).ok()?)?;
            (end <= self.bytes.len()).then_some(start..end)
        });
        range.ok_or_else(|| invalid("ends after the file; fetch it again".into()))
    }
}

/// Whether the tensor's values lie in its storage.
fn check(entry: &Entry) -> Result<(), String> {
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
    // A stride of 0 would let a small file ask for a large tensor.
    let count = shape.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
    match (last, count) {
        (Some(last), Some(count)) if last < values && count <= values => Ok(()),
        _ => Err(format!(
            "shape {shape:?} with strides {strides:?} from value {} reaches beyond its storage of {values} values",
            entry.offset
        )),
    }
}

/// A tensor's values, row-major.
pub(super) fn data<'a>(name: &str, bytes: &'a [u8], entry: &Entry) -> Result<Cow<'a, [u8]>> {
    let invalid = || Error::Checkpoint { file: name.to_string(), message: "the tensor lies outside its file".into() };
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
