//! Bytes of a data file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::{Error, Result};

/// Bytes that are read at once.
const BUFFER: usize = 1 << 18;

/// Compressed files by their first bytes: how to undo it, where that is not done here.
const COMPRESSED: [(&[u8], &str); 4] = [
    (b"PK\x03\x04", "a zip archive; unpack it"),
    (b"\xfd7zXZ\x00", "compressed by xz; decompress it, or use gzip or zstd"),
    (b"BZh", "compressed by bzip2; decompress it, or use gzip or zstd"),
    (b"\x04\x22\x4d\x18", "compressed by lz4; decompress it, or use gzip or zstd"),
];

pub(super) fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Bytes of a text file, decompressed where it is compressed by gzip or zstd, without a byte order mark.
pub(super) fn text(path: &Path) -> Result<Box<dyn BufRead + Send>> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let mut file = open(path)?;
    let mut start = [0; 6];
    let length = read_start(&mut file, &mut start).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let start = &start[..length];
    let file = BufReader::with_capacity(BUFFER, file);
    let mut reader: Box<dyn BufRead + Send> = if start.starts_with(b"\x1f\x8b") {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file)))
    } else if start.starts_with(b"\x28\xb5\x2f\xfd") {
        let decoder = zstd::Decoder::with_buffer(file).map_err(failed)?;
        Box::new(BufReader::with_capacity(BUFFER, decoder))
    } else if let Some((_, what)) = COMPRESSED.iter().find(|(mark, _)| start.starts_with(mark)) {
        return Err(Error::Dataset(format!("{}: the file is {what}", path.display())));
    } else {
        Box::new(file)
    };
    let mark = b"\xef\xbb\xbf";
    if reader.fill_buf().map_err(failed)?.starts_with(mark) {
        reader.consume(mark.len());
    }
    Ok(reader)
}

fn read_start(file: &mut File, start: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < start.len() {
        match file.read(&mut start[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

/// Size of a file in bytes, and its BLAKE3 hash in hexadecimal digits.
pub(super) fn fingerprint(path: &Path) -> Result<(u64, String)> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(open(path)?).map_err(failed)?;
    Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
}
