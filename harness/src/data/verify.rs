//! Which files of a dataset are present, and whether their bytes are the right ones.

use std::path::Path;

use crate::digest::Digest;
use crate::error::Result;

use super::cache::Cache;
use super::identity::Identity;
use super::load::{DatasetCounts, content, load};
use super::manifest::{DataFile, FileSource, Manifest};

/// Where a file can be obtained, from the nearest to the farthest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileState {
    /// Shipped with the program.
    Embedded,
    /// In its place near the manifest. Its digest is checked on use.
    Beside,
    /// In the cache, with the right size where that is known. Its digest is checked on use.
    Cached,
    /// Not in the cache, but in the mirror folder.
    AtMirror,
    /// Must come over the network.
    AtUrl,
    /// Only a person can obtain it, by the manifest's instructions.
    ByHand,
    /// In the cache, but the manifest says no digest: it cannot be used before one is pinned.
    Unpinned,
}

/// Where a whole dataset can be obtained: the state of its farthest file. Reads no content.
pub fn status(manifest: &Manifest, cache: &Cache, mirror: Option<&Path>) -> FileState {
    let states = manifest.files.iter().map(|file| file_state(manifest, file, cache, mirror));
    states.max().expect("a checked manifest has a file")
}

fn file_state(manifest: &Manifest, file: &DataFile, cache: &Cache, mirror: Option<&Path>) -> FileState {
    if file.embedded().is_some() {
        return FileState::Embedded;
    }
    if manifest.near(file).is_some_and(|(path, _)| path.exists()) {
        return FileState::Beside;
    }
    if let Ok(metadata) = cache.file(&manifest.id, &file.name).metadata()
        && metadata.is_file()
        && file.identity.bytes().is_none_or(|bytes| bytes == metadata.len())
    {
        return if file.identity == Identity::Unknown { FileState::Unpinned } else { FileState::Cached };
    }
    let at = |source: &FileSource| match (source, mirror) {
        (FileSource::Mirror { path, .. }, Some(mirror)) if mirror.join(path).exists() => Some(FileState::AtMirror),
        (FileSource::Url { .. }, _) => Some(FileState::AtUrl),
        _ => None,
    };
    file.sources.iter().filter_map(at).min().unwrap_or(FileState::ByHand)
}

/// The result of [`verify`].
#[derive(Debug)]
pub struct Verification {
    pub files: Vec<FileCheck>,
    /// Counts and digest of the prepared dataset; `None` unless every file is here and right.
    pub prepared: Option<Result<(DatasetCounts, Digest)>>,
}

/// One file of the dataset.
#[derive(Debug)]
pub struct FileCheck {
    pub name: String,
    /// Whether it is present; an error if it is present and has the wrong bytes.
    pub here: Result<bool>,
}

impl Verification {
    /// The first error, of a file or of the prepared dataset.
    pub fn error(&self) -> Option<&crate::error::Error> {
        let prepared = self.prepared.as_ref().and_then(|prepared| prepared.as_ref().err());
        self.files.iter().find_map(|file| file.here.as_ref().err()).or(prepared)
    }
}

/// Checks size and digest of every present file and, if all are present, the counts and digest of the prepared dataset.
pub fn verify(manifest: &Manifest, cache: &Cache) -> Verification {
    let here = |file: &DataFile| {
        if file.embedded().is_some() || manifest.near(file).is_some_and(|(path, _)| path.exists()) {
            return content(manifest, file, cache).map(|_| true);
        }
        let path = cache.file(&manifest.id, &file.name);
        if !path.exists() {
            return Ok(false);
        }
        file.identity.check_file(&path).map_err(|error| manifest.name_swapped(file, &path, error)).map(|()| true)
    };
    let check = |file: &DataFile| FileCheck { name: file.name.clone(), here: here(file) };
    let files: Vec<FileCheck> = manifest.files.iter().map(check).collect();
    let complete = files.iter().all(|file| matches!(file.here, Ok(true)));
    let prepare = || load(manifest, cache).map(|dataset| (DatasetCounts::of(&dataset), dataset.digest()));
    Verification { files, prepared: complete.then(prepare) }
}
