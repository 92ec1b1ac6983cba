//! The one place that maps files into memory.
#![allow(unsafe_code)]

use std::fs::File;

use memmap2::Mmap;

/// Maps a file for reading.
///
/// The map is sound as long as nobody truncates or rewrites the file while it is open, which is what every program that
/// maps model weights relies on; values are only ever read as plain bytes.
pub(crate) fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: see above; a `&[u8]` of file contents has no invalid values.
    unsafe { Mmap::map(file) }
}
