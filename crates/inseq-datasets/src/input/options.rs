//! Arguments of `load_dataset` beyond the named ones, and what they mean for a format.

use indexmap::IndexMap;
use inseq_core::did_you_mean;
use serde_json::{Map, Value};

use super::encoding::Encoding;
use super::kind::Kind;
use super::source::Source;
use crate::{Error, Result};

/// Patterns of files by split.
pub(super) type DataFiles = IndexMap<String, Vec<String>>;

/// Arguments that change no row here.
const WITHOUT_EFFECT: [&str; 17] = [
    "cache_dir",
    "chunksize",
    "batch_size",
    "block_size",
    "download_mode",
    "engine",
    "float_precision",
    "ignore_verifications",
    "keep_in_memory",
    "low_memory",
    "memory_map",
    "num_proc",
    "save_infos",
    "streaming",
    "use_threads",
    "verbose",
    "verification_mode",
];

/// Whether an argument of `load_dataset` may change a row.
pub(crate) fn changes_rows(argument: &str) -> bool {
    !WITHOUT_EFFECT.contains(&argument)
}

/// Arguments that would change texts of a CSV file in a way that is not known here.
const REFUSED: [&str; 7] =
    ["index_col", "usecols", "thousands", "decimal", "date_format", "true_values", "false_values"];

/// Texts that are null in a CSV file, as in pandas.
const NULLS: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// How the files of one format are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ReadOptions {
    /// How bytes become text.
    pub(super) encoding: Encoding,
    /// Field of a JSON object that holds the rows.
    pub(super) field: Option<String>,
    /// How a CSV file is read.
    pub(super) csv: CsvOptions,
}

/// How a CSV file is read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CsvOptions {
    /// Between fields; by default the tab in a `.tsv` file, and the comma otherwise.
    pub(super) separator: Option<u8>,
    /// Names of the columns, in place of the file's.
    pub(super) names: Option<Vec<String>>,
    /// Whether the first row holds names.
    pub(super) header: bool,
    /// Around fields; `None` where quotes are text.
    pub(super) quote: Option<u8>,
    /// Before a character that is text.
    pub(super) escape: Option<u8>,
    /// Whether two quotes inside a field are one.
    pub(super) double_quote: bool,
    /// Lines before the table.
    pub(super) skipped_lines: u64,
    /// Largest number of rows per file.
    pub(super) most_rows: Option<u64>,
    /// Texts that stand for null.
    pub(super) nulls: Vec<String>,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            separator: None,
            names: None,
            header: true,
            quote: Some(b'"'),
            escape: None,
            double_quote: true,
            skipped_lines: 0,
            most_rows: None,
            nulls: NULLS.map(Into::into).into(),
        }
    }
}

/// The data files that the caller names: `files`, or the argument `data_files`.
///
/// # Errors
/// Both are given, or `data_files` has another form.
pub(super) fn data_files(source: &Source) -> Result<Option<DataFiles>> {
    let Some(value) = source.kwargs.get("data_files").filter(|value| !value.is_null()) else {
        let are_named = !source.files.is_empty();
        return Ok(are_named.then(|| IndexMap::from([("train".to_owned(), source.files.clone())])));
    };
    if !source.files.is_empty() {
        return Err(Error::Dataset(
            "data files are given twice: by `--dataset_files` and by `data_files`; leave one out".into(),
        ));
    }
    patterns(value).map(Some).map_err(Error::Dataset)
}

/// Patterns of files by split, in each form that `load_dataset` and cards take; or says what is wrong with them.
pub(super) fn patterns(value: &Value) -> Result<DataFiles, String> {
    let list = |value: &Value| match value {
        Value::String(file) => Some(vec![file.clone()]),
        Value::Array(files) => files.iter().map(|file| file.as_str().map(Into::into)).collect(),
        _ => None,
    };
    let entry = |entry: &Value| match entry.as_object() {
        Some(fields) if fields.len() == 2 => {
            Some((fields.get("split")?.as_str()?.to_owned(), list(fields.get("path")?)?))
        }
        _ => None,
    };
    let by_split: Option<Vec<(String, Vec<String>)>> = match value {
        Value::Object(splits) => splits.iter().map(|(split, files)| Some((split.clone(), list(files)?))).collect(),
        Value::Array(entries) if entries.iter().any(Value::is_object) => entries.iter().map(entry).collect(),
        other => list(other).map(|files| vec![("train".to_owned(), files)]),
    };
    let by_split = by_split.ok_or_else(|| {
        format!(
            "`data_files` is {value}; expected a path, a list of paths, an object of them by split, such as {{\"train\": \"a.csv\", \
             \"test\": [\"b.csv\"]}}, or a list of objects with `split` and `path`"
        )
    })?;
    let mut files = DataFiles::new();
    for (split, found) in by_split {
        if files.insert(split.clone(), found).is_some() {
            return Err(format!("`data_files` has the split `{split}` twice"));
        }
    }
    Ok(files)
}

