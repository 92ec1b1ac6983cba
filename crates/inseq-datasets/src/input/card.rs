//! Configurations of a dataset, as its card lists them.

use std::path::Path;

use inseq_core::did_you_mean;
use serde_json::{Map, Value};

use super::options::{DataFiles, patterns};
use super::place::Place;
use super::split::is_split_name;
use crate::{Error, Result};

/// The card of a dataset. Its facts are in YAML between two lines of `---` at the beginning.
const CARD: &str = "README.md";

/// Facts that come before those of the card.
const FACTS: &str = ".huggingface.yaml";

/// The configuration where none is named.
pub(super) const DEFAULT: &str = "default";

/// One configuration of a dataset: which files it has, and how they are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Config {
    name: String,
    is_default: bool,
    /// Folder of the files, inside the dataset.
    pub(super) dir: Option<String>,
    /// Patterns of the files, by split.
    pub(super) files: Option<DataFiles>,
    /// Other arguments of `load_dataset`.
    pub(super) arguments: Map<String, Value>,
}

/// What a card says of files.
#[derive(Debug)]
pub(super) struct Card {
    /// Name of the dataset, for messages.
    dataset: String,
    configs: Vec<Config>,
    /// The only configuration that `dataset_info` describes.
    described: Option<String>,
}

impl Card {
    /// Reads the card of a dataset; a dataset without one has no configurations.
    ///
    /// # Errors
    /// The card is no YAML, or a configuration has another form.
    pub(super) fn read(root: &Place) -> Result<Self> {
        let mut facts = Map::new();
        let (card, others) = (root.read(CARD)?, root.read(FACTS)?);
        for (file, text) in [(CARD, card.as_deref().and_then(front_matter)), (FACTS, others.as_deref())] {
            let Some(text) = text else { continue };
            let at = |problem: String| Error::Dataset(format!("{}: {file}: {problem}", root.name()));
            match yaml_serde::from_str(text) {
                Ok(Value::Object(found)) => facts.extend(found),
                Ok(Value::Null) => {}
                Ok(_) => return Err(at("its YAML is no mapping of names to values".into())),
                Err(error) => return Err(at(format!("its YAML cannot be read: {error}"))),
            }
        }
        let configs = match facts.remove("configs") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(configs)) => configs.into_iter().map(Config::of).collect::<Result<_, String>>(),
            Some(_) => Err("it must be a list".into()),
        };
        let configs =
            configs.map_err(|problem| Error::Dataset(format!("{}: `configs` of the card: {problem}", root.name())))?;
        let described = match facts.remove("dataset_info") {
            Some(Value::Object(info)) => Some(info),
            Some(Value::Array(infos)) => match &infos[..] {
                [Value::Object(info)] => Some(info.clone()),
                _ => None,
            },
            _ => None,
        };
        let described = described.map(|info| {
            info.get("config_name").and_then(Value::as_str).map_or_else(|| DEFAULT.to_owned(), ToOwned::to_owned)
        });
        Ok(Self { dataset: root.name(), configs, described })
    }

    /// The name of the default configuration, if there is one.
    ///
    /// # Errors
    /// There are several.
    pub(super) fn default(&self) -> Result<Option<&str>> {
        let is_default = |config: &&Config| self.configs.len() == 1 || config.name == DEFAULT || config.is_default;
        let defaults: Vec<&str> = self.configs.iter().filter(is_default).map(|config| config.name.as_str()).collect();
        match defaults[..] {
            [] => Ok(self.described.as_deref().filter(|name| self.configs.iter().any(|config| config.name == *name))),
            [name] => Ok(Some(name)),
            _ => Err(Error::Dataset(format!(
                "{}: the card has several default configurations; choose one with `--dataset_config`: {}",
                self.dataset,
                listed(&defaults)
            ))),
        }
    }

    /// The configuration with a name, or the default one. If the caller `names_files`, none is needed.
    ///
    /// # Errors
    /// There is no such configuration, or none is named and there is no default.
    pub(super) fn config(self, name: Option<&str>, names_files: bool) -> Result<Config> {
        let mut known: Vec<&str> = self.configs.iter().map(|config| config.name.as_str()).collect();
        if known.is_empty() {
            known.push(DEFAULT);
        }
        let default = if name.is_none() { self.default()? } else { None };
        let chosen = match chosen(&self.dataset, &known, name, default) {
            Err(_) if name.is_none() && names_files => return Ok(Config::default()),
            chosen => chosen?.to_owned(),
        };
        Ok(self.configs.into_iter().find(|config| config.name == chosen).unwrap_or_default())
    }
}

