//! `inseq list` and `inseq explain`.

mod program;

use inseq_core::About;
use inseq_core::aggregators::Aggregators;
use inseq_methods::{list_methods, step_functions};
use program::{complaint, printed, run};
use serde_json::{Value, json};

/// Name, meaning and arguments of all entries of a kind, from its registry.
fn registries() -> [(&'static str, Vec<About>); 3] {
    [
        ("methods", list_methods().iter().map(|info| info.about).collect()),
        ("step-functions", step_functions::list().iter().map(|info| info.about).collect()),
        ("aggregators", Aggregators::unscaled().list().map(|info| info.about).collect()),
    ]
}

#[test]
fn lists_show_the_arguments_of_the_registries() {
    for (kind, abouts) in registries() {
        let table = printed(&run(&["list", kind]));
        let arguments = printed(&run(&["list", kind, "--arguments"]));
        let json: Vec<Value> = serde_json::from_str(&printed(&run(&["list", kind, "--json"]))).unwrap();
        for about in abouts {
            let row = table.lines().find(|line| line.split_whitespace().next() == Some(about.name)).unwrap();
            let entry = json.iter().find(|entry| entry["name"] == about.name).unwrap();
            assert_eq!(entry["description"], about.description);
            assert_eq!(entry["details"], about.details);
            assert_eq!(entry["arguments"].as_array().unwrap().len(), about.arguments.len());
            let explained = printed(&run(&["explain", about.name]));
            assert!(arguments.contains(&format!("{}: {}", about.name, about.description)), "{}", about.name);
            for (argument, of_json) in about.arguments.iter().zip(entry["arguments"].as_array().unwrap()) {
                let (name, default) = (argument.name, argument.default);
                assert!(row.contains(&format!("{name}={default}")), "{row}");
                assert_eq!(*of_json, json!({ "name": name, "default": default, "doc": argument.doc }));
                let line = format!("\n  {name} ({default}): ");
                assert!(arguments.contains(&line) && explained.contains(&line), "{line}");
            }
        }
    }
    let costs: Vec<Value> = serde_json::from_str(&printed(&run(&["list", "methods", "--json"]))).unwrap();
    assert!(costs.iter().all(|entry| entry["cost"].is_string() && entry["paper"].is_string()));
    assert!(printed(&run(&["list", "step-functions", "--json"])).contains("\"expression\""));
}

#[test]
fn models_and_devices_have_no_arguments() {
    for kind in ["models", "devices"] {
        let (message, code) = complaint(&run(&["list", kind, "--arguments"]));
        assert!(message.contains("--arguments is for methods") && code == 1, "{message}");
        let json: Vec<Value> = serde_json::from_str(&printed(&run(&["list", kind, "--json"]))).unwrap();
        assert!(!json.is_empty() && json.iter().all(|entry| entry["name"].is_string()));
    }
    assert_eq!(run(&["list", "methods", "--arguments", "--json"]).status.code(), Some(2));
}
