//! Data files by split, as the `datasets` library finds them.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::card::Card;
use super::kind::Kind;
use super::options::DataFiles;
use super::pattern::{is_pattern, matching};
use super::place::{Location, Place};
use super::source::Source;
use super::split::is_split_name;
use crate::remote::Buckets;
use crate::{Error, Result};

/// The split of files that nothing assigns to one.
pub(super) const DEFAULT_SPLIT: &str = "train";

/// Words in the names of files and folders that say their split.
const KEYWORDS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "dev", "val"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];

/// The data files of a dataset.
#[derive(Debug)]
pub(super) struct Layout {
    /// The format of all files.
    pub(super) kind: Kind,
    /// Names of splits with their files, in order.
    pub(super) splits: IndexMap<String, Vec<Location>>,
    /// Arguments of `load_dataset` that the dataset's card has.
    pub(super) arguments: Map<String, Value>,
}

impl Layout {
    /// The files that the caller names, relative to `base`.
    pub(super) fn of_files(base: &Place, files: &DataFiles, kind: Option<Kind>, buckets: &mut Buckets) -> Result<Self> {
        let mut splits = IndexMap::new();
        for (split, patterns) in files {
            let mut found: Vec<Location> = Vec::new();
            for pattern in patterns {
                let mut files = base.matching(pattern, buckets)?;
                // Of what a pattern stands for, only files with data count.
                if kind.is_none() && is_pattern(pattern) {
                    files.retain(|file| Kind::of_file(&file.name()).is_some());
                    if files.is_empty() {
                        return Err(Error::Dataset(format!(
                            "{}: no file that `{pattern}` matches has an ending of a format; expected {}",
                            base.name(),
                            Kind::all_endings()
                        )));
                    }
                }
                found.extend(files);
            }
            splits.insert(split.clone(), found);
        }
        let kind = match kind {
            Some(kind) => kind,
            None => common_kind(splits.values().flatten(), "the files")?,
        };
        Ok(Self { kind, splits, arguments: Map::new() })
    }

    /// The files of a configuration of a dataset: those of the caller, else those of its card, else those of a folder.
    ///
    /// # Errors
    /// There is no such configuration, or its files cannot be found.
    pub(super) fn of_dataset(
        root: &Place,
        source: &Source,
        files: Option<&DataFiles>,
        buckets: &mut Buckets,
    ) -> Result<Self> {
        let names_files = files.is_some() || source.dir.is_some();
        let config = Card::read(root)?.config(source.config.as_deref(), names_files)?;
        let (dir, files) = match names_files {
            true => (source.dir.as_deref(), files),
            false => (config.dir.as_deref(), config.files.as_ref()),
        };
        let base = dir.map_or_else(|| Ok(root.clone()), |dir| root.inside(dir, buckets))?;
        let layout = match files {
            Some(files) => Self::of_files(&base, files, None, buckets)?,
            None => Self::of_folder(&base, None)?,
        };
        Ok(Self { arguments: config.arguments, ..layout })
    }

    /// The files of a folder, by the names of files and folders.
    pub(super) fn of_folder(base: &Place, kind: Option<Kind>) -> Result<Self> {
        let mut names = base.names()?;
        let of_kind = |name: &str| Kind::of_file(name).is_some_and(|found| kind.is_none_or(|kind| kind == found));
        names.retain(|name| of_kind(name));
        let splits = by_split(&names)?;
        if splits.is_empty() {
            let endings = match kind {
                Some(kind) => kind.endings().iter().map(|ending| format!(".{ending}")).collect::<Vec<_>>().join(", "),
                None => Kind::all_endings(),
            };
            return Err(Error::Dataset(format!("{}: the folder has no data files; expected {endings}", base.name())));
        }
        let splits: IndexMap<String, Vec<Location>> = splits
            .into_iter()
            .map(|(split, names)| (split, names.iter().filter_map(|name| base.file(name)).collect()))
            .collect();
        let kind = common_kind(splits.values().flatten(), &base.name())?;
        Ok(Self { kind, splits, arguments: Map::new() })
    }
}

