//! Folders for what is made again to be compared, and is then forgotten: runs, the files of a bundle.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use tempfile::TempDir;

/// A folder that goes away with its owner; if the process is killed, the next one sweeps it.
pub struct ScratchFolder {
    folder: TempDir,
    /// Held as long as the folder is in use: the system lets go of it even if this process is killed.
    _lock: File,
}

/// In each folder.
const LOCK: &str = "lock";

impl ScratchFolder {
    /// A folder of its own below `base`, after what killed processes left there was removed.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io)
    pub fn new(base: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| Error::io("cannot make a folder for what is compared", base, &error);
        std::fs::create_dir_all(base).map_err(failed)?;
        // One at a time: a folder that was just made has no lock yet.
        let makers = locked(&base.join(LOCK)).map_err(failed)?;
        makers.lock().map_err(failed)?;
        for entry in std::fs::read_dir(base).map_err(failed)? {
            sweep(&entry.map_err(failed)?.path());
        }
        let folder = tempfile::Builder::new().prefix("").tempdir_in(base).map_err(failed)?;
        let lock = locked(&folder.path().join(LOCK)).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(Self { folder, _lock: lock })
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }
}

fn locked(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Removes a folder that nobody holds. What cannot be removed stays: it is nobody's harm.
fn sweep(folder: &Path) {
    if folder.is_dir() && locked(&folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_swept_and_what_is_in_use_stays() {
        let base = tempfile::tempdir().unwrap();
        let left = base.path().join("left");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(LOCK), "").unwrap();
        std::fs::write(left.join("model"), "x").unwrap();
        let first = ScratchFolder::new(base.path()).unwrap();
        assert!(!left.exists());
        let second = ScratchFolder::new(base.path()).unwrap();
        assert!(first.path().exists() && second.path().exists() && first.path() != second.path());
        let path = first.path();
        drop(first);
        assert!(!path.exists());
    }
}
