//! Locks in the cache: one process at a time fetches a dataset or trains a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};

/// Held until it is dropped; the operating system lets go of it even if this process is killed.
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Lock {
    /// Takes the lock file `path` for this process, folders above it included; `waiting` is called
    /// if another has it, before waiting for it.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io)
    pub(crate) fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::io("the cache cannot be locked", path, &error)
                .hint("the cache may be another folder: `--cache DIR` or `REPRISE_CACHE=DIR`")
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(failed)?;
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(Self(file))
    }
}
