//! Files are written by rename, so that they appear whole or not at all; only regular files are read.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::error::{Error, Result};

/// An unfinished file that is older than this was left by a killed process: writing one takes moments.
const LEFT_AFTER: Duration = Duration::from_secs(3600);

/// Opens a regular file to read it. A pipe would block for ever, and a device never ends.
///
/// # Errors
/// What the operating system says, or that it is no regular file.
pub(crate) fn open(path: &Path) -> io::Result<fs::File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    fs::File::open(path)
}

/// Makes a new file. What has the name is removed first, so that a link is not followed.
///
/// # Errors
/// What the operating system says.
pub(crate) fn create(path: &Path) -> io::Result<fs::File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::File::create_new(path),
    }
}

/// All bytes of a regular file.
///
/// # Errors
/// What the operating system says, or that it is no regular file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a regular file.
///
/// # Errors
/// What the operating system says, or that it is no regular file, or not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Whether Windows takes a name for a device, with any ending.
pub(crate) fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let port = |kind| stem.strip_prefix(kind).is_some_and(|n: &str| n.len() == 1 && n.as_bytes()[0].is_ascii_digit());
    ["con", "prn", "aux", "nul"].contains(&&*stem) || port("com") || port("lpt")
}

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

/// What no other process has in the names of its unfinished files, on whatever machine that shares the folder: the number of a
/// process, and a random one.
pub(crate) fn process_mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| format!("{}-{:x}", std::process::id(), RandomState::new().build_hasher().finish()))
}

/// Writes `bytes` [by rename](by_rename); several processes may do so at once.
///
/// # Errors
/// [`Io`](crate::error::Kind::Io)
pub fn write_by_rename(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", process_mark()));
    by_rename(path, &path.with_file_name(name), |part| {
        fs::write(part, bytes).map_err(|error| Error::io("cannot write a file", path, &error))
    })?;
    sweep_parts(path);
    Ok(())
}

/// Writes `bytes` to a path that a person named. A regular file is replaced [by rename](by_rename), a link is followed first,
/// and a device or pipe is written to.
///
/// # Errors
/// [`Io`](crate::error::Kind::Io)
pub fn write_to(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: io::Error| Error::io("cannot write a file", path, &error);
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            let mut target = OpenOptions::new().write(true).open(path).map_err(failed)?;
            target.write_all(bytes).map_err(failed)
        }
        Ok(_) => write_by_rename(&path.canonicalize().map_err(failed)?, bytes),
        Err(_) => write_by_rename(path, bytes),
    }
}

/// Removes unfinished files that killed processes left beside this one. Failures are ignored.
fn sweep_parts(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let begin = format!(".{}.", name.to_string_lossy());
    remove_left(folder, |name| name.starts_with(&begin) && name.ends_with(".part"));
}

/// Removes the files of a folder that have such a name and that nobody has written to for an hour.
pub(crate) fn remove_left(folder: &Path, is_part: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let old = |entry: &fs::DirEntry| entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_part(&entry.file_name().to_string_lossy()) && old(&entry).is_some_and(|age| age > LEFT_AFTER) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// `path` with `more` appended to its file name.
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
    let probe = folder.join(format!(".probe.{}", process_mark()));
    let written = fs::write(&probe, b"probe");
    // A full disk takes the name and not the bytes.
    let removed = fs::remove_file(&probe);
    written.and(removed)
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
    fn what_a_killed_process_left_of_a_file_goes_with_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        let part = |name: &str, age: u64| {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(age)).unwrap();
        };
        part(".a.txt.17.part", 7200);
        part(".a.txt.18.part", 5); // Another process is at it.
        part(".b.txt.17.part", 7200);
        write_by_rename(&folder.path().join("a.txt"), b"x").unwrap();
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, [".a.txt.18.part", ".b.txt.17.part", "a.txt"]);
    }

    #[test]
    #[cfg(unix)]
    fn devices_and_links_are_written_to_and_not_replaced() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        write_to(Path::new("/dev/null"), b"x").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        assert!(read(Path::new("/dev/zero")).unwrap_err().to_string().contains("not a regular file"));
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        write_to(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        write_to(&folder.path().join("fresh"), b"x").unwrap();
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
