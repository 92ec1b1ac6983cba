//! Command lines written for Python inseq, put in this program's spelling before clap reads them.
//!
//! Its parser takes short flags of several letters (`-fn`, `-bs`, `-vv`), flags with underscores, and any unique beginning
//! of a flag. Underscores become hyphens; beginnings are looked up among *its* flags first, so that a flag which only this
//! program has (`--truncate`) does not make one of them (`--t` for `--tokenizer_kwargs`) ambiguous.

use std::ffi::OsString;

/// Short flags of more than one letter.
const SHORT: [(&str, &str); 3] = [("-fn", "--attributed-fn"), ("-bs", "--batch-size"), ("-vv", "--very-verbose")];

/// The flags of the reference's `attribute`, and their long aliases.
const REFERENCE: [&str; 32] = [
    "model-name-or-path",
    "attribution-method",
    "device",
    "dev",
    "attributed-fn",
    "attribution-selectors",
    "attribution-aggregators",
    "normalize-attributions",
    "rescale-attributions",
    "model-kwargs",
    "tokenizer-kwargs",
    "generation-kwargs",
    "attribution-kwargs",
    "attribute-target",
    "generate-from-target-prefix",
    "step-scores",
    "output-step-attributions",
    "include-eos-baseline",
    "eos",
    "batch-size",
    "aggregate-output",
    "hide-attributions",
    "hide",
    "save-path",
    "viz-path",
    "start-pos",
    "end-pos",
    "verbose",
    "very-verbose",
    "input-texts",
    "generated-texts",
    "help",
];

/// The arguments with the reference's flags in this program's spelling. What follows `--` stays as it is.
pub fn translate(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut literal = false;
    let mut of_attribute = false;
    arguments
        .into_iter()
        .enumerate()
        .map(|(index, argument)| {
            literal |= argument == "--";
            of_attribute |= index == 1 && argument == "attribute";
            match argument.to_str() {
                Some(text) if !literal && of_attribute => flag(text).map_or(argument, OsString::from),
                _ => argument,
            }
        })
        .collect()
}

/// A flag in this program's spelling; `None` for what is not a flag.
fn flag(argument: &str) -> Option<String> {
    let (name, value) = match argument.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (argument, None),
    };
    let long = match SHORT.iter().find(|(short, _)| *short == name) {
        Some((_, long)) => (*long).to_owned(),
        None => {
            let name = name.strip_prefix("--").filter(|name| !name.is_empty())?.replace('_', "-");
            format!("--{}", whole(&name).unwrap_or(&name))
        }
    };
    Some(value.map_or(long.clone(), |value| format!("{long}={value}")))
}

/// The one flag of the reference that begins so.
fn whole(beginning: &str) -> Option<&'static str> {
    let mut candidates = REFERENCE.iter().copied().filter(|flag| flag.starts_with(beginning));
    let first = candidates.next()?;
    // `--verb` begins one flag; `--dev` is itself a flag although `--device` begins so too.
    if first == beginning || candidates.next().is_none() { Some(first) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &str) -> String {
        let words = translate(line.split(' ').map(OsString::from));
        words.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_reference_spelling_is_understood() {
        for (given, expected) in [
            (
                "inseq attribute -fn logit -bs 4 -vv",
                "inseq attribute --attributed-fn logit --batch-size 4 --very-verbose",
            ),
            ("inseq attribute -bs=4 --save_path=a_b.json", "inseq attribute --batch-size=4 --save-path=a_b.json"),
            ("inseq attribute --step_scores logit entropy", "inseq attribute --step-scores logit entropy"),
            ("inseq attribute --dev cpu --t {}", "inseq attribute --dev cpu --tokenizer-kwargs {}"),
            ("inseq attribute --attribution_m saliency", "inseq attribute --attribution-method saliency"),
            // Ambiguous for the reference as well: left to clap, which says so.
            ("inseq attribute --attribution x", "inseq attribute --attribution x"),
            ("inseq attribute -i a_b -- --x_y", "inseq attribute -i a_b -- --x_y"),
            ("inseq show a_b.json --x_y", "inseq show a_b.json --x_y"),
        ] {
            assert_eq!(translated(given), expected);
        }
    }
}
