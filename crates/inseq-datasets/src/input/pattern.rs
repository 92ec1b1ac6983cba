//! Patterns of file names, as the `datasets` library matches them.

use glob::{MatchOptions, Pattern};

use crate::{Error, Result};

/// Names of files that are no data, unless a pattern names them.
const NO_DATA: [&str; 7] = [
    "README.md",
    "config.json",
    "dataset_info.json",
    "dataset_infos.json",
    "dummy_data.zip",
    "dataset_dict.json",
    // Beside the Arrow files of a saved dataset.
    "state.json",
];

/// Whether a path has a wildcard.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The names that a pattern matches, in order. Names are relative, with `/`.
///
/// `**` stands for any folders. Hidden files and folders, and folders whose name starts with `__`, match only where the pattern
/// has as many of them.
///
/// # Errors
/// The pattern is malformed.
pub(super) fn matching<'a>(pattern: &str, names: &'a [String]) -> Result<Vec<&'a str>> {
    let compiled = Pattern::new(pattern).map_err(|e| {
        Error::Dataset(format!("the pattern `{pattern}` is malformed at character {}: {}", e.pos + 1, e.msg))
    })?;
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
    let asked = pattern.rsplit('/').next().unwrap_or(pattern);
    let is_data = |name: &str| {
        let file = name.rsplit('/').next().unwrap_or(name);
        (!NO_DATA.contains(&file) || file == asked)
            && special(name) == special(pattern)
            && hidden(name) == hidden(pattern)
    };
    let matched = names.iter().map(String::as_str);
    Ok(matched.filter(|name| compiled.matches_with(name, options) && is_data(name)).collect())
}

/// Number of hidden parts of a path.
fn hidden(path: &str) -> usize {
    path.split('/').filter(|part| part.starts_with('.') && part.chars().any(|c| c != '.')).count()
}

/// Number of folders of a path that are special to programs, such as `__pycache__`.
fn special(path: &str) -> usize {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split('/').filter(|part| part.starts_with("__")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_and_metadata_are_no_data() {
        let names: Vec<String> =
            ["a.csv", ".b.csv", ".c/d.csv", "__pycache__/e.csv", "README.md", "f/g.csv"].map(Into::into).into();
        assert_eq!(matching("**", &names).unwrap(), ["a.csv", "f/g.csv"]);
        assert_eq!(matching(".*", &names).unwrap(), [".b.csv"]);
        assert_eq!(matching(".*/*", &names).unwrap(), [".c/d.csv"]);
        assert_eq!(matching("__*/*", &names).unwrap(), ["__pycache__/e.csv"]);
        assert_eq!(matching("README.md", &names).unwrap(), ["README.md"]);
        assert_eq!(matching("*.csv", &names).unwrap(), ["a.csv"]);
        assert!(matching("**.csv", &names).unwrap_err().to_string().contains("`**.csv` is malformed"));
    }
}