impl Config {
    /// Reads one entry of `configs`; or says what is wrong with it.
    fn of(entry: Value) -> Result<Self, String> {
        let Value::Object(mut fields) = entry else { return Err(format!("{entry} is no configuration")) };
        let name = match fields.remove("config_name") {
            Some(Value::String(name)) => name,
            Some(Value::Number(number)) => number.to_string(),
            _ => return Err(format!("`config_name` is missing in {}", Value::Object(fields))),
        };
        let of_config = |problem: String| format!("configuration `{name}`: {problem}");
        let dir = match fields.remove("data_dir") {
            None | Some(Value::Null) => None,
            Some(Value::String(dir)) => Some(inside(dir).map_err(of_config)?),
            Some(other) => return Err(of_config(format!("`data_dir` is {other}; expected a folder"))),
        };
        let files = match fields.remove("data_files").filter(|files| !files.is_null()) {
            None => None,
            Some(files) => {
                let by_split = patterns(&files).map_err(of_config)?;
                for (split, patterns) in &by_split {
                    if !is_split_name(split) {
                        return Err(of_config(format!("`{split}` cannot be the name of a split")));
                    }
                    for pattern in patterns {
                        inside(pattern.clone()).map_err(of_config)?;
                    }
                }
                Some(by_split)
            }
        };
        let is_default = fields.remove("default").is_some_and(|value| value == Value::Bool(true));
        Ok(Self { name, is_default, dir, files, arguments: fields })
    }
}

/// Refuses a path that leads out of the dataset: a card may be from a stranger.
fn inside(path: String) -> Result<String, String> {
    let leads_out = path.contains("://") || Path::new(&path).is_absolute() || path.split('/').any(|part| part == "..");
    if leads_out { Err(format!("`{path}` leads out of the dataset")) } else { Ok(path) }
}

/// The name of the configuration of a dataset: the one asked for, the only one, or the default one.
///
/// # Errors
/// There is no such configuration, or none is asked for and there is no default.
pub(super) fn chosen<'a>(
    dataset: &str,
    known: &[&'a str],
    asked: Option<&str>,
    default: Option<&str>,
) -> Result<&'a str> {
    let find = |name: &str| known.iter().copied().find(|known| *known == name);
    match (asked, known) {
        (Some(name), _) => find(name).ok_or_else(|| {
            let suggestion = did_you_mean(name, known.iter().copied(), 1);
            Error::Dataset(format!("{dataset}: no configuration `{name}`; it has {}{suggestion}", listed(known)))
        }),
        (None, [only]) => Ok(only),
        (None, _) => default.and_then(find).or_else(|| find(DEFAULT)).ok_or_else(|| {
            Error::Dataset(format!(
                "{dataset}: it has several configurations; choose one with `--dataset_config`: {}",
                listed(known)
            ))
        }),
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The YAML at the beginning of a card.
fn front_matter(card: &str) -> Option<&str> {
    let card = card.trim_start_matches('\u{feff}').trim_start();
    let (first, rest) = card.split_once('\n')?;
    if first.trim_end() != "---" {
        return None;
    }
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some(&rest[..end]);
        }
        end += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_lie_between_two_lines() {
        assert_eq!(front_matter("---\na: 1\n---\ntext\n---\n"), Some("a: 1\n"));
        assert_eq!(front_matter("\n---  \r\na: 1\r\n---"), Some("a: 1\r\n"));
        assert_eq!(front_matter("# title\n---\na: 1\n---\n"), None);
        assert_eq!(front_matter("---\na: 1\n"), None);
    }
}
