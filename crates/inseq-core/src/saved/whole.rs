//! Files that are written completely or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// Writes a temporary file in the same folder and renames it, so that no reader sees half of it. An existing file keeps its
/// permissions, and a link keeps its target. A device or a pipe is written to directly.
///
/// # Errors
/// [`Error::Exists`] if the path exists and `overwrite` is false; the error of `write`; or the file cannot be written.
pub fn write_whole(path: &Path, overwrite: bool, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    if !overwrite && path.exists() {
        return Err(Error::Exists(path.to_owned()));
    }
    let steps = || -> Result<()> {
        let place = behind_links(path)?;
        let found = fs::metadata(&place).ok();
        if found.as_ref().is_some_and(|found| !found.is_file() && !found.is_dir()) {
            return write(&mut fs::OpenOptions::new().write(true).open(&place)?);
        }
        let mut file = temporary(&place)?;
        if let Some(found) = found {
            file.as_file().set_permissions(found.permissions())?;
        }
        write(file.as_file_mut())?;
        file.as_file().sync_all()?;
        if overwrite {
            file.persist(&place).map_err(|error| error.error)?;
        } else {
            file.persist_noclobber(&place).map_err(|error| match error.error.kind() {
                io::ErrorKind::AlreadyExists => Error::Exists(path.to_owned()),
                _ => Error::Io(error.error),
            })?;
        }
        Ok(())
    };
    steps().map_err(|error| error.at(path))
}

/// Checks that [`write_whole`] can write a file, before the work whose result it holds.
///
/// # Errors
/// The path is a folder, or its folder is missing or does not take new files.
pub fn check_writable(path: &Path) -> Result<()> {
    let steps = || -> Result<()> {
        let place = behind_links(path)?;
        match fs::metadata(&place) {
            Ok(found) if found.is_dir() => {
                Err(io::Error::new(io::ErrorKind::IsADirectory, "is a folder; name a file in it").into())
            }
            // A device or a pipe.
            Ok(found) if !found.is_file() => Ok(()),
            _ => Ok(temporary(&place).map(drop)?),
        }
    };
    steps().map_err(|error| error.at(path))
}

/// A temporary file beside a place.
fn temporary(place: &Path) -> io::Result<NamedTempFile> {
    let folder = match place.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    #[cfg_attr(not(unix), expect(unused_mut, reason = "permissions are of Unix"))]
    let mut builder = tempfile::Builder::new();
    // Temporary files are private; a new file is as public as any other, which the umask decides.
    #[cfg(unix)]
    builder.permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    // The error of the library names the temporary file.
    builder.tempfile_in(folder).map_err(|error| {
        let problem = match error.kind() {
            io::ErrorKind::NotFound if !folder.exists() => "is not there; make it first".to_owned(),
            kind => format!("takes no new file: {kind}"),
        };
        io::Error::new(error.kind(), format!("the folder {} {problem}", folder.display()))
    })
}

/// The file behind a path that is a link, or a chain of links.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..40 {
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_symlink() => {
                let target = fs::read_link(&place)?;
                place = place.parent().unwrap_or(Path::new("")).join(target);
            }
            _ => return Ok(place),
        }
    }
    Err(io::Error::other("is a link that leads to itself"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn write(path: &Path, text: &str) -> Result<()> {
        write_whole(path, true, |file| Ok(file.write_all(text.as_bytes())?))
    }

    #[test]
    fn permissions_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn errors_name_the_folder_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, inside) = (folder.path().join("file"), folder.path().join("file/why.json"));
        fs::write(&file, "").unwrap();
        let missing = folder.path().join("missing/why.json");
        for (path, problem) in
            [(&inside, "takes no new file: not a directory"), (&missing, "is not there; make it first")]
        {
            let expected = format!("{}: the folder {} {problem}", path.display(), path.parent().unwrap().display());
            assert_eq!(write(path, "text").unwrap_err().to_string(), expected);
            assert_eq!(check_writable(path).unwrap_err().to_string(), expected);
        }
        check_writable(&file).unwrap();
        check_writable(&folder.path().join("new")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a check leaves nothing");
        assert!(check_writable(folder.path()).unwrap_err().to_string().contains("is a folder; name a file in it"));
        // The permissions of a folder do not bind root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
        if let Err(error) = check_writable(&folder.path().join("new")) {
            let expected = format!("the folder {} takes no new file: permission denied", folder.path().display());
            assert!(error.to_string().ends_with(&expected), "{error}");
        }
    }

    #[test]
    fn links_stay_links() {
        let folder = tempfile::tempdir().unwrap();
        let (link, other, file) = (folder.path().join("link"), folder.path().join("other"), folder.path().join("file"));
        symlink("other", &link).unwrap();
        symlink(&file, &other).unwrap();
        write(&link, "text").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::symlink_metadata(&other).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        fs::remove_file(&other).unwrap();
        symlink("link", &other).unwrap();
        assert!(write(&link, "text").unwrap_err().to_string().contains("link"));
    }

    #[test]
    fn what_is_no_file_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = std::thread::spawn({
            let path = path.clone();
            move || {
                let mut text = String::new();
                File::open(path).unwrap().read_to_string(&mut text).unwrap();
                text
            }
        });
        write(&path, "text").unwrap();
        assert_eq!(reader.join().unwrap(), "text");
        assert!(!fs::metadata(&path).unwrap().is_file());
    }
}
