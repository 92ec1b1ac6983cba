//! Datasets of the Hugging Face hub.

use indexmap::IndexMap;
use inseq_models::checkpoint::{DatasetRepository, HubOptions};
use serde_json::Map;

use super::card::{Card, DEFAULT, chosen};
use super::kind::Kind;
use super::layout::{self, Layout};
use super::options::DataFiles;
use super::place::{Location, Place};
use super::source::Source;
use crate::Result;
use crate::remote::Buckets;

/// The revision where the hub keeps every dataset as Parquet files: `CONFIG/SPLIT/0000.parquet`.
const EXPORT: &str = "refs/convert/parquet";

/// Start of the name of a split of which the export holds only the first part.
const PARTIAL: &str = "partial-";

/// The files of a dataset on the hub: its Parquet export, or its own files where there is none, or where they are asked for.
pub(super) fn find(source: &Source, files: Option<&DataFiles>, options: &HubOptions) -> Result<Layout> {
    let name = source.name.as_str();
    let mut options = options.clone();
    options.token = source.token.clone().or(options.token);
    let own = files.is_some() || source.dir.is_some() || source.revision.is_some();
    if !own
        && let Some(export) = DatasetRepository::find(&format!("{name}@{EXPORT}"), &options)?
        && let Some(layout) = exported(&export, source.config.as_deref(), || {
            let card = Card::read(&root(DatasetRepository::open(name, &options)?))?;
            Ok(card.default()?.map(ToOwned::to_owned))
        })?
    {
        return Ok(layout);
    }
    let revision = source.revision.as_deref().map(|revision| format!("@{revision}")).unwrap_or_default();
    let repository = DatasetRepository::open(&format!("{name}{revision}"), &options)?;
    Layout::of_dataset(&root(repository), source, files, &mut Buckets::default())
}

/// The root of a repository.
fn root(repository: DatasetRepository) -> Place {
    Place::Hub { repository, folder: String::new() }
}

/// The files of a configuration in the export; `None` if it holds only a part of them. `default` gives the name of the default
/// configuration.
fn exported(
    export: &DatasetRepository,
    config: Option<&str>,
    default: impl FnOnce() -> Result<Option<String>>,
) -> Result<Option<Layout>> {
    let mut configs: IndexMap<String, IndexMap<String, Vec<String>>> = IndexMap::new();
    let mut names = export.files()?;
    names.sort();
    for name in names {
        if let [config, split, file] = name.split('/').collect::<Vec<_>>()[..]
            && Kind::of_file(file) == Some(Kind::Parquet)
        {
            configs.entry(config.into()).or_default().entry(split.into()).or_default().push(name.clone());
        }
    }
    let known: Vec<&str> = configs.keys().map(String::as_str).collect();
    if known.is_empty() {
        return Ok(None);
    }
    // The card is fetched only where it decides.
    let default = if config.is_none() && known.len() > 1 && !known.contains(&DEFAULT) { default()? } else { None };
    let name = export.name().split('@').next().unwrap_or_default();
    let chosen = chosen(name, &known, config, default.as_deref())?.to_owned();
    let mut splits = configs.swap_remove(&chosen).unwrap_or_default();
    if splits.keys().any(|split| split.starts_with(PARTIAL)) {
        return Ok(None);
    }
    layout::sort(&mut splits);
    let file = |file| Location::Hub { repository: export.clone(), file };
    let splits = splits.into_iter().map(|(split, names)| (split, names.into_iter().map(file).collect())).collect();
    Ok(Some(Layout { kind: Kind::Parquet, splits, arguments: Map::new() }))
}
