//! What all targets share: the readers take files, so the input is put into one, and whatever they refuse they must
//! refuse as a person can understand it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use harness::error::{Error, Kind, Result};
use tempfile::TempDir;

/// One a process. It is made where `TMPDIR` says: on a RAM disk a target is twice as fast.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder for the input can be made"));

/// The folder of this process.
pub fn folder() -> &'static Path {
    FOLDER.path()
}

/// Writes `bytes` to the file `path` of [`folder`].
pub fn file(path: impl AsRef<Path>, bytes: &[u8]) -> PathBuf {
    let file = folder().join(path);
    let parent = file.parent().expect("a file stands in a folder");
    fs::create_dir_all(parent).and_then(|()| fs::write(&file, bytes)).expect("the input can be written");
    file
}

/// What was accepted. What was refused must be the input's fault, and say something.
pub fn accepted<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            refused(&error);
            None
        }
    }
}

fn refused(error: &Error) {
    let fault = matches!(error.kind(), Kind::Input | Kind::Data);
    assert!(fault, "{:?} is no fault of the input: {error}", error.kind());
    assert!(!error.to_string().is_empty());
}
