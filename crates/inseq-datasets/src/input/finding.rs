//! Where the data files of a dataset are: named by the caller, in a folder, in one file, or on the hub.

use std::path::Path;

use indexmap::IndexMap;
use inseq_models::checkpoint::HubOptions;

use super::hub;
use super::kind::Kind;
use super::layout::{DEFAULT_SPLIT, Layout};
use super::options::DataFiles;
use super::pattern::is_pattern;
use super::place::Place;
use super::source::Source;
use crate::remote::{Buckets, is_address, is_web};
use crate::{Error, Result};

/// Finds the files of a dataset. `files` are those of the caller, by split.
///
/// # Errors
/// There are no files, or files of several kinds; a file does not exist.
pub(super) fn find(source: &Source, files: Option<&DataFiles>, options: &HubOptions) -> Result<Layout> {
    let name = source.name.as_str();
    let path = Path::new(name);
    let dir = source.dir.as_deref();
    let mut buckets = Buckets::default();
    if let Some(kind) = Kind::of_builder(name) {
        let base = Place::open(dir.unwrap_or_default(), &mut buckets)?;
        return match (files, dir) {
            (Some(files), _) => Layout::of_files(&base, files, Some(kind), &mut buckets),
            (None, Some(_)) => Layout::of_folder(&base, Some(kind)),
            (None, None) => Err(Error::Dataset(format!(
                "`{name}` reads files, and there are none; name them with `--dataset_files`, or their folder with `--dataset_dir`"
            ))),
        };
    }
    let is_remote = is_address(name);
    let is_file = if is_remote { Kind::of_file(name).is_some() || is_web(name) } else { path.is_file() };
    if path.is_dir() || (is_remote && !is_file && !is_pattern(name)) {
        if let Some(dir) = dir.filter(|dir| Path::new(dir).is_absolute() || is_address(dir)) {
            return Err(Error::Dataset(format!("the folder `{dir}` must be relative to the dataset `{name}`")));
        }
        return Layout::of_dataset(&Place::open(name, &mut buckets)?, source, files, &mut buckets);
    }
    if is_file || is_pattern(name) {
        if files.is_some() || dir.is_some() || source.config.is_some() {
            return Err(Error::Dataset(format!(
                "`{name}` is the data already; leave `--dataset_files`, `--dataset_dir` and `--dataset_config` out, or give a builder, \
                 such as `--dataset_name json`"
            )));
        }
        let files = IndexMap::from([(DEFAULT_SPLIT.to_owned(), vec![name.to_owned()])]);
        return Layout::of_files(&Place::open("", &mut buckets)?, &files, None, &mut buckets);
    }
    let is_path = path.is_absolute() || name.starts_with('.') || name.matches('/').count() > 1;
    // Datasets of the hub are not named like files.
    if name.contains("://") || is_path || Kind::of_file(name).is_some() {
        return Err(Error::Dataset(format!(
            "no dataset `{name}`: it is no file, no folder, none of the builders {}, and no name of a dataset on the hub",
            Kind::ALL.map(|kind| format!("`{}`", kind.builder())).join(", ")
        )));
    }
    hub::find(source, files, options)
}
