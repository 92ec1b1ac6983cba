//! Safetensors files.

use std::borrow::Cow;
use std::ops::Range;

use indexmap::IndexMap;
use safetensors::{Dtype, SafeTensors};

use super::stored::StoredDType;
use crate::{Error, Result};

/// Where a tensor lies in a file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dtype: StoredDType,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Range<usize>,
}

/// The tensors of a file, by name. Offsets are checked against the file by the `safetensors` crate.
pub(super) fn entries(file: &str, bytes: &[u8]) -> Result<IndexMap<String, Entry>> {
    let invalid = |message: String| Error::Checkpoint { file: file.to_string(), message };
    let (header, _) = SafeTensors::read_metadata(bytes)
        .map_err(|e| invalid(format!("not a whole safetensors file ({e}); fetch it again")))?;
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|e| invalid(format!("not a whole safetensors file ({e}); fetch it again")))?;
    let start = header + 8;
    let mut entries = IndexMap::new();
    for (name, view) in tensors.tensors() {
        let dtype = match view.dtype() {
            Dtype::F64 => StoredDType::F64,
            Dtype::F32 => StoredDType::F32,
            Dtype::F16 => StoredDType::F16,
            Dtype::BF16 => StoredDType::BF16,
            Dtype::I64 => StoredDType::I64,
            Dtype::I32 => StoredDType::I32,
            Dtype::I16 => StoredDType::I16,
            Dtype::I8 => StoredDType::I8,
            Dtype::U8 => StoredDType::U8,
            Dtype::BOOL => StoredDType::Bool,
            other => return Err(invalid(format!("tensor `{name}` has the type {other:?}, which is not supported"))),
        };
        let info = tensors.tensor(&name).map_err(|e| invalid(format!("tensor `{name}`: {e}")))?;
        let data = info.data();
        let offset = data.as_ptr() as usize - bytes.as_ptr() as usize;
        debug_assert!(offset >= start);
        entries.insert(name, Entry { dtype, shape: view.shape().to_vec(), bytes: offset..offset + data.len() });
    }
    Ok(entries)
}

/// The bytes of an entry.
pub(super) fn data<'a>(bytes: &'a [u8], entry: &Entry) -> Cow<'a, [u8]> {
    Cow::Borrowed(bytes.get(entry.bytes.clone()).unwrap_or_default())
}
