//! What can be asked for by a name: listed, explained, and extended by its owner.

use std::fmt::Write as _;

use indexmap::IndexMap;
use serde_json::{Map, Value};

/// An argument of something that is asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The name by which it is given.
    pub name: &'static str,
    /// The value that it has where none is given, as JSON; text stands without quotes, and `none` is no value.
    pub default: &'static str,
    /// One line on what it means, with its choices or limits.
    pub doc: &'static str,
}

impl Argument {
    /// An argument with its default and its meaning.
    pub const fn new(name: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self { name, default, doc }
    }
}

/// One entry of a [`Registry`].
pub trait Entry {
    /// What entries are called in messages, such as `aggregator`.
    const KIND: &'static str;

    /// The name to ask for.
    fn name(&self) -> &'static str;

    /// One line on what it does.
    fn description(&self) -> &'static str;

    /// How it works; empty where the description says all.
    fn details(&self) -> &'static str {
        ""
    }

    /// The arguments that it takes.
    fn arguments(&self) -> &'static [Argument];

    /// Further facts with their labels, such as a paper.
    fn facts(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// Whether it takes an argument of a name.
    fn takes(&self, argument: &str) -> bool {
        self.arguments().iter().any(|known| known.name == argument)
    }

    /// The first of some arguments that it does not take.
    fn unknown_argument<'a>(&self, arguments: &'a Map<String, Value>) -> Option<&'a str> {
        arguments.keys().map(String::as_str).find(|argument| !self.takes(argument))
    }

    /// All of this as text.
    fn explanation(&self) -> String {
        let mut text = format!("{}: {}\n", self.name(), self.description());
        if !self.details().is_empty() {
            text += &format!("\n{}\n", textwrap::fill(self.details(), 88));
        }
        text += match self.arguments() {
            [] => "\nArguments: none.\n",
            _ => "\nArguments:\n",
        };
        for Argument { name, default, doc } in self.arguments() {
            let lines = textwrap::Options::new(88).initial_indent("  ").subsequent_indent("      ");
            let _ = writeln!(text, "{}", textwrap::fill(&format!("{name} ({default}): {doc}"), lines));
        }
        for (index, (label, fact)) in self.facts().into_iter().enumerate() {
            let gap = if index == 0 { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{label}: {fact}");
        }
        text
    }
}

/// Entries by name, in the order in which they were added. Whoever has one owns it: there is no list for the whole program.
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
        Self { entries: entries.into_iter().map(|entry| (entry.name(), entry)).collect() }
    }
}

impl<E: Entry> Registry<E> {
    /// Adds an entry.
    ///
    /// # Errors
    /// Its name is empty or taken; the message says so.
    pub fn add(&mut self, entry: E) -> Result<(), String> {
        let name = entry.name();
        if name.is_empty() {
            return Err(format!("the new {} has an empty name; give it one", E::KIND));
        }
        if self.entries.contains_key(name) {
            return Err(format!(
                "there is a {} `{name}` already; give the new one another name, or remove the one that is registered",
                E::KIND
            ));
        }
        self.entries.insert(name, entry);
        Ok(())
    }

    /// Removes the entry of a name, and returns it.
    pub fn remove(&mut self, name: &str) -> Option<E> {
        self.entries.shift_remove(name)
    }

    /// The entry of a name.
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
