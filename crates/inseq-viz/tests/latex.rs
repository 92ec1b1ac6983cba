//! Whether LaTeX takes the TikZ pictures: every sample in every view, in documents that load nothing else and in documents
//! that make commands of punctuation.

#[path = "../examples/gallery/samples.rs"]
#[allow(dead_code, reason = "each test file draws some of the samples")]
mod samples;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use inseq_core::SequenceAttribution;
use inseq_viz::figure::{FigureOptions, tex};
use inseq_viz::scale::Theme;
use inseq_viz::{View, ViewOptions};

/// Some views of a sample.
fn pictures(name: &str, sample: &SequenceAttribution, views: &[View]) -> Vec<(String, String)> {
    let mut pictures = Vec::new();
    for &view in views {
        let mut view_options = ViewOptions::default().view(view);
        view_options.highlight = (view == View::Tokens).then(|| "probability".to_owned());
        let theme = if view == View::Links { Theme::Dark } else { Theme::Light };
        let options = FigureOptions::default().theme(theme).show_title(true).view(view_options);
        let texts = if view == View::Pair { vec![sample.clone(), samples::signed()] } else { vec![sample.clone()] };
        pictures.push((format!("{name}{view:?}"), tex(&samples::result(texts), &options).unwrap()));
    }
    pictures
}

fn latin() -> Vec<(String, String)> {
    let mut all = pictures("french", &samples::french(), &[View::Matrix, View::Tokens, View::Links, View::Pair]);
    all.extend(pictures("heads", &samples::heads(), &[View::Granular]));
    for (name, sample) in [
        ("german", samples::german()),
        ("signed", samples::signed()),
        ("punctuation", samples::punctuation()),
        ("bytes", samples::bytes()),
    ] {
        all.extend(pictures(name, &sample, &[View::Tokens]));
    }
    let options = FigureOptions::default().show_title(true);
    all.push(("context".to_owned(), tex(&samples::context(), &options).unwrap()));
    all.push(("citations".to_owned(), tex(&samples::citations(), &options).unwrap()));
    all
}

fn other_scripts() -> Vec<(String, String)> {
    let samples = [("japanese", samples::japanese()), ("arabic", samples::arabic()), ("hostile", samples::hostile())];
    samples.iter().flat_map(|(name, sample)| pictures(name, sample, &[View::Links])).collect()
}

/// Compiles one document with all pictures. Returns its log, or nothing where the engine is not installed.
fn compile(engine: &str, preamble: &str, pictures: &[(String, String)]) -> Option<String> {
    let is_there = Command::new(engine).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !is_there.is_ok_and(|status| status.success()) {
        eprintln!("skipped: {engine} is not installed");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut document = format!("\\documentclass{{article}}\n\\usepackage{{tikz}}\n{preamble}\n\\begin{{document}}\n");
    for (name, picture) in pictures {
        std::fs::write(folder.path().join(format!("{name}.tex")), picture).unwrap();
        // Without punctuation, which may be commands here.
        let _ = writeln!(document, "\\typeout{{PICTURE {name}}}\\noindent\\input{{{name}}}\\clearpage");
    }
    document.push_str("\\end{document}\n");
    std::fs::write(folder.path().join("all.tex"), document).unwrap();
    let status = Command::new(engine)
        .args(["-interaction=nonstopmode", "-halt-on-error", "all.tex"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    let log = String::from_utf8_lossy(&std::fs::read(folder.path().join("all.log")).unwrap()).into_owned();
    let error = log.lines().skip_while(|line| !line.starts_with('!')).take(8).collect::<Vec<_>>().join("\n");
    let place = log.lines().rfind(|line| line.starts_with("PICTURE")).unwrap_or_default();
    assert!(status.success() && error.is_empty(), "{engine}: {place}: {error}");
    assert!(is_pdf(&folder.path().join("all.pdf")), "{engine} wrote no PDF");
    Some(log)
}

fn is_pdf(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"%PDF"))
}

fn missing(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("Missing character")).collect()
}

#[test]
fn pdflatex_takes_latin_texts() {
    if let Some(log) = compile("pdflatex", "", &latin()) {
        assert_eq!(missing(&log), [""; 0]);
    }
}

#[test]
fn lualatex_takes_texts_of_all_scripts() {
    let [latin, others] = [latin(), other_scripts()];
    // Letters that the document's font lacks are left out with a warning.
    if let Some(log) = compile("lualatex", "", &[&latin[..], &others].concat()) {
        let of_latin = log.split("PICTURE japanese").next().unwrap();
        assert_eq!(missing(of_latin), [""; 0]);
    }
}

#[test]
fn punctuation_may_be_commands() {
    // As babel has it for one language or another.
    let mut preamble = String::from("\\AtBeginDocument{");
    for character in "!\"'*+,-./:;<=>?`|".bytes() {
        let _ = write!(preamble, "\\catcode{character}=13 ");
    }
    preamble.push('}');
    // Active characters that nobody defined are errors.
    compile("pdflatex", &preamble, &latin()[..1]);
}
