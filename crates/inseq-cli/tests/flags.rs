//! Every flag of the reference's commands, by all of its names.

mod program;

use program::{fixture, run};
use serde_json::Value;

/// A flag as `tests/reference/command_flags.py` lists it.
struct Flag<'a> {
    flag: &'a str,
    aliases: Vec<&'a str>,
    kind: &'a str,
    choices: Vec<&'a str>,
}

impl<'a> Flag<'a> {
    fn of(listed: &'a Value) -> Self {
        let text = |name: &str| listed[name].as_str().unwrap();
        let texts = |name: &str| listed[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        Self { flag: text("flag"), aliases: texts("aliases"), kind: text("kind"), choices: texts("choices") }
    }
}

/// Values that the reference takes for a flag.
fn values<'a>(flag: &Flag<'a>) -> Vec<Vec<&'a str>> {
    match flag.kind {
        "bool" => vec![vec![], vec!["yes"], vec!["no"], vec!["True"], vec!["f"], vec!["0"]],
        "int" => vec![vec!["1"]],
        "float" => vec![vec!["1"], vec!["0.5"], vec!["-2.0"]],
        "list of int" => vec![vec!["0"], vec!["0", "-1"]],
        "list of str" if !flag.choices.is_empty() => vec![flag.choices.clone()],
        "list of str" => vec![vec!["a"], vec!["a", "b"]],
        "dict" => vec![vec!["{}"]],
        "str" if !flag.choices.is_empty() => flag.choices.iter().map(|choice| vec![*choice]).collect(),
        "str" if flag.flag == "--device" => vec![vec!["cpu"]],
        "str" => vec![vec!["a"]],
        other => panic!("{}: values of the kind `{other}` are new", flag.flag),
    }
}

#[test]
fn each_flag_is_taken_by_all_of_its_names() {
    let list = std::fs::read(fixture("commands/flags.json")).unwrap();
    let commands: serde_json::Map<String, Value> = serde_json::from_slice(&list).unwrap();
    assert_eq!(commands.keys().collect::<Vec<_>>(), ["attribute", "attribute-context", "attribute-dataset"]);
    for (command, flags) in &commands {
        let required: &[(&str, &str)] = match command.as_str() {
            "attribute" => &[("--input_texts", "a")],
            "attribute-context" => &[],
            _ => &[("--dataset_name", "a"), ("--input_text_field", "a")],
        };
        for flag in flags.as_array().unwrap().iter().map(Flag::of) {
            for name in std::iter::once(&flag.flag).chain(&flag.aliases) {
                for values in values(&flag) {
                    let others = required.iter().filter(|(required, _)| *required != flag.flag);
                    let mut line = vec![command.as_str()];
                    others.for_each(|(flag, value)| line.extend([flag, value]));
                    line.push(name);
                    line.extend(values);
                    // What comes before this flag is read, and nothing is run.
                    line.push("--help");
                    let output = run(&line);
                    assert!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
                }
            }
        }
    }
}
