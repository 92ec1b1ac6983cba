//! The book's pages of methods say what the registry says. `cargo xtask pages` writes them.

use inseq_core::{About, Argument};
use inseq_methods::{MethodInfo, list_methods};
use inseq_tests::fixture;

#[test]
fn pages_of_methods_are_those_of_the_registry() {
    let page = |name: &str| std::fs::read_to_string(fixture("../../docs/src").join(name)).unwrap();
    let table = page("methods.md");
    for MethodInfo { about: About { name, description, details, arguments }, cost, .. } in list_methods() {
        let row = format!("\n| [`{name}`](methods/{name}.md) | {description} | {cost} |\n");
        assert!(table.contains(&row), "methods.md has no row {row}");
        let page = page(&format!("methods/{name}.md"));
        let start = format!("# {name}\n\n{description}\n\n{details}\n");
        assert!(page.starts_with(&start), "{name}.md does not start with\n{start}");
        assert!(page.contains(&format!("\n- Cost: {cost}.\n")), "{name}.md has another cost");
        for Argument { name: argument, default, doc } in *arguments {
            let row = format!("\n| `{argument}` | {default} | {} |\n", doc.replace('|', "\\|"));
            assert!(page.contains(&row), "{name}.md has no row {row}");
        }
    }
}
