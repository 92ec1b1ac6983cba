//! Datasets of the Hugging Face hub.

use indexmap::IndexMap;
use inseq_core::did_you_mean;
use inseq_models::checkpoint::{DatasetRepository, HubOptions};

use super::kind::Kind;
use super::layout::{self, Layout};
use super::options::DataFiles;
use super::place::{Location, Place};
use super::source::Source;
use crate::remote::Buckets;
use crate::{Error, Result};

/// The revision where the hub keeps every dataset as Parquet files: `CONFIG/SPLIT/0000.parquet`.
const EXPORT: &str = "refs/convert/parquet";

/// Start of the name of a split of which the export holds only the first part.
const PARTIAL: &str = "partial-";

/// The configuration where none is named.
const DEFAULT: &str = "default";

/// The files of a dataset on the hub: its Parquet export, or its own files where there is none, or where they are asked for.
pub(super) fn find(source: &Source, files: Option<&DataFiles>, options: &HubOptions) -> Result<Layout> {
    let name = source.name.as_str();
    let mut options = options.clone();
    options.token = source.token.clone().or(options.token);
    let own = files.is_some() || source.dir.is_some() || source.revision.is_some();
    if !own
        && let Some(export) = DatasetRepository::find(&format!("{name}@{EXPORT}"), &options)?
        && let Some(layout) = exported(&export, source.config.as_deref())?
    {
        return Ok(layout);
    }
    let revision = source.revision.as_deref().map(|revision| format!("@{revision}")).unwrap_or_default();
    let repository = DatasetRepository::open(&format!("{name}{revision}"), &options)?;
    if let Some(config) = source.config.as_deref().filter(|config| *config != DEFAULT) {
        return Err(Error::Dataset(format!(
            "{name}: the configuration `{config}` is known only from the Parquet export of the hub, which is not used here; name its \
             files with `--dataset_files`"
        )));
    }
    let folder = source.dir.as_deref().map(|dir| format!("{}/", dir.trim_matches('/'))).unwrap_or_default();
    let place = Place::Hub { repository, folder };
    match files {
        Some(files) => Layout::of_files(&place, files, None, &mut Buckets::default()),
        None => Layout::of_dataset(&place, source.dir.is_none()),
    }
}

/// The files of a configuration in the export; `None` if it holds only a part of them.
fn exported(export: &DatasetRepository, config: Option<&str>) -> Result<Option<Layout>> {
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
    let Some(chosen) = chosen(export, configs.keys().map(String::as_str).collect(), config)? else { return Ok(None) };
    let mut splits = configs.swap_remove(&chosen).unwrap_or_default();
    if splits.keys().any(|split| split.starts_with(PARTIAL)) {
        return Ok(None);
    }
    layout::sort(&mut splits);
    let file = |file| Location::Hub { repository: export.clone(), file };
    let splits = splits.into_iter().map(|(split, names)| (split, names.into_iter().map(file).collect())).collect();
    Ok(Some(Layout { kind: Kind::Parquet, splits }))
}

/// The name of the configuration: the one asked for, the only one, or `default`; `None` if there is none.
fn chosen(export: &DatasetRepository, known: Vec<&str>, config: Option<&str>) -> Result<Option<String>> {
    let name = export.name().split('@').next().unwrap_or_default();
    let listed = || known.iter().map(|config| format!("`{config}`")).collect::<Vec<_>>().join(", ");
    match (config, &known[..]) {
        (_, []) => Ok(None),
        (Some(config), known) if known.contains(&config) => Ok(Some(config.to_owned())),
        (Some(config), known) => {
            let suggestion = did_you_mean(config, known.iter().copied(), 1);
            Err(Error::Dataset(format!("{name}: no configuration `{config}`; it has {}{suggestion}", listed())))
        }
        (None, [only]) => Ok(Some((*only).to_owned())),
        (None, known) if known.contains(&DEFAULT) => Ok(Some(DEFAULT.to_owned())),
        (None, _) => Err(Error::Dataset(format!(
            "{name}: it has several configurations; choose one with `--dataset_config`: {}",
            listed()
        ))),
    }
}