impl ReadOptions {
    /// Reads the arguments for a format: those of the caller, and behind them those of the dataset's card.
    ///
    /// # Errors
    /// An argument is unknown, has no meaning for the format, or has a wrong value. Unknown arguments of a card are left out, as by the
    /// `datasets` library.
    pub(super) fn new(kind: Kind, card: &Map<String, Value>, kwargs: &Map<String, Value>) -> Result<Self> {
        let mut options = Self::default();
        let (mut encoding, mut errors) = (None, None);
        let mut keep_default_nulls = true;
        let mut more_nulls = Vec::new();
        let mut find_nulls = true;
        let mut header = None;
        let of_card = card.iter().filter(|(name, _)| {
            let is_known = known(kind).contains(&name.as_str()) || REFUSED.contains(&name.as_str());
            is_known && !kwargs.keys().any(|given| first_name(given) == first_name(name))
        });
        let of_card = of_card.map(|(name, value)| Argument { origin: "`configs` of the card", name, value });
        let given = kwargs.iter().map(|(name, value)| Argument { origin: "`dataset_kwargs`", name, value });
        for argument in given.chain(of_card) {
            let Argument { name, value, .. } = argument;
            let csv = &mut options.csv;
            match (kind, name) {
                (_, "data_files") => {}
                (_, name) if value.is_null() && name != "header" => {}
                (_, "trust_remote_code") if value == &Value::Bool(false) => {}
                (_, name) if WITHOUT_EFFECT.contains(&name) => {}
                (Kind::Csv | Kind::Json | Kind::Text, "encoding") => encoding = Some(argument.text()?),
                (Kind::Csv | Kind::Json | Kind::Text, "encoding_errors") => errors = Some(argument.text()?),
                (Kind::Json, "field") => options.field = Some(argument.text()?.to_owned()),
                (Kind::Json, "on_mixed_types" | "parse_agent_traces") => {}
                (Kind::Text, "keep_linebreaks") => argument.only(&Value::Bool(false))?,
                (Kind::Text, "sample_by") => argument.only(&"line".into())?,
                (Kind::Parquet, "columns") => {}
                (Kind::Parquet, "on_bad_files") => argument.only(&"error".into())?,
                (Kind::Csv, "sep") => _ = csv.separator.get_or_insert(argument.byte()?),
                (Kind::Csv, "delimiter") => csv.separator = Some(argument.byte()?),
                (Kind::Csv, "names") => _ = csv.names.get_or_insert(argument.texts()?),
                (Kind::Csv, "column_names") => csv.names = Some(argument.texts()?),
                (Kind::Csv, "header") => {
                    header = match value {
                        Value::Null => Some(false),
                        Value::String(text) if text == "infer" => None,
                        Value::Number(number) if number.as_u64() == Some(0) => Some(true),
                        _ => return Err(argument.wrong("0, null or \"infer\"")),
                    };
                }
                (Kind::Csv, "quotechar") => csv.quote = csv.quote.and(Some(argument.byte()?)),
                (Kind::Csv, "quoting") => match value.as_u64() {
                    Some(0 | 1) => {}
                    Some(3) => csv.quote = None,
                    _ => return Err(argument.wrong("0, 1 or 3 (QUOTE_NONE)")),
                },
                (Kind::Csv, "escapechar") => csv.escape = Some(argument.byte()?),
                (Kind::Csv, "doublequote") => csv.double_quote = argument.bool()?,
                (Kind::Csv, "skiprows") => csv.skipped_lines = argument.count()?,
                (Kind::Csv, "nrows") => csv.most_rows = Some(argument.count()?),
                (Kind::Csv, "na_values") => more_nulls = argument.texts()?,
                (Kind::Csv, "keep_default_na") => keep_default_nulls = argument.bool()?,
                (Kind::Csv, "na_filter") => find_nulls = argument.bool()?,
                (Kind::Csv, "skip_blank_lines") => argument.only(&Value::Bool(true))?,
                (Kind::Csv, "on_bad_lines") => argument.only(&"error".into())?,
                (Kind::Csv, "skipfooter") => argument.only(&0.into())?,
                (Kind::Csv, name) if REFUSED.contains(&name) => {
                    return Err(argument.refused(kind, "texts are read as they are"));
                }
                _ => return Err(unknown(name, kind)),
            }
        }
        // Names are in place of a header, unless one is asked for.
        options.csv.header = header.unwrap_or(options.csv.names.is_none());
        if !keep_default_nulls {
            options.csv.nulls.clear();
        }
        options.csv.nulls.extend(more_nulls);
        if !find_nulls {
            options.csv.nulls.clear();
        }
        options.encoding =
            Encoding::new(encoding, errors).map_err(|reason| Error::Dataset(format!("`dataset_kwargs`: {reason}")))?;
        Ok(options)
    }
}

