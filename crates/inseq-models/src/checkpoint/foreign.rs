//! Files whose content is not what their name says.

/// Starts of web pages and of the answers of servers, in lower case.
const PAGES: [&[u8]; 5] = [b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--"];

/// Describes a pointer or a page that is there in place of a file, with the way out.
pub(super) fn described(bytes: &[u8]) -> Option<&'static str> {
    let start = bytes.trim_ascii_start();
    let is_page = |page: &&[u8]| start.get(..page.len()).is_some_and(|start| start.eq_ignore_ascii_case(page));
    if bytes.starts_with(b"version https://git-lfs") {
        Some("a pointer of Git LFS, not the file itself; run `git lfs pull` in the folder")
    } else if PAGES.iter().any(is_page) {
        Some("a web page, as servers and proxies send in place of a file; fetch the file itself")
    } else {
        None
    }
}

/// As [`described`], for a file that cannot be empty.
pub(super) fn described_or_empty(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() { Some("the file is empty; fetch it again") } else { described(bytes) }
}

/// Describes a text file that JSON readers refuse, with the way out.
pub(crate) fn described_text(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => {
            Some("begins with a byte order mark (BOM), which JSON does not have; save the file as UTF-8 without it")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is text in UTF-16; save the file as UTF-8"),
        _ if bytes.trim_ascii().is_empty() => Some("the file is empty; fetch it again"),
        _ => described(bytes),
    }
}
