//! Description of a dataset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::remote::without_query;

/// The dataset, as `datasets.load_dataset` is called with it.
///
/// ```
/// use inseq_datasets::Source;
///
/// let source = Source::new("json").files(["a.jsonl", "b.jsonl"]).split("train[:20]");
/// assert_eq!(source.split, "train[:20]");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Source {
    /// A file, a folder, the name of a builder (`json`, `csv`, `parquet`, `arrow`, `text`), or a dataset of the hub.
    pub name: String,
    /// Name of a configuration.
    pub config: Option<String>,
    /// Folder of the data files; inside the folder `name`, where that is one.
    pub dir: Option<String>,
    /// Data files of the split `train`: paths, or patterns with `*`, `?`, `[..]` and `**`.
    pub files: Vec<String>,
    /// The rows: names of splits with slices, such as `train[10%:20%]` or `validation+test[:3]`.
    pub split: String,
    /// Rows to keep, as an SQL expression over the columns, such as `lang = 'fr' and length(text) < 2000`. It is applied to the rows of
    /// the split; rows for which it is null are left out. The feature `sql` is needed. A manifest has it in a field of its own.
    #[serde(skip)]
    pub filter: Option<String>,
    /// Branch, tag or commit of a dataset of the hub.
    pub revision: Option<String>,
    /// Access token of the hub. It is not saved.
    #[serde(skip)]
    pub token: Option<String>,
    /// Other arguments of `load_dataset`.
    pub kwargs: Map<String, Value>,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            name: String::new(),
            config: None,
            dir: None,
            files: Vec::new(),
            split: "train".into(),
            filter: None,
            revision: None,
            token: None,
            kwargs: Map::new(),
        }
    }
}

inseq_core::setters! {
    Source { name: impl Into<String>, split: impl Into<String>, kwargs: Map<String, Value> }
    some {
        config: impl Into<String>,
        dir: impl Into<String>,
        filter: impl Into<String>,
        revision: impl Into<String>,
        token: impl Into<String>,
    }
    own { files }
}

impl Source {
    /// The split `train` of a dataset.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// As a manifest has it: without the queries of web addresses, which may be signatures that end.
    pub(crate) fn without_queries(&self) -> Self {
        let files = self.files.iter().map(|file| without_query(file).to_owned()).collect();
        Self { name: without_query(&self.name).to_owned(), files, ..self.clone() }
    }

    /// Sets the data files of the split `train`.
    #[must_use]
    pub fn files<T: Into<String>>(mut self, files: impl IntoIterator<Item = T>) -> Self {
        self.files = files.into_iter().map(Into::into).collect();
        self
    }

    /// Sets another argument of `load_dataset`.
    #[must_use]
    pub fn kwarg(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.kwargs.insert(name.into(), value.into());
        self
    }
}

/// The columns that are read. With the feature `sql`, what is not the name of a column is an SQL expression over the columns, such as
/// `concat(title, ' ', body)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Columns {
    /// Column of the input texts.
    pub input: String,
    /// Column of the generated texts.
    pub generated: Option<String>,
    /// Column of the ids: strings or integers.
    pub id: Option<String>,
    /// Columns of texts for arguments of step functions, by the name of the argument, such as `contrast_targets`.
    pub arguments: BTreeMap<String, String>,
}

inseq_core::setters! {
    Columns { input: impl Into<String> }
    some { generated: impl Into<String>, id: impl Into<String> }
    own { arguments }
}

impl Columns {
    /// The column of the input texts.
    #[must_use]
    pub fn new(input: impl Into<String>) -> Self {
        Self { input: input.into(), ..Self::default() }
    }

    /// Sets the column of an argument of step functions.
    #[must_use]
    pub fn argument(mut self, name: impl Into<String>, column: impl Into<String>) -> Self {
        self.arguments.insert(name.into(), column.into());
        self
    }
}
