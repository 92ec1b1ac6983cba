//! What a file holds by its first bytes, where its name says something else.

use std::io::Read as _;

use super::kind::Kind;
use super::origin::Origin;
use crate::{Error, Result};

/// First bytes of binary formats.
const MARKS: [(&[u8], Kind); 2] = [(b"PAR1", Kind::Parquet), (b"ARROW1", Kind::Arrow)];

/// The binary format of a file that starts with these bytes.
pub(super) fn binary(start: &[u8]) -> Option<Kind> {
    MARKS.iter().find(|(mark, _)| start.starts_with(mark)).map(|(_, kind)| *kind)
}

/// The error of a file that holds another format than it is read as.
pub(super) fn mistaken(origin: &Origin, kind: Kind, found: Kind) -> Error {
    let builder = found.builder();
    Error::Dataset(format!(
        "{origin}: the file is read as {kind}, but it holds {found}; choose its format, such as `--dataset_name {builder} \
         --dataset_files {origin}`"
    ))
}

/// The error of a binary file that cannot be read, if it starts as another format does.
pub(super) fn other_format(origin: &Origin, kind: Kind) -> Result<Option<Error>> {
    let mut start = Vec::new();
    origin.open()?.take(64).read_to_end(&mut start).map_err(|source| origin.failed(source))?;
    let found = binary(&start).or_else(|| {
        let is_text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
        let text = start.trim_ascii_start();
        match text.first() {
            Some(b'{' | b'[') => Some(Kind::Json),
            Some(_) if start.is_ascii() && start.iter().all(is_text) => {
                Some(if text.contains(&b',') { Kind::Csv } else { Kind::Text })
            }
            _ => None,
        }
    });
    Ok(found.filter(|found| *found != kind).map(|found| mistaken(origin, kind, found)))
}
