//! A folder of results.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::claim::Claim;
use super::completion::{Completion, clear_staging};
use super::folder::Folder;
use super::local::LocalFolder;
use super::manifest::Manifest;
use super::storage::Storage;
use super::ticket::{clear_claims, identity, part_of};
use crate::remote::{is_address, is_writable};
use crate::{DataFile, Error, Result};

/// Beginning of the name of a manifest that is being written.
const STAGED: &str = "staging/manifest.";

/// The results of a run, in a folder. Any number of processes may work on it at the same time.
///
/// ```
/// use inseq_datasets::{AttributedRow, Manifest, Results, Row};
///
/// let folder = tempfile::tempdir()?;
/// let manifest = Manifest::default().rows(3).part_rows(2);
/// let results = Results::create_or_resume(&folder.path().join("results"), &manifest)?;
/// for part in 0..results.parts() {
///     let Some(claim) = results.claim(part)? else { continue };
///     let rows = claim.rows().map(|number| {
///         let row = Row::new(number, Ok(("a text".into(), None)));
///         AttributedRow::new(row, Err("no model".into()))
///     });
///     claim.finish(rows.collect())?;
/// }
/// let status = results.status()?;
/// assert_eq!((status.rows_done, status.errors), (3, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Results {
    pub(super) folder: Arc<Folder>,
}

impl Results {
    /// Time without a sign of life after which a claim is taken over, unless it is [set](Self::claim_timeout).
    pub const CLAIM_TIMEOUT: Duration = Duration::from_secs(120);

    /// Creates a folder of results, or goes on with one of the same run.
    ///
    /// # Errors
    /// The folder is of another run, or has other files; or it cannot be written to.
    pub fn create_or_resume(folder: &Path, manifest: &Manifest) -> Result<Self> {
        let storage = storage_at(folder)?;
        refuse_foreign(&*storage)?;
        Self::create_or_resume_in(storage, manifest)
    }

    /// As [`create_or_resume`](Self::create_or_resume), in any storage.
    pub(super) fn create_or_resume_in(storage: Arc<dyn Storage>, manifest: &Manifest) -> Result<Self> {
        manifest.check().map_err(|problem| Error::Results(format!("this cannot be a run: {problem}")))?;
        let text = Manifest { finished: None, ..manifest.clone() }.bytes()?;
        storage.create_new(Manifest::FILE, &mut |file| Ok(io::Write::write_all(file, &text)?))?;
        let results = Self::open_in(storage)?;
        let differences = results.manifest().differences(manifest);
        if differences.is_empty() {
            results.tidy()?;
            return Ok(results);
        }
        Err(Error::Results(format!(
            "{} has the results of another run: {}. Choose another folder, or the arguments of that run",
            results.place().display(),
            differences.join("; ")
        )))
    }

    /// Writes into the manifest when the last part was done, once all of them are.
    ///
    /// # Errors
    /// As [`status`](Self::status), or the manifest cannot be written.
    pub(crate) fn note_end(&self) -> Result<()> {
        let storage = &*self.folder.storage;
        let Some(finished) = self.status()?.finished else { return Ok(()) };
        let manifest = self.manifest().clone().finished(finished);
        if Manifest::of(storage)?.is_some_and(|noted| noted.finished == manifest.finished) {
            return Ok(());
        }
        let text = manifest.bytes()?;
        let staged = format!("{STAGED}{}", identity());
        storage.write(&staged, &mut |file| Ok(io::Write::write_all(file, &text)?))?;
        // Another process may have written the same.
        storage.rename(&staged, Manifest::FILE).map(drop)
    }

    /// Removes what processes left behind that were killed after a part was done.
    fn tidy(&self) -> Result<()> {
        let storage = &*self.folder.storage;
        for name in storage.list("staging")?.iter().map(|name| format!("staging/{name}")) {
            if name.starts_with(STAGED) && storage.age(&name)?.is_some_and(|age| age > self.folder.timeout) {
                storage.remove(&name)?;
            }
        }
        let mut parts = BTreeSet::new();
        for folder in ["claims", "commits", "staging"] {
            parts.extend(storage.list(folder)?.iter().filter_map(|name| part_of(name)));
        }
        for part in parts {
            if storage.read(&Completion::name(part))?.is_some() {
                clear_claims(storage, part)?;
                storage.remove(&Completion::commit(part))?;
                clear_staging(storage, part, None)?;
            }
        }
        Ok(())
    }

    /// Opens a folder of results.
    ///
    /// # Errors
    /// There is no such folder, or it has no manifest that this program reads.
    pub fn open(folder: &Path) -> Result<Self> {
        if !is_remote(folder) {
            // Its error says more than a missing manifest does.
            fs::read_dir(folder).map_err(|source| Error::File { path: folder.to_owned(), source })?;
        }
        Self::open_in(storage_at(folder)?)
    }

