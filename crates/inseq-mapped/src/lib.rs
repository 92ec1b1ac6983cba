//! Files mapped into memory, for checkpoints and for saved results: the one module of the workspace with unsafe code.

use std::fs::File;
use std::ops::Range;

pub use memmap2::Mmap;

/// Maps a file for reading.
///
/// The map is sound as long as nobody truncates or rewrites the file while it is open, which is what every program that
/// maps model weights relies on; values are only ever read as plain bytes.
///
/// # Errors
/// The system cannot map it.
pub fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: see above; a `&[u8]` of file contents has no invalid values.
    unsafe { Mmap::map(file) }
}

/// Gives the pages of a range back to the system; they are read from the file again when they are next looked at.
///
/// Only tells the system what is not needed, so nothing is lost where it does not listen.
pub fn release(map: &Mmap, range: Range<usize>) {
    #[cfg(unix)]
    if range.start <= range.end && range.end <= map.len() {
        // SAFETY: the map is of a file and never written to, so the pages that come back hold the same bytes.
        let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len()) };
    }
    #[cfg(not(unix))]
    let _ = (map, range);
}

/// How a map is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// From one end to the other: the system may read ahead.
    InOrder,
    /// Here and there: what lies between is not needed.
    Scattered,
}

/// Says how a map is going to be read. Only a hint, so nothing is lost where the system does not listen.
pub fn expect(map: &Mmap, access: Access) {
    #[cfg(unix)]
    {
        let advice = match access {
            Access::InOrder => memmap2::Advice::Normal,
            Access::Scattered => memmap2::Advice::Random,
        };
        let _ = map.advise(advice);
    }
    #[cfg(not(unix))]
    let _ = (map, access);
}
