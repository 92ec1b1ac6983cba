//! Data files by split, as the `datasets` library finds them.

use indexmap::IndexMap;

use super::kind::Kind;
use super::options::DataFiles;
use super::pattern::matching;
use super::place::{Location, Place};
use crate::remote::Buckets;
use crate::{Error, Result};

/// The split of files that nothing assigns to one.
pub(super) const DEFAULT_SPLIT: &str = "train";

/// The card of a dataset.
const CARD: &str = "README.md";

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
}

impl Layout {
    /// The files that the caller names, relative to `base`.
    pub(super) fn of_files(base: &Place, files: &DataFiles, kind: Option<Kind>, buckets: &mut Buckets) -> Result<Self> {
        let mut splits = IndexMap::new();
        for (split, patterns) in files {
            let mut found: Vec<Location> = Vec::new();
            for pattern in patterns {
                found.extend(base.matching(pattern, buckets)?);
            }
            splits.insert(split.clone(), found);
        }
        let kind = match kind {
            Some(kind) => kind,
            None => common_kind(splits.values().flatten(), "the files")?,
        };
        Ok(Self { kind, splits })
    }

    /// The files of a dataset's folder. A dataset whose card assigns them to splits is refused; the card counts for the root only.
    pub(super) fn of_dataset(base: &Place, is_root: bool) -> Result<Self> {
        if is_root && base.read(CARD)?.is_some_and(|card| assigns_files(&card)) {
            return Err(Error::Dataset(format!(
                "{}: `configs` in {CARD} assigns files to splits, and it is not read; name the files, such as `--dataset_kwargs \
                 '{{\"data_files\": {{\"train\": \"data/train-*\"}}}}'`",
                base.name()
            )));
        }
        Self::of_folder(base, None)
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
        Ok(Self { kind, splits })
    }
}

/// Whether the front matter of a dataset's card names configurations.
fn assigns_files(card: &str) -> bool {
    let mut lines = card.lines();
    lines.next().is_some_and(|line| line.trim_end() == "---")
        && lines.take_while(|line| line.trim_end() != "---").any(|line| line.starts_with("configs:"))
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
        let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !split.split('.').all(is_word) {
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
