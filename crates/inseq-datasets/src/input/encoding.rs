//! Encoding of text.

use super::cells::Cell;

/// How bytes become text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Encoding {
    charset: Charset,
    /// Whether bytes that are no text become U+FFFD.
    replace: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Charset {
    #[default]
    Utf8,
    Ascii,
    Latin1,
}

impl Encoding {
    /// The encoding with Python's name and handling of errors.
    ///
    /// # Errors
    /// It is not known; the message is for behind the name of the argument.
    pub(super) fn new(name: Option<&str>, errors: Option<&str>) -> Result<Self, String> {
        let name = name.unwrap_or("utf-8");
        let charset = match name.to_ascii_lowercase().replace(['_', ' '], "-").as_str() {
            "utf-8" | "utf8" | "utf-8-sig" | "u8" => Charset::Utf8,
            "ascii" | "us-ascii" => Charset::Ascii,
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" => Charset::Latin1,
            _ => {
                return Err(format!(
                    "the encoding `{name}` is not read; expected `utf-8`, `ascii` or `latin-1`: convert the file, such as with \
                     `iconv -f {name} -t utf-8`"
                ));
            }
        };
        let replace = match errors.unwrap_or("strict") {
            "strict" => false,
            "replace" => true,
            other => return Err(format!("`encoding_errors` is `{other}`; expected `strict` or `replace`")),
        };
        Ok(Self { charset, replace })
    }

    /// The text of some bytes; or why they are none.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<String, String> {
        let valid_to = match self.charset {
            Charset::Latin1 => return Ok(bytes.iter().copied().map(char::from).collect()),
            Charset::Utf8 => match std::str::from_utf8(bytes) {
                Ok(text) => return Ok(text.to_owned()),
                Err(e) => e.valid_up_to(),
            },
            Charset::Ascii => match bytes.iter().position(|byte| !byte.is_ascii()) {
                None => return Ok(bytes.iter().copied().map(char::from).collect()),
                Some(place) => place,
            },
        };
        if self.replace {
            return Ok(match self.charset {
                Charset::Ascii => bytes
                    .iter()
                    .map(|&b| if b.is_ascii() { char::from(b) } else { char::REPLACEMENT_CHARACTER })
                    .collect(),
                _ => String::from_utf8_lossy(bytes).into_owned(),
            });
        }
        let name = if self.charset == Charset::Ascii { "ASCII" } else { "UTF-8" };
        Err(format!("byte {} of {} is not {name}", valid_to + 1, bytes.len()))
    }

    /// The cell with some bytes.
    pub(super) fn cell(self, bytes: &[u8]) -> Cell {
        match self.decode(bytes) {
            Ok(text) => Cell::Text(text),
            Err(reason) => Cell::Bad(reason),
        }
    }
}
