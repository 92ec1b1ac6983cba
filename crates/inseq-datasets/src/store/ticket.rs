//! Claims as files: who works on a part.
//!
//! The first claim on a part is the file `claims/00000`. Whoever takes over a stale claim with the id `x` creates `claims/00000.after-x`,
//! and so on: the last of the chain is the claim that holds. Each of these files is created by one process only, so only one
//! takes over. The claim is given back by removing the first file, and then the others.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::process::{Process, now};
use super::storage::{Hold, Storage};
use crate::{Error, Result};

/// The content of a claim.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Holder {
    /// Identity of the claim; no other has it.
    pub id: String,
    /// The process that claims.
    pub process: Process,
    /// Time of the claim, in RFC 3339.
    pub since: String,
}

/// A claim that was found.
#[derive(Debug)]
pub(super) struct Found {
    name: String,
    id: String,
    /// `None` if the file is damaged.
    pub holder: Option<Holder>,
}

/// A claim of this process.
#[derive(Debug)]
pub(super) struct Ticket {
    part: u64,
    /// Identity of the claim.
    pub id: String,
    /// Time of the claim.
    pub since: String,
    /// Keeps the claim alive.
    pub hold: Option<Box<dyn Hold>>,
    /// Id of a claim whose process is dead, which this one took over.
    pub dead: Option<String>,
}

impl Found {
    /// The claim that holds a part, if any.
    pub(super) fn current(storage: &dyn Storage, part: u64) -> Result<Option<Self>> {
        let mut name = first(part);
        let mut found = None;
        while let Some(bytes) = storage.read(&name)? {
            let holder: Option<Holder> = serde_json::from_slice(&bytes).ok();
            let id = match &holder {
                Some(holder) => holder.id.clone(),
                None => blake3::hash(&bytes).to_hex()[..16].to_owned(),
            };
            let next = after(part, &id);
            found = Some(Self { name, id, holder });
            name = next;
        }
        Ok(found)
    }

    /// Whether the process of the claim is known to be dead.
    fn is_dead(&self, storage: &dyn Storage) -> bool {
        let is_here = self.holder.as_ref().is_some_and(|holder| holder.process.is_here());
        is_here && storage.is_held(&self.name) == Some(false)
    }

    /// Whether the process of the claim is dead, or gave no sign of life for this time.
    pub(super) fn is_stale(&self, storage: &dyn Storage, timeout: Duration) -> Result<bool> {
        Ok(self.is_dead(storage) || storage.age(&self.name)?.is_some_and(|age| age > timeout))
    }
}

impl Ticket {
    /// Claims a part; `None` if another process has it.
    pub(super) fn take(storage: &dyn Storage, part: u64, timeout: Duration) -> Result<Option<Self>> {
        let holder = Holder { id: identity(), process: Process::this(), since: now() };
        let content = serde_json::to_vec(&holder).map_err(|error| Error::Results(error.to_string()))?;
        let found = Found::current(storage, part)?;
        let (name, dead) = match &found {
            None => (first(part), None),
            Some(found) if found.is_stale(storage, timeout)? => {
                (after(part, &found.id), found.is_dead(storage).then(|| found.id.clone()))
            }
            Some(_) => return Ok(None),
        };
        let Some(hold) = storage.hold(&name, &content)? else { return Ok(None) };
        let ticket = Self { part, id: holder.id, since: holder.since, hold: Some(hold), dead };
        // The stale claim may have been given back meanwhile, together with its successor.
        if ticket.holds(storage)? {
            return Ok(Some(ticket));
        }
        storage.remove(&name)?;
        Ok(None)
    }

    /// Whether this is still the claim that holds the part.
    pub(super) fn holds(&self, storage: &dyn Storage) -> Result<bool> {
        Ok(Found::current(storage, self.part)?.is_some_and(|found| found.id == self.id))
    }

    /// Gives the part back, unless another process took it over.
    pub(super) fn give_back(&self, storage: &dyn Storage) -> Result<()> {
        if self.holds(storage)? { clear_claims(storage, self.part) } else { Ok(()) }
    }
}

/// Removes every claim on a part, the first one first: then the others hold nothing.
pub(super) fn clear_claims(storage: &dyn Storage, part: u64) -> Result<()> {
    storage.remove(&first(part))?;
    let others = format!("{part:05}.");
    for name in storage.list("claims")?.iter().filter(|name| name.starts_with(&others)) {
        storage.remove(&format!("claims/{name}"))?;
    }
    Ok(())
}

/// The part in the name of a claim, a commit or a staged file.
pub(super) fn part_of(name: &str) -> Option<u64> {
    name.split('.').next()?.parse().ok()
}

fn first(part: u64) -> String {
    format!("claims/{part:05}")
}

fn after(part: u64, id: &str) -> String {
    format!("claims/{part:05}.after-{id}")
}

/// A random identity.
pub(super) fn identity() -> String {
    // The keys of a `RandomState` are random, and no two of a process have the same.
    let words = [0u64, 1].map(|word| {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(word);
        hasher.write_u32(std::process::id());
        hasher.finish()
    });
    format!("{:016x}{:016x}", words[0], words[1])
}