/// The only kind among files.
fn common_kind<'a>(files: impl Iterator<Item = &'a Location>, place: &str) -> Result<Kind> {
    let mut counts: IndexMap<Kind, usize> = IndexMap::new();
    for file in files {
        let file = file.name();
        let kind = Kind::of_file(&file).ok_or_else(|| {
            Error::Dataset(format!(
                "{file}: its ending says no format; expected {}, or a builder, such as `--dataset_name text --dataset_files {file}`",
                Kind::all_endings(),
            ))
        })?;
        *counts.entry(kind).or_default() += 1;
    }
    match counts.keys().copied().collect::<Vec<_>>()[..] {
        [kind] => Ok(kind),
        [] => Err(Error::Dataset(format!("{place}: there are no data files"))),
        [first, ..] => {
            let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{count} of {kind}")).collect();
            Err(Error::Dataset(format!(
                "{place}: the files are of several kinds ({}); choose one, such as `--dataset_name {} --dataset_files ...`",
                counts.join(", "),
                first.builder()
            )))
        }
    }
}

/// Files by split: by shards in `data/`, else by the names of folders, else by the names of files, else all of them are `train`.
fn by_split(names: &[String]) -> Result<IndexMap<String, Vec<String>>> {
    let shards = matching("data/*-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]*.*", names)?;
    if !shards.is_empty() {
        return by_shard_name(&shards);
    }
    let sep = "[-._ 0-9]";
    let folders: [&dyn Fn(&str) -> String; 4] = [
        &|word| format!("**/{word}/**"),
        &|word| format!("**/{word}{sep}*/**"),
        &|word| format!("**/*{sep}{word}/**"),
        &|word| format!("**/*{sep}{word}{sep}*/**"),
    ];
    let files: [&dyn Fn(&str) -> String; 2] =
        [&|word| format!("**/{word}{sep}*"), &|word| format!("**/*{sep}{word}{sep}*")];
    for patterns in [&folders[..], &files[..]] {
        let mut splits = IndexMap::new();
        for (split, words) in KEYWORDS {
            let mut found: Vec<String> = Vec::new();
            for word in words {
                for pattern in patterns {
                    for name in matching(&pattern(word), names)? {
                        // A name may match twice; its rows are read once.
                        if !found.iter().any(|known| known == name) {
                            found.push(name.to_owned());
                        }
                    }
                }
            }
            if !found.is_empty() {
                splits.insert(split.to_owned(), found);
            }
        }
        if !splits.is_empty() {
            return Ok(splits);
        }
    }
    let all: Vec<String> = matching("**", names)?.into_iter().map(Into::into).collect();
    Ok(if all.is_empty() { IndexMap::new() } else { IndexMap::from([(DEFAULT_SPLIT.to_owned(), all)]) })
}

/// Files such as `data/train-00000-of-00002.parquet` by split.
fn by_shard_name(names: &[&str]) -> Result<IndexMap<String, Vec<String>>> {
    let mut splits: IndexMap<String, Vec<String>> = IndexMap::new();
    for name in names {
        let file = name.rsplit('/').next().unwrap_or(name);
        let split = file.rfind("-of-").and_then(|end| file[..end].rsplit_once('-')).map_or(file, |(split, _)| split);
        if !is_split_name(split) {
            return Err(Error::Dataset(format!(
                "{name}: `{split}` cannot be the name of a split; expected letters, digits, `_` and `.`"
            )));
        }
        splits.entry(split.to_owned()).or_default().push((*name).to_owned());
    }
    sort(&mut splits);
    Ok(splits)
}

/// Orders splits: `train`, `validation`, `test`, and then the others by name.
pub(super) fn sort<T>(splits: &mut IndexMap<String, T>) {
    let rank = |split: &String| KEYWORDS.iter().position(|(name, _)| name == split).unwrap_or(KEYWORDS.len());
    splits.sort_by(|a, _, b, _| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
}
