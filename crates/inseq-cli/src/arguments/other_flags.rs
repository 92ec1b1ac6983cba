//! Flags that a command does not have.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

use crate::reference_flags::names;

/// The error of a command line. About a flag that the command does not have, it says which commands have it. (clap would offer to take
/// the flag for a value.)
pub fn with_owners(mut error: Error, grammar: &Command) -> Error {
    let flag = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) => flag.clone(),
        _ => return error,
    };
    let Some(long) = flag.strip_prefix("--") else { return error };
    error.remove(ContextKind::Suggested);
    let has = |command: &&Command| command.get_arguments().flat_map(names).any(|name| name == long);
    let owners = grammar.get_subcommands().filter(has);
    let owners: Vec<String> =
        owners.map(|command| format!("'{} {}'", grammar.get_name(), command.get_name())).collect();
    if !owners.is_empty() {
        error.remove(ContextKind::SuggestedArg);
        let verb = if owners.len() == 1 { "has" } else { "have" };
        let tip = format!("{} {verb} '{flag}'", owners.join(", "));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}
