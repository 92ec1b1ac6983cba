//! Files mapped into memory, for checkpoints and for saved results. The only library file of the workspace with unsafe code.

use std::fs::File;
use std::ops::Range;

pub use memmap2::Mmap;

/// Maps a file for reading.
///
/// No program may truncate or rewrite the file while the map is open; every program that maps model weights relies on this.
/// The values are only read as plain bytes.
///
/// # Errors
/// The system cannot map it.
pub fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: see above; a `&[u8]` of file contents has no invalid values.
    unsafe { Mmap::map(file) }
}

/// Returns the pages of a byte range to the system, which reads them from the file again on the next access.
///
/// This is a hint: the contents of the map do not change, and a system may ignore it.
pub fn release(map: &Mmap, range: Range<usize>) {
    #[cfg(unix)]
    if range.start <= range.end && range.end <= map.len() {
        // SAFETY: the map is of a file and never written to, so the pages that come back hold the same bytes.
        let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len()) };
    }
    #[cfg(not(unix))]
    let _ = (map, range);
}

/// Access pattern of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// From one end to the other; the system may read ahead.
    InOrder,
    /// At scattered places; the system should not read ahead.
    Scattered,
}

/// Announces the access pattern of a map. This is a hint, which a system may ignore.
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
