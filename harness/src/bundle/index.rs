//! `bundle.json`: what a bundle is of, and the digests of its files.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};
use crate::record::{Check, Program, Stored, flaw, unique};

/// Name of the file in the archive.
pub const BUNDLE: &str = "bundle.json";

/// What a bundle is of, and the digests of its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleIndex {
    /// Version of the form, [`Stored::FORMAT`].
    pub format: u32,
    /// Id of the spec, such as `de-rrd/citeulike`.
    pub spec: String,
    pub profile: String,
    /// Id of the dataset's manifest.
    pub dataset: String,
    /// Digest of the dataset's raw files, as its manifest pins them.
    pub data: Digest,
    /// Whether commands, commits and names were left out.
    pub anonymous: bool,
    /// The program that made the bundle; each record says which one made it.
    pub program: Program,
    pub program_file: ProgramFile,
    /// The files of the bundle, without this one.
    #[serde(deserialize_with = "unique")]
    pub files: BTreeMap<String, BundledFile>,
}

/// The file of the program that made a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramFile {
    pub sha256: Digest,
    pub bytes: u64,
}

/// A file of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledFile {
    pub sha256: Digest,
    pub bytes: u64,
}

impl BundledFile {
    /// What is said of a file with this content.
    pub fn of(content: &[u8]) -> Self {
        Self { sha256: Digest::of(content), bytes: content.len() as u64 }
    }
}

impl BundleIndex {
    /// Holds the files of an archive, this one among them, against the digests. `archive` is for errors.
    ///
    /// # Errors
    /// [`Data`](Kind::Data) for the first file that is missing, that is not listed, or whose bytes are others.
    pub fn check_files(&self, archive: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
        let refuse = |name: &str, what: &str| {
            Error::new(Kind::Data, what)
                .at(Place::file(archive).key(name))
                .hint("somebody changed the bundle after it was made")
        };
        for (name, listed) in &self.files {
            let Some(content) = files.get(name) else {
                return Err(refuse(name, "a file of the bundle is missing"));
            };
            let found = BundledFile::of(content);
            if found != *listed {
                return Err(refuse(name, "a file of the bundle has other bytes")
                    .expected(format!("{} bytes, SHA-256 {}", listed.bytes, listed.sha256))
                    .got(format!("{} bytes, SHA-256 {}", found.bytes, found.sha256)));
            }
        }
        match files.keys().find(|name| *name != BUNDLE && !self.files.contains_key(*name)) {
            Some(name) => {
                Err(refuse(name, "a file of the archive is not listed").expected(format!("a digest in {BUNDLE}")))
            }
            None => Ok(()),
        }
    }
}

impl Stored for BundleIndex {
    const FORMAT: u32 = 1;
    const WHAT: &'static str = "a bundle's list of files";
    const HINT: &'static str = "`reprise bundle SPEC --to FILE.zip` makes a bundle";

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Check {
        if self.files.contains_key(BUNDLE) {
            return flaw("files", "all files but the list itself", BUNDLE);
        }
        Ok(())
    }
}
