//! A zip archive of one pickle and its storages: the format of PyTorch since 1.6.

use std::io::Cursor;
use std::ops::Range;

use indexmap::IndexMap;
use zip::{CompressionMethod, ZipArchive};

use super::{Entry, LARGEST_PICKLE};
use crate::checkpoint::pickle;

/// The tensors of an archive.
pub(super) fn read(bytes: &[u8]) -> Result<IndexMap<String, Entry>, String> {
    let mut archive = Archive::open(bytes)?;
    let range = archive.member("data.pkl")?;
    if range.len() > LARGEST_PICKLE {
        return Err(format!("data.pkl has {} bytes; one that describes weights is far smaller", range.len()));
    }
    if archive.has("constants.pkl") {
        return Err(
            "a TorchScript program (torch.jit.save), which has weights and code; save the model's state_dict".into()
        );
    }
    if archive.has("byteorder") {
        let order = archive.member("byteorder")?;
        if bytes[order] == *b"big" {
            return Err("written on a big-endian machine; convert it to safetensors there".into());
        }
    }
    let root = pickle::read(&bytes[range]).map_err(|message| format!("data.pkl: {message}"))?.value;
    super::tensors(root, bytes.len(), |storage| archive.member(&format!("data/{}", storage.key)))
}

/// The members of an archive, which are all in one folder with any name.
struct Archive<'a> {
    bytes: &'a [u8],
    zip: ZipArchive<Cursor<&'a [u8]>>,
    folder: String,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|e| format!("not a whole zip archive ({e}); fetch it again"))?;
        let folder = zip
            .file_names()
            .flatten()
            .find_map(|name| name.strip_suffix("/data.pkl").map(|folder| folder.to_string()))
            .ok_or("the archive has no data.pkl, so it is not a PyTorch checkpoint")?;
        Ok(Self { bytes, zip, folder })
    }

    fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{}/{name}", self.folder)).is_some()
    }

    /// The byte range of a member in the file.
    fn member(&mut self, name: &str) -> Result<Range<usize>, String> {
        let invalid = |message: String| format!("archive member `{name}` {message}");
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
