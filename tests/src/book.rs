//! The Rust code of the README and the book, compiled and run as documentation tests.

macro_rules! pages {
    ($($name:ident = $path:literal),* $(,)?) => {
        $(#[doc = include_str!(concat!("../../", $path))]
        mod $name {})*
    };
}

pages! {
    readme = "README.md",
    adding_a_model = "docs/src/adding-a-model.md",
    aggregators = "docs/src/aggregators.md",
    chats = "docs/src/how-to/chats.md",
    citations = "docs/src/how-to/citations.md",
    datasets = "docs/src/how-to/datasets.md",
    extending = "docs/src/how-to/extending.md",
    files = "docs/src/files.md",
    library = "docs/src/library.md",
    step_functions = "docs/src/step-functions.md",
    tutorial = "docs/src/tutorial.md",
}
