//! Files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Makes a file by `write` under the name `part` in the same folder, then renames: nobody ever sees
/// half of it, and a power cut leaves the old one or the new one. Folders above it are made.
///
/// # Errors
/// Those of `write`; [`Io`](crate::error::Kind::Io). The unfinished file is removed.
pub(crate) fn by_rename(path: &Path, part: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io("cannot make a folder", folder, &error))?;
    }
    let name = || {
        // The name must not reach the disk before the bytes do.
        OpenOptions::new().append(true).open(part)?.sync_all()?;
        fs::rename(part, path)
    };
    let written = write(part).and_then(|()| name().map_err(|error| Error::io("cannot write a file", path, &error)));
    if written.is_err() {
        // The first error is the one to tell; without the file there is nothing to remove.
        let _ = fs::remove_file(part);
    }
    written
}

/// Writes `bytes` [by rename](by_rename); several processes may do so at once.
///
/// # Errors
/// [`Io`](crate::error::Kind::Io)
pub fn write_by_rename(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    by_rename(path, &path.with_file_name(name), |part| {
        fs::write(part, bytes).map_err(|error| Error::io("cannot write a file", path, &error))
    })
}

/// `path` with more at the end of its name.
pub(crate) fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(more);
    PathBuf::from(name)
}

/// Makes a folder if it is not there and finds out whether files can be written into it.
///
/// # Errors
/// What the operating system says.
pub fn check_writable(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let probe = folder.join(format!(".probe.{}", std::process::id()));
    fs::write(&probe, b"probe")?;
    fs::remove_file(&probe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/a.txt");
        write_by_rename(&path, b"first").unwrap();
        write_by_rename(&path, b"second").unwrap();
        let failed = by_rename(&path, &beside(&path, ".part"), |part| {
            fs::write(part, b"half").unwrap();
            Err(Error::new(Kind::Data, "not what it should be"))
        });
        assert_eq!(failed.unwrap_err().what(), "not what it should be");
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(path.parent().unwrap()), ["a.txt"]);
    }

    #[test]
    fn a_folder_that_is_a_file_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("new")).unwrap();
        assert!(names(&folder.path().join("new")).is_empty(), "the probe is gone");
        fs::write(folder.path().join("file"), b"").unwrap();
        assert!(check_writable(&folder.path().join("file")).is_err());
    }
}
