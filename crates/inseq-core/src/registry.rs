//! Entries that are found by name: listed, explained, and extended by the owner of the registry.

use std::fmt::Write as _;
use std::ops::Deref;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

/// Argument of an entry of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Argument {
    /// Name of the argument.
    pub name: &'static str,
    /// Default value as JSON; text is without quotes, and `none` means no value.
    pub default: &'static str,
    /// Meaning of the argument in one line, with its choices or limits.
    pub doc: &'static str,
}

impl Argument {
    /// An argument with its default and its meaning.
    pub const fn new(name: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self { name, default, doc }
    }
}

/// Name, meaning and arguments of an entry of a [`Registry`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// Name of the entry.
    pub name: &'static str,
    /// Description in one line.
    pub description: &'static str,
    /// Details; empty if the description is complete.
    pub details: &'static str,
    /// Arguments that the entry takes.
    pub arguments: &'static [Argument],
}

impl About {
    /// Whether the entry takes an argument with this name.
    pub fn takes(&self, argument: &str) -> bool {
        self.arguments.iter().any(|known| known.name == argument)
    }

    /// The first of the given arguments that the entry does not take.
    pub fn unknown_argument<'a>(&self, arguments: &'a Map<String, Value>) -> Option<&'a str> {
        arguments.keys().map(String::as_str).find(|argument| !self.takes(argument))
    }

    /// The name and the description, then one line per argument with its default and meaning.
    pub fn summary(&self) -> String {
        format!("{}: {}\n{}", self.name, self.description, self.argument_lines())
    }

    fn argument_lines(&self) -> String {
        let lines = wrapping().initial_indent("  ").subsequent_indent("      ");
        let line = |Argument { name, default, doc }: &Argument| {
            format!("{}\n", textwrap::fill(&format!("{name} ({default}): {doc}"), &lines))
        };
        self.arguments.iter().map(line).collect()
    }
}

/// Lines of explanations, of at most 88 columns. Words with a hyphen stay whole.
fn wrapping() -> textwrap::Options<'static> {
    textwrap::Options::new(88).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// One entry of a [`Registry`].
pub trait Entry: Deref<Target = About> {
    /// Word for an entry in messages, such as `aggregator`.
    const KIND: &'static str;

    /// Further facts with their labels, such as a paper.
    fn facts(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// All facts about the entry as text.
    fn explanation(&self) -> String {
        let mut text = format!("{}: {}\n", self.name, self.description);
        if !self.details.is_empty() {
            text += &format!("\n{}\n", textwrap::fill(self.details, wrapping()));
        }
        text += match self.arguments {
            [] => "\nArguments: none.\n",
            _ => "\nArguments:\n",
        };
        text += &self.argument_lines();
        for (index, (label, fact)) in self.facts().into_iter().enumerate() {
            let gap = if index == 0 { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{label}: {fact}");
        }
        text
    }
}

/// Entries by name, in the order in which they were added. A registry is an owned value; there is no list for the whole program.
#[derive(Clone, Debug)]
pub struct Registry<E> {
    entries: IndexMap<&'static str, E>,
}

impl<E> Default for Registry<E> {
    fn default() -> Self {
        Self { entries: IndexMap::new() }
    }
}

impl<E: Entry> FromIterator<E> for Registry<E> {
    fn from_iter<I: IntoIterator<Item = E>>(entries: I) -> Self {
        Self { entries: entries.into_iter().map(|entry| (entry.name, entry)).collect() }
    }
}

impl<E: Entry> Registry<E> {
    /// Adds an entry.
    ///
    /// # Errors
    /// The name is empty or taken; the message says which.
    pub fn add(&mut self, entry: E) -> Result<(), String> {
        let name = entry.name;
        if name.is_empty() {
            return Err(format!("the new {} has an empty name; give it one", E::KIND));
        }
        if self.entries.contains_key(name) {
            return Err(format!(
                "the name `{name}` belongs to another {kind} already; give the new {kind} another name, or remove the other",
                kind = E::KIND
            ));
        }
        self.entries.insert(name, entry);
        Ok(())
    }

    /// Removes an entry by name and returns it.
    pub fn remove(&mut self, name: &str) -> Option<E> {
        self.entries.shift_remove(name)
    }

    /// The entry with this name.
    pub fn get(&self, name: &str) -> Option<&E> {
        self.entries.get(name)
    }

    /// All entries, in the order in which they were added.
    pub fn list(&self) -> impl ExactSizeIterator<Item = &E> {
        self.entries.values()
    }

    /// All names, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.entries.keys().copied()
    }
}