    /// Whether there is a folder of results at this path. An address of an object store always counts as one, because no other
    /// results are there.
    pub fn is_at(path: &Path) -> bool {
        is_remote(path) || path.join(Manifest::FILE).is_file()
    }

    /// The data files of the run whose results are in a folder; empty if there are none yet.
    ///
    /// # Errors
    /// The folder has other files, it cannot be read, or its manifest is damaged.
    pub fn data_files(folder: &Path) -> Result<Vec<DataFile>> {
        let storage = storage_at(folder)?;
        refuse_foreign(&*storage)?;
        Ok(Manifest::of(&*storage)?.map(|manifest| manifest.files).unwrap_or_default())
    }

    pub(super) fn open_in(storage: Arc<dyn Storage>) -> Result<Self> {
        let Some(manifest) = Manifest::of(&*storage)? else {
            return Err(Error::Results(format!(
                "{} has no {}, so it is no folder of results",
                storage.place("").display(),
                Manifest::FILE
            )));
        };
        Ok(Self { folder: Arc::new(Folder { storage, manifest, timeout: Self::CLAIM_TIMEOUT }) })
    }

    /// Sets the time without a sign of life after which a claim is taken over. A claim of a process that is known to be dead is
    /// taken over at once.
    #[must_use]
    pub fn claim_timeout(self, timeout: Duration) -> Self {
        let Folder { storage, manifest, .. } = &*self.folder;
        Self { folder: Arc::new(Folder { storage: storage.clone(), manifest: manifest.clone(), timeout }) }
    }

    /// The folder.
    pub fn place(&self) -> PathBuf {
        self.folder.storage.place("")
    }

    /// What the run is.
    pub fn manifest(&self) -> &Manifest {
        &self.folder.manifest
    }

    /// Number of parts. Part `k` has the rows from `k * part_rows` to before `(k + 1) * part_rows`; the last one may have fewer.
    pub fn parts(&self) -> u64 {
        self.manifest().parts()
    }

    /// Rows of a part.
    pub fn rows_of(&self, part: u64) -> Range<u64> {
        self.manifest().rows_of(part)
    }

    /// Claims a part for this process; `None` if it is done, or if a living process has it. Claims of dead processes are taken
    /// over, and a part whose files were all written is completed. A part that is done, but has a file that is missing or of another
    /// size, is open again.
    ///
    /// # Errors
    /// There is no such part, its completion record is damaged, the folder cannot be read and written, or it was moved or removed
    /// since it was opened.
    pub fn claim(&self, part: u64) -> Result<Option<Claim>> {
        if part >= self.parts() {
            return Err(Error::Results(format!(
                "there is no part {part}; the run has {}, counted from 0",
                self.parts()
            )));
        }
        Claim::take(&self.folder, part, None)
    }

    /// Claims a part that is done, to attribute it again; `None` if its record is another one by now, or if a living process has it.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    pub fn claim_again(&self, record: &Completion) -> Result<Option<Claim>> {
        Claim::take(&self.folder, record.part, Some(record))
    }
}

/// Whether a path is an address of an object store.
fn is_remote(path: &Path) -> bool {
    path.to_str().is_some_and(is_address)
}

/// The storage at a path or an address.
fn storage_at(folder: &Path) -> Result<Arc<dyn Storage>> {
    match folder.to_str().filter(|folder| is_address(folder)) {
        None => Ok(Arc::new(LocalFolder::new(folder))),
        Some(address) if !is_writable(address) => Err(Error::Results(format!(
            "{address}: results cannot be kept on a web server; choose a folder, or an address that starts with s3://, gs:// or az://"
        ))),
        #[cfg(feature = "cloud")]
        Some(address) => Ok(Arc::new(super::objects::ObjectFolder::open(address)?)),
        #[cfg(not(feature = "cloud"))]
        Some(address) => Err(crate::remote::unsupported(address)),
    }
}

/// Refuses a folder with files, but without a manifest.
fn refuse_foreign(storage: &dyn Storage) -> Result<()> {
    let place = storage.place("");
    let names = match storage.list("") {
        Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::Results(format!(
                "{} is a file, but results go to a folder; choose another name",
                place.display()
            )));
        }
        names => names?,
    };
    let Some(foreign) = names.first() else { return Ok(()) };
    // The manifest may be created after the folder was listed, and a part after it.
    if names.iter().any(|name| name == Manifest::FILE) || storage.read(Manifest::FILE)?.is_some() {
        return Ok(());
    }
    Err(Error::Results(format!(
        "{} has `{foreign}` and no {}, so it is no folder of results; choose a new or an empty folder",
        place.display(),
        Manifest::FILE
    )))
}
