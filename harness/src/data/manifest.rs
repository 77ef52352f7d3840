//! What a dataset is: files, digests, where to get them, licence, how to read them, and the counts
//! that it must have. These are the checked types; the TOML form is in `wire.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, FieldHasher};
use crate::error::Error;

use super::bytes::open;
use super::dataset::Values;
use super::identity::Identity;
use super::layout::FileLayout;
use super::time::Clock;

/// The description of a dataset: its files with their digests and sources, the licence, how to read the files, and the
/// counts that the prepared dataset must have.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Where the manifest was read; embedded files lie relative to its folder.
    pub path: PathBuf,
    /// Equal to the file's stem.
    pub id: String,
    pub title: String,
    /// Which paper it serves, and how near it is to the paper's own data.
    pub serves: String,
    pub citation: String,
    pub homepage: String,
    pub notes: String,
    pub licence: Licence,
    /// Never empty; names are unique.
    pub files: Vec<DataFile>,
    pub users: IdTable,
    pub items: IdTable,
    /// Interactions in each part, where they are known.
    pub interactions: Option<BTreeMap<String, usize>>,
    pub take_out: Option<TakeOut>,
    /// [`super::Dataset::digest`] of the prepared dataset, where it is known.
    pub prepared: Option<Digest>,
}

/// The terms under which a dataset is published.
#[derive(Clone, Debug, PartialEq)]
pub struct Licence {
    pub name: String,
    /// The terms, and where they were found.
    pub terms: String,
    /// Whether the terms allow the data to be shipped with this program.
    pub redistributable: bool,
}

/// One file of a dataset, as it is kept in the cache.
#[derive(Clone, Debug, PartialEq)]
pub struct DataFile {
    pub name: String,
    /// The part of the dataset that it holds, or adds to; none where its lines are about items.
    pub part: Option<String>,
    /// Of the bytes in the cache.
    pub identity: Identity,
    /// The file stays compressed in the cache, because only the digest of its compressed bytes is
    /// known.
    pub gzip: bool,
    pub layout: FileLayout,
    /// In the order in which they are tried.
    pub sources: Vec<FileSource>,
    /// What a person must do where no source can be used by a program.
    pub instructions: Option<String>,
}

/// A place that a file can be obtained from.
#[derive(Clone, Debug, PartialEq)]
pub enum FileSource {
    /// A gzip file beside the manifest, shipped with the program: it needs no cache and no network.
    Embedded { path: String },
    /// A file in its place near the manifest, which is read there and never copied; `path` is relative to the manifest's
    /// folder. For data that a person has, beside a spec of their own.
    Beside { path: String, gzip: bool },
    /// Relative to a mirror folder; `identity` is of the bytes there.
    Mirror { path: String, gzip: bool, identity: Identity },
    /// `identity` is of the bytes that the server sends.
    Url { url: String, gzip: bool, identity: Identity },
}

/// How the source's ids of users (or items) become dense ids from 0, and how many there must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IdTable {
    pub ids: IdScheme,
    /// Those with at least one interaction, where it is known.
    pub count: Option<usize>,
}

/// A rule that turns the source's ids into dense ids from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdScheme {
    /// Used as they are, less `first`: `0..table`, some of which may have no interaction.
    Dense { first: u32, table: usize },
    /// Numbered from 0 in the order of their first appearance, file after file.
    Map,
    /// One user a line, numbered from 0, file after file.
    Line,
}

/// Subtraction of parts: the pairs of `parts` are removed from `from`, where the source's file of one part contains the
/// others.
#[derive(Clone, Debug, PartialEq)]
pub struct TakeOut {
    pub from: String,
    pub parts: Vec<String>,
}

impl Manifest {
    /// Names of the parts, in the order of the files.
    pub fn parts(&self) -> Vec<&str> {
        let mut parts: Vec<&str> = Vec::new();
        for part in self.files.iter().filter_map(|file| file.part.as_deref()) {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts
    }

    fn of_interactions(&self) -> impl Iterator<Item = &DataFile> {
        self.files.iter().filter(|file| !file.layout.is_of_items())
    }

    /// The clock of all files; [`Clock::Order`] where files differ.
    pub fn clock(&self) -> Clock {
        let mut all = self.of_interactions().map(|file| file.layout.clock());
        let first = all.next().unwrap_or(Clock::Position);
        if all.all(|clock| clock == first) { first } else { Clock::Order }
    }

    /// The kind of values of all files; [`Values::None`] where files differ.
    pub fn values(&self) -> Values {
        let mut all = self.of_interactions().map(|file| file.layout.values());
        let first = all.next().unwrap_or(Values::None);
        if all.all(|values| values == first) { first } else { Values::None }
    }

    /// True if all of its files are shipped with the program.
    pub fn is_embedded(&self) -> bool {
        self.files.iter().all(|file| file.embedded().is_some())
    }

    /// Digest of the raw files, as they are named here.
    pub fn raw_digest(&self) -> Digest {
        let mut hasher = FieldHasher::new("reprise raw files 1");
        for file in &self.files {
            hasher.field(&file.name, file.identity.to_string().as_bytes());
        }
        hasher.finish()
    }

    /// The file of a source `beside`, whether it is there or not, and whether it is compressed.
    pub(super) fn near(&self, file: &DataFile) -> Option<(PathBuf, bool)> {
        file.sources.iter().find_map(|source| match source {
            FileSource::Beside { path, gzip } => Some((self.beside(path), *gzip)),
            _ => None,
        })
    }

    /// The path of a file near the manifest.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// Adds to an error about the bytes of `file` that another file's bytes were found instead.
    pub(super) fn name_swapped(&self, file: &DataFile, found: &Path, error: Error) -> Error {
        let known = |identity: &Identity, length| identity.bytes() == Some(length);
        let identities = |other: &DataFile| {
            let of_source = |source: &FileSource| match source {
                FileSource::Mirror { identity, .. } | FileSource::Url { identity, .. } => Some(*identity),
                FileSource::Embedded { .. } | FileSource::Beside { .. } => None,
            };
            other.sources.iter().filter_map(of_source).chain([other.identity]).collect::<Vec<_>>()
        };
        let others = || self.files.iter().filter(|other| other.name != file.name);
        let Ok((bytes, length)) = open(found) else { return error };
        // Of another length it is none of them: there is no need to read it.
        if !others().flat_map(identities).any(|identity| known(&identity, length)) {
            return error;
        }
        let Ok((got, _)) = Digest::of_reader(bytes) else { return error };
        let is_got = |identity: &Identity| matches!(identity, Identity::Sha256 { digest, .. } if *digest == got);
        let other = others().find(|other| identities(other).iter().any(is_got));
        match other {
            Some(other) => {
                error.hint(format!("these are the bytes of `{}`: have two files changed places?", other.name))
            }
            None => error,
        }
    }
}

impl DataFile {
    pub(super) fn has_url(&self) -> bool {
        self.sources.iter().any(|source| matches!(source, FileSource::Url { .. }))
    }

    pub(super) fn embedded(&self) -> Option<&str> {
        self.sources.iter().find_map(|source| match source {
            FileSource::Embedded { path } => Some(path.as_str()),
            _ => None,
        })
    }
}
