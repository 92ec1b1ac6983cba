//! Completions of shells.

mod program;

use std::process::Command;

use program::{inseq, printed, run};

/// The different completions of the last word of a line, as the script of bash asks for them. A word that can be a value of two
/// arguments is there twice, and the shell shows it once.
fn completed(line: &[&str]) -> Vec<String> {
    let output = inseq(&[&["--"], line].concat())
        .env("INSEQ_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string())
        .env("_CLAP_IFS", "\n")
        .output()
        .unwrap();
    let mut all: Vec<String> = printed(&output).lines().map(str::to_owned).collect();
    all.dedup();
    all
}

#[test]
fn every_value_of_a_list_is_completed() {
    for (line, expected) in [
        (&["inseq", "attribute", "-a", "integr"][..], "integrated_gradients"),
        (&["inseq", "compare", "-a", "saliency", "occl"], "occlusion"),
        (&["inseq", "compare", "--methods", "saliency", "lime", "value_"], "value_zeroing"),
        (&["inseq", "compare", "saliency", "occl"], "occlusion"),
        (&["inseq", "attribute", "--step-scores", "entropy", "perpl"], "perplexity"),
        (&["inseq", "show", "a.json", "--attribution-aggregators", "vnorm", "subw"], "subwords"),
        (&["inseq", "explain", "shapley_v"], "shapley_value_sampling"),
        (&["inseq", "attribute", "--device", "fl"], "flex"),
        (&["inseq", "attribute", "--attribution-k"], "--attribution-kwargs"),
        (&["inseq", "complet"], "completions"),
    ] {
        assert_eq!(completed(line), [expected], "{line:?}");
    }
    // One value is no list.
    assert!(!completed(&["inseq", "attribute", "-a", "saliency", "occl"]).contains(&"occlusion".to_owned()));
}

#[test]
fn scripts_call_the_program() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&run(&["completions", shell]));
        assert!(script.contains("INSEQ_COMPLETE") && script.contains(env!("CARGO_BIN_EXE_inseq")), "{shell}: {script}");
    }
    let help = printed(&run(&["attribute", "--help"]));
    assert!(!help.contains("possible values: saliency"), "{help}");
}

#[test]
fn bash_completes_by_the_script() {
    let Ok(found) = Command::new("bash").arg("--version").output() else {
        eprintln!("no bash: its completions are not tested");
        return;
    };
    assert!(found.status.success());
    let script = printed(&run(&["completions", "bash"]));
    let call = "COMP_WORDS=(inseq compare -a saliency occl); COMP_CWORD=4; _clap_complete_inseq inseq occl saliency; \
                printf '%s\\n' \"${COMPREPLY[@]}\" | uniq";
    let output = Command::new("bash").args(["--norc", "-c", &format!("{script}\n{call}")]).output().unwrap();
    assert_eq!(printed(&output).trim(), "occlusion");
}
