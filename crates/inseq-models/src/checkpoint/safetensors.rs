//! Safetensors files.

use std::borrow::Cow;
use std::ops::Range;

use indexmap::IndexMap;
use inseq_core::mismatch;
use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};

use super::foreign;
use super::stored::StoredDType;
use crate::{Error, Result};

/// Type, shape and place of a tensor in a file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dtype: StoredDType,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Range<usize>,
}

/// The tensors of a file, by name, in the order of the file.
pub(super) fn entries(file: &str, bytes: &[u8]) -> Result<IndexMap<String, Entry>> {
    let invalid = |message: String| Error::checkpoint(file.to_string(), message);
    if let Some(message) = foreign::described_or_empty(bytes) {
        return Err(invalid(message.into()));
    }
    check_ends(bytes).map_err(invalid)?;
    let (header, metadata) = SafeTensors::read_metadata(bytes)
        .map_err(|e| invalid(format!("not a whole safetensors file ({e}); fetch it again")).caused_by(e))?;
    let start = header + size_of::<u64>();
    let mut entries = IndexMap::new();
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else { continue };
        let dtype = match info.dtype {
            Dtype::F64 => StoredDType::F64,
            Dtype::F32 => StoredDType::F32,
            Dtype::F16 => StoredDType::F16,
            Dtype::BF16 => StoredDType::BF16,
            Dtype::I64 => StoredDType::I64,
            Dtype::I32 => StoredDType::I32,
            Dtype::I16 => StoredDType::I16,
            Dtype::I8 => StoredDType::I8,
            Dtype::U8 => StoredDType::U8,
            Dtype::U64 => StoredDType::U64,
            Dtype::U32 => StoredDType::U32,
            Dtype::U16 => StoredDType::U16,
            Dtype::BOOL => StoredDType::Bool,
            Dtype::C64 => StoredDType::Complex,
            Dtype::F4 | Dtype::F6_E2M3 | Dtype::F6_E3M2 => StoredDType::Packed,
            Dtype::F8_E4M3 | Dtype::F8_E5M2 | Dtype::F8_E8M0 | Dtype::F8_E4M3FNUZ | Dtype::F8_E5M2FNUZ => {
                StoredDType::F8
            }
            other => return Err(invalid(format!("tensor `{name}` has the type {other:?}, which is not known"))),
        };
        let (from, to) = info.data_offsets;
        entries.insert(name, Entry { dtype, shape: info.shape.clone(), bytes: start + from..start + to });
    }
    Ok(entries)
}

/// Checks that every tensor ends inside the file. `read_metadata` sums the ends before it compares them with the length of
/// the file, and a header can make this sum overflow.
fn check_ends(bytes: &[u8]) -> Result<(), String> {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Err(format!("{} bytes are too few for a safetensors file; fetch it again", bytes.len()));
    };
    let length = u64::from_le_bytes(*length);
    let header = usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or_else(|| {
        format!("a header of {length} bytes does not fit into a file of {}; fetch it again", bytes.len())
    })?;
    let metadata: Metadata =
        mismatch::parse(header).map_err(|e| format!("not a whole safetensors file ({e}); fetch it again"))?;
    let data = rest.len() - header.len();
    for (name, info) in metadata.tensors() {
        if info.data_offsets.1 > data {
            return Err(format!(
                "not a whole safetensors file (tensor `{name}` ends at byte {} of the data, which has {data}); fetch it again",
                info.data_offsets.1
            ));
        }
    }
    Ok(())
}

/// The bytes of an entry.
pub(super) fn data<'a>(bytes: &'a [u8], entry: &Entry) -> Cow<'a, [u8]> {
    Cow::Borrowed(bytes.get(entry.bytes.clone()).unwrap_or_default())
}
