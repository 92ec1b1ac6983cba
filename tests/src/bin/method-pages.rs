//! `cargo xtask pages`: a page for each method, from what `inseq explain` says and what the method finds on the demo model.

use std::fmt::Write as _;
use std::path::Path;

use inseq_core::{About, Argument};
use inseq_methods::{AttributionModel, AttributionRequest, MethodInfo, list_methods};
use inseq_tests::fixture;
use inseq_viz::figure::{self, FigureOptions};
use inseq_viz::{View, ViewOptions};

const SENTENCE: &str = "The doors are white.";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = AttributionModel::demo()?;
    let folder = fixture("../../docs/src");
    let mut table = String::from("| method | question | cost |\n|---|---|---|\n");
    let images = folder.join("images/methods");
    std::fs::create_dir_all(&images)?;
    for method in list_methods() {
        std::fs::write(folder.join(format!("methods/{}.md", method.name)), page(&model, method, &images)?)?;
        let MethodInfo { about: About { name, description, .. }, cost, .. } = method;
        writeln!(table, "| [`{name}`](methods/{name}.md) | {description} | {cost} |")?;
    }
    let path = folder.join("methods.md");
    let text = std::fs::read_to_string(&path)?;
    let (start, end) = ("<!-- cargo xtask pages -->", "<!-- end of the table -->");
    let (before, rest) = text.split_once(start).ok_or("docs/src/methods.md has no place for the table")?;
    let (_, after) = rest.split_once(end).ok_or("docs/src/methods.md has no end of the table")?;
    std::fs::write(&path, format!("{before}{start}\n\n{table}\n{end}{after}"))?;
    Ok(())
}

fn page(model: &AttributionModel, method: &MethodInfo, images: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let MethodInfo { about: About { name, description, details, .. }, cost, citation, .. } = method;
    let mut page = format!("# {name}\n\n{description}\n\n{details}\n");
    if !method.arguments.is_empty() {
        page += "\n| argument | default | meaning |\n|---|---|---|\n";
    }
    for Argument { name, default, doc } in method.arguments {
        writeln!(page, "| `{name}` | {default} | {} |", doc.replace('|', "\\|"))?;
    }
    write!(page, "\n- Cost: {cost}.\n- Paper: {}\n", linked(citation))?;
    let result = model.attribute(&AttributionRequest::new([SENTENCE]).method(*name).attribute_target(true))?;
    if result.sequences[0].source_attributions.is_some() {
        let view = ViewOptions::default().view(View::Matrix);
        let picture = figure::svg(&result.aggregate()?, &FigureOptions::default().view(view))?;
        std::fs::write(images.join(format!("{name}.svg")), picture)?;
        let command = format!("inseq attribute -i {SENTENCE:?} -a {name} --attribute-target --viz-path {name}.svg");
        write!(
            page,
            "\n```sh\n{command}\n```\n\n![{name}: input tokens down, generated tokens across](../images/methods/{name}.svg)\n"
        )?;
    }
    Ok(page)
}

/// Addresses as links.
fn linked(text: &str) -> String {
    let each = text.split(' ').map(|word| {
        let address = word.trim_end_matches([';', ',']);
        if address.starts_with("http") { word.replacen(address, &format!("<{address}>"), 1) } else { word.to_owned() }
    });
    each.collect::<Vec<_>>().join(" ")
}
