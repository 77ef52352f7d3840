//! Locks in the cache: one process at a time fetches a dataset or trains a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Kind, Place, Result};

/// How often a process that waits looks again, and whether it was asked to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A lock file, held until this value is dropped; the operating system releases it if the process is killed.
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Lock {
    /// Takes the lock file `path` for this process, folders above it included; `waiting` is called
    /// if another has it, before waiting for it, and `interrupted` while waiting.
    ///
    /// # Errors
    /// [`Io`](Kind::Io); [`Interrupted`](Kind::Interrupted) as soon as `interrupted` says so.
    pub(crate) fn take(path: &Path, waiting: impl FnOnce(), interrupted: impl Fn() -> bool) -> Result<Self> {
        if let Some(lock) = Self::try_take(path)? {
            return Ok(lock);
        }
        waiting();
        loop {
            if interrupted() {
                return Err(Error::new(Kind::Interrupted, "interrupted while another process had it"));
            }
            std::thread::sleep(LOOK_EVERY);
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
        }
    }

    /// Who has the lock file, as it says itself; `None` if nobody has it. Of an empty one the process is not known. Writes nothing.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub(crate) fn holder(path: &Path) -> Result<Option<String>> {
        let failed = |error: std::io::Error| Error::io("a lock of the cache cannot be read", path, &error);
        let file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed)?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                // Where a lock also keeps others from reading, its holder stays unknown.
                let text = std::fs::read_to_string(path).unwrap_or_default();
                let holder = text.lines().next().unwrap_or_default().trim();
                Ok(Some(if holder.is_empty() { "a process".into() } else { holder.into() }))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// The lock, if no other process has it. Its file then says who has it.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>> {
        let failed = |error: std::io::Error| {
            Error::io("the cache cannot be locked", path, &error)
                .hint("the cache may be another folder: `--cache DIR` or `REPRISE_CACHE=DIR`")
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        // A pipe would block, and a device is nobody's lock.
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(Error::new(Kind::Io, "the cache cannot be locked")
                .at(Place::file(path))
                .expected("a regular file, or none"));
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                // For people alone: whether it is locked is known to the system.
                let host = sysinfo::System::host_name().map_or(String::new(), |host| format!(" on {host}"));
                let _ = file.set_len(0).and_then(|()| writeln!(file, "process {}{host}", std::process::id()));
                Ok(Some(Self(file)))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
