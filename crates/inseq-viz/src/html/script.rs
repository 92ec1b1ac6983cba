//! The script of the page: modules, each in its own file, joined into one script.
//!
//! A page that is opened from a disk may not import files, and its content policy names the digest of one script. Each
//! module therefore becomes a function that returns its exports and is called once, after the modules that it imports.

use std::fmt::Write as _;

/// The modules; each comes after the modules that it imports.
const MODULES: [(&str, &str); 15] = [
    ("dom", include_str!("../../templates/report/dom.js")),
    ("scale", include_str!("../../templates/report/scale.js")),
    ("scores", include_str!("../../templates/report/scores.js")),
    ("text", include_str!("../../templates/report/text.js")),
    ("model", include_str!("../../templates/report/model.js")),
    ("grid", include_str!("../../templates/report/grid.js")),
    ("matrix", include_str!("../../templates/report/matrix.js")),
    ("reading", include_str!("../../templates/report/reading.js")),
    ("links", include_str!("../../templates/report/links.js")),
    ("controls", include_str!("../../templates/report/controls.js")),
    ("list", include_str!("../../templates/report/list.js")),
    ("tabs", include_str!("../../templates/report/tabs.js")),
    ("download", include_str!("../../templates/report/download.js")),
    ("print", include_str!("../../templates/report/print.js")),
    ("theme", include_str!("../../templates/report/theme.js")),
];
const MAIN: &str = include_str!("../../templates/report/main.js");

/// Main module of the page of citations, and the modules that it imports.
const CITATIONS: &str = include_str!("../../templates/citations/citations.js");
const OF_CITATIONS: [&str; 3] = ["dom", "scale", "theme"];

/// Main module of pages without other parts to move.
const THEMES: &str = "\
import { root } from \"./dom.js\";
import { offerThemes } from \"./theme.js\";
root.classList.add(\"js\");
offerThemes();
";
const OF_THEMES: [&str; 2] = ["dom", "theme"];

/// The whole script of the page of attributions.
pub(super) fn joined() -> String {
    of_modules(MODULES.into_iter().chain([("main", MAIN)]))
}

/// The whole script of the page of citations.
pub(super) fn citations_script() -> String {
    of_some(&OF_CITATIONS, CITATIONS)
}

/// The script with which a reader chooses a theme.
pub(super) fn themes_script() -> String {
    of_some(&OF_THEMES, THEMES)
}

fn of_some(names: &[&str], main: &'static str) -> String {
    let modules = MODULES.into_iter().filter(|(name, _)| names.contains(name));
    of_modules(modules.chain([("main", main)]))
}

fn of_modules(modules: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let mut script = String::from("(() => {\n\"use strict\";\nconst modules = {};\n");
    for (name, source) in modules {
        let _ = writeln!(script, "modules.{name} = (() => {{");
        let mut exports = Vec::new();
        for line in source.lines() {
            if let Some((names, from)) = import(line) {
                let _ = writeln!(script, "const {names} = modules.{from};");
            } else if let Some(declaration) = line.strip_prefix("export ") {
                exports.extend(declared(declaration));
                script.push_str(declaration);
                script.push('\n');
            } else {
                script.push_str(line);
                script.push('\n');
            }
        }
        let _ = writeln!(script, "return {{ {} }};\n}})();", exports.join(", "));
    }
    script.push_str("})();\n");
    script
}

/// The names in braces and the module of an import.
fn import(line: &str) -> Option<(&str, &str)> {
    let (names, from) = line.strip_prefix("import ")?.split_once(" from \"./")?;
    Some((names, from.strip_suffix(".js\";")?))
}

/// The name that a declaration declares.
fn declared(declaration: &str) -> Option<&str> {
    let mut words = declaration.split(|character: char| !character.is_alphanumeric() && character != '_');
    words.find(|word| !matches!(*word, "const" | "function" | "class" | ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_import_what_is_there_already() {
        let mut known: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, source) in MODULES.into_iter().chain([("main", MAIN), ("citations", CITATIONS), ("themes", THEMES)])
        {
            for line in source.lines().filter(|line| line.starts_with("import ")) {
                let (names, from) = import(line).unwrap_or_else(|| panic!("{name}.js: {line}"));
                let (_, exports) =
                    known.iter().find(|(known, _)| *known == from).unwrap_or_else(|| panic!("{name}.js: {line}"));
                for import in names.trim_matches(['{', '}', ' ']).split(", ") {
                    assert!(exports.contains(&import), "{name}.js imports {import}");
                }
            }
            let exports = source.lines().filter_map(|line| line.strip_prefix("export ")).filter_map(declared).collect();
            known.push((name, exports));
        }
        for script in [joined(), citations_script(), themes_script()] {
            assert!(!script.contains("\nimport ") && !script.contains("\nexport "));
        }
        for (names, main) in [(&OF_CITATIONS[..], CITATIONS), (&OF_THEMES, THEMES)] {
            let modules = MODULES.into_iter().filter(|(name, _)| names.contains(name)).map(|(_, source)| source);
            for line in modules.chain([main]).flat_map(str::lines) {
                assert!(import(line).is_none_or(|(_, from)| names.contains(&from)), "{line}");
            }
        }
    }
}
