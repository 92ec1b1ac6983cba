//! Data files by split, as the `datasets` library finds them.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::kind::Kind;
use super::options::DataFiles;
use super::pattern::{is_pattern, matching};
use super::source::Source;
use crate::{Error, Result};

/// The split of files that nothing assigns to one.
const DEFAULT_SPLIT: &str = "train";

/// Words in the names of files and folders that say their split.
const KEYWORDS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "dev", "val"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];

/// Depth of folders that are searched for data files.
const MOST_DEPTH: usize = 32;

/// The data files of a dataset.
#[derive(Debug)]
pub(super) struct Layout {
    /// The format of all files.
    pub(super) kind: Kind,
    /// Names of splits with their files, in order.
    pub(super) splits: IndexMap<String, Vec<PathBuf>>,
}

impl Layout {
    /// Finds the files of a dataset. `files` are those of the caller, by split.
    ///
    /// # Errors
    /// There are no files, or files of several kinds; a file does not exist.
    pub(super) fn find(source: &Source, files: Option<&DataFiles>) -> Result<Self> {
        let name = source.name.as_str();
        let path = Path::new(name);
        let dir = source.dir.as_deref();
        if let Some(kind) = Kind::of_builder(name) {
            let base = Path::new(dir.unwrap_or("."));
            return match (files, dir) {
                (Some(files), _) => Self::of_files(base, files, Some(kind)),
                (None, Some(_)) => Self::of_folder(base, Some(kind)),
                (None, None) => Err(Error::Dataset(format!(
                    "`{name}` reads files, and there are none; name them with `--dataset_files`, or their folder with `--dataset_dir`"
                ))),
            };
        }
        if path.is_dir() {
            if let Some(dir) = dir.filter(|dir| Path::new(dir).is_absolute()) {
                return Err(Error::Dataset(format!("the folder `{dir}` must be relative to the dataset `{name}`")));
            }
            let base = path.join(dir.unwrap_or_default());
            return match files {
                Some(files) => Self::of_files(&base, files, None),
                None => Self::of_folder(&base, None),
            };
        }
        if path.is_file() || is_pattern(name) {
            if files.is_some() || dir.is_some() {
                return Err(Error::Dataset(format!(
                    "`{name}` is the data already; leave `--dataset_files` and `--dataset_dir` out, or give a builder, such as \
                     `--dataset_name json`"
                )));
            }
            let files = IndexMap::from([(DEFAULT_SPLIT.to_owned(), vec![name.to_owned()])]);
            return Self::of_files(Path::new("."), &files, None);
        }
        Err(Error::Dataset(format!(
            "no dataset `{name}`: it is no file, no folder, and none of the builders {}",
            Kind::ALL.map(|kind| format!("`{}`", kind.builder())).join(", ")
        )))
    }

    /// The files that the caller names, relative to `base`.
    fn of_files(base: &Path, files: &DataFiles, kind: Option<Kind>) -> Result<Self> {
        let mut splits = IndexMap::new();
        for (split, patterns) in files {
            let mut found: Vec<PathBuf> = Vec::new();
            for pattern in patterns {
                found.extend(resolved(base, pattern)?);
            }
            splits.insert(split.clone(), found);
        }
        let kind = match kind {
            Some(kind) => kind,
            None => common_kind(splits.values().flatten(), "the files")?,
        };
        Ok(Self { kind, splits })
    }

    /// The files of a folder, by the names of files and folders.
    fn of_folder(base: &Path, kind: Option<Kind>) -> Result<Self> {
        let mut names = names(base, MOST_DEPTH)?;
        let of_kind = |name: &str| Kind::of_file(name).is_some_and(|found| kind.is_none_or(|kind| kind == found));
        names.retain(|name| of_kind(name));
        let splits = by_split(&names)?;
        if splits.is_empty() {
            let endings = match kind {
                Some(kind) => kind.endings().iter().map(|ending| format!(".{ending}")).collect::<Vec<_>>().join(", "),
                None => Kind::all_endings(),
            };
            return Err(Error::Dataset(format!(
                "{}: the folder has no data files; expected {endings}",
                base.display()
            )));
        }
        let splits: IndexMap<String, Vec<PathBuf>> = splits
            .into_iter()
            .map(|(split, names)| (split, names.into_iter().map(|name| base.join(name)).collect()))
            .collect();
        let kind = common_kind(splits.values().flatten(), &base.display().to_string())?;
        Ok(Self { kind, splits })
    }
}

/// The only kind among files.
fn common_kind<'a>(files: impl Iterator<Item = &'a PathBuf>, place: &str) -> Result<Kind> {
    let mut counts: IndexMap<Kind, usize> = IndexMap::new();
    for file in files {
        let kind = Kind::of_file(&file.to_string_lossy()).ok_or_else(|| {
            Error::Dataset(format!(
                "{}: its ending says no format; expected {}, or a builder, such as `--dataset_name text --dataset_files {}`",
                file.display(),
                Kind::all_endings(),
                file.display()
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
pub(super) fn by_split(names: &[String]) -> Result<IndexMap<String, Vec<String>>> {
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
    let rank = |split: &String| KEYWORDS.iter().position(|(name, _)| name == split).unwrap_or(KEYWORDS.len());
    splits.sort_by(|a, _, b, _| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    Ok(splits)
}

/// The files that a path or a pattern stands for.
fn resolved(base: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    if pattern.contains("://") {
        return Err(Error::Dataset(format!("{pattern}: files are read from folders of this machine; fetch it first")));
    }
    let path = base.join(pattern);
    if path.is_file() {
        return Ok(vec![path]);
    }
    if path.is_dir() {
        return Err(Error::Dataset(format!(
            "{}: a folder where a file is expected; give `{}`, or the folder as `--dataset_dir`",
            path.display(),
            path.join("*").display()
        )));
    }
    if !is_pattern(pattern) {
        return Err(Error::Dataset(format!("{}: there is no such file", path.display())));
    }
    // Folders before the first wildcard are searched from.
    let parts: Vec<&str> = pattern.split('/').collect();
    let fixed = parts.iter().take_while(|part| !is_pattern(part)).count();
    let folder = base.join(if fixed == 0 { String::new() } else { parts[..fixed].join("/") + "/" });
    let rest = &parts[fixed..];
    let depth = if rest.contains(&"**") { MOST_DEPTH } else { rest.len() };
    let names = names(&folder, depth)?;
    let found = matching(&rest.join("/"), &names)?;
    if found.is_empty() {
        return Err(Error::Dataset(format!("{}: no file matches the pattern", path.display())));
    }
    Ok(found.into_iter().map(|name| folder.join(name)).collect())
}

/// The names of the files in a folder and its subfolders, sorted. A link to a folder is not followed.
fn names(folder: &Path, depth: usize) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), String::new(), 1)];
    while let Some((folder, prefix, level)) = folders.pop() {
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let failed = |source| Error::File { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                if level < depth {
                    folders.push((path, name + "/", level + 1));
                }
            } else if path.is_file() {
                names.push(name);
            }
        }
    }
    names.sort();
    Ok(names)
}
