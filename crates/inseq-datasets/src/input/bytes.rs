//! Bytes of a data file.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;

use super::content::{binary, mistaken};
use super::kind::Kind;
use super::origin::{Opened, Origin};
use crate::{Error, Result};

/// Bytes that are read at once.
const BUFFER: usize = 1 << 18;

/// The byte order mark in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Compressed files by their first bytes: how to undo it, where that is not done here.
const COMPRESSED: [(&[u8], &str); 4] = [
    (b"PK\x03\x04", "a zip archive; unpack it"),
    (b"\xfd7zXZ\x00", "compressed by xz; decompress it, or use gzip or zstd"),
    (b"BZh", "compressed by bzip2; decompress it, or use gzip or zstd"),
    (b"\x04\x22\x4d\x18", "compressed by lz4; decompress it, or use gzip or zstd"),
];

/// Bytes of a text file behind the first `offset` ones, decompressed where it is compressed by gzip or zstd, without a byte order mark.
pub(super) fn text(origin: &Origin, offset: u64) -> Result<Box<dyn BufRead + Send>> {
    let failed = |source| origin.failed(source);
    let mut file = origin.open()?;
    let mut start = [0; 6];
    let length = read_start(&mut file, &mut start).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let start = &start[..length];
    let mut file = BufReader::with_capacity(BUFFER, file);
    if start.starts_with(b"\x1f\x8b") {
        return behind(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file)), offset).map_err(failed);
    }
    if start.starts_with(b"\x28\xb5\x2f\xfd") {
        let decoder = zstd::Decoder::with_buffer(file).map_err(failed)?;
        return behind(BufReader::with_capacity(BUFFER, decoder), offset).map_err(failed);
    }
    if let Some((_, what)) = COMPRESSED.iter().find(|(mark, _)| start.starts_with(mark)) {
        return Err(Error::Dataset(format!("{origin}: the file is {what}")));
    }
    if let Some(found) = binary(start) {
        return Err(mistaken(origin, Kind::Text, found));
    }
    let mark = if start.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() as u64 } else { 0 };
    file.seek(SeekFrom::Start(mark + offset)).map_err(failed)?;
    Ok(Box::new(file))
}

/// What a reader gives behind the first `offset` bytes after a byte order mark.
fn behind(mut reader: impl BufRead + Send + 'static, offset: u64) -> std::io::Result<Box<dyn BufRead + Send>> {
    if reader.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        reader.consume(BYTE_ORDER_MARK.len());
    }
    std::io::copy(&mut (&mut reader).take(offset), &mut std::io::sink())?;
    Ok(Box::new(reader))
}

fn read_start(file: &mut Opened, start: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < start.len() {
        match file.read(&mut start[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}