/// The names that a format knows.
fn known(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Arrow => &["data_files"],
        Kind::Parquet => &["data_files", "columns"],
        Kind::Json => &["data_files", "field", "encoding", "encoding_errors"],
        Kind::Text => &["data_files", "encoding", "encoding_errors"],
        Kind::Csv => &[
            "data_files",
            "sep",
            "delimiter",
            "names",
            "column_names",
            "header",
            "quotechar",
            "quoting",
            "escapechar",
            "doublequote",
            "skiprows",
            "nrows",
            "na_values",
            "keep_default_na",
            "na_filter",
            "encoding",
            "encoding_errors",
        ],
    }
}

fn unknown(name: &str, kind: Kind) -> Error {
    if let "path" | "name" | "data_dir" | "split" | "revision" | "token" = name {
        return Error::Dataset(format!("`dataset_kwargs`: `{name}` has a flag of its own; give it there"));
    }
    let known = known(kind);
    let suggestion = did_you_mean(name, known.iter().copied(), 1);
    Error::Dataset(format!(
        "`dataset_kwargs`: `{name}` is not an argument for {kind} files here; expected {}{suggestion}",
        known.join(", ")
    ))
}

/// The first of several names of an argument.
fn first_name(name: &str) -> &str {
    match name {
        "delimiter" => "sep",
        "column_names" => "names",
        name => name,
    }
}

/// One argument.
#[derive(Clone, Copy)]
struct Argument<'a> {
    /// Where it is given.
    origin: &'static str,
    name: &'a str,
    value: &'a Value,
}

impl<'a> Argument<'a> {
    fn wrong(&self, expected: &str) -> Error {
        Error::Dataset(format!("{}: `{}` is {}; expected {expected}", self.origin, self.name, self.value))
    }

    fn refused(&self, kind: Kind, why: &str) -> Error {
        Error::Dataset(format!(
            "{}: `{}` has no effect on {kind} files here: {why}; leave it out",
            self.origin, self.name
        ))
    }

    fn only(&self, value: &Value) -> Result<()> {
        if self.value == value { Ok(()) } else { Err(self.wrong(&format!("{value}, which is the default"))) }
    }

    fn text(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.wrong("a string"))
    }

    fn texts(&self) -> Result<Vec<String>> {
        let texts = match self.value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(texts) => texts.iter().map(|text| text.as_str().map(Into::into)).collect(),
            _ => None,
        };
        texts.ok_or_else(|| self.wrong("a list of strings"))
    }

    fn bool(&self) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    fn count(&self) -> Result<u64> {
        self.value.as_u64().ok_or_else(|| self.wrong("a number of lines"))
    }

    fn byte(&self) -> Result<u8> {
        match *self.text()?.as_bytes() {
            [byte] if byte.is_ascii() => Ok(byte),
            _ => Err(self.wrong("one ASCII character")),
        }
    }
}
