//! Where fetched files live: `ROOT/data/DATASET/FILE`, decompressed and verified; states and models beside
//! them, in `ROOT/runs`.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use crate::error::{Error, Kind, Result};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
    runs: PathBuf,
}

impl Cache {
    /// A cache in the folder `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { runs: root.join("runs"), root }
    }

    /// The same data files, with states and models in another folder: what is trained from nothing must find none.
    #[must_use]
    pub fn with_runs(&self, runs: impl Into<PathBuf>) -> Self {
        Self { root: self.root.clone(), runs: runs.into() }
    }

    /// `reprise` in the cache folder of this system's user.
    ///
    /// # Errors
    /// `Missing` if the user has no home folder.
    pub fn default_root() -> Result<PathBuf> {
        let base = etcetera::choose_base_strategy().map_err(|error| {
            Error::new(Kind::Missing, "no home folder, so there is no place for a cache")
                .got(error.to_string())
                .hint("name one: `REPRISE_CACHE=DIR`")
        })?;
        Ok(base.cache_dir().join("reprise"))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of states and models.
    pub fn runs(&self) -> &Path {
        &self.runs
    }

    /// The folder of a dataset's files.
    pub fn dataset(&self, id: &str) -> PathBuf {
        self.root.join("data").join(id)
    }

    pub fn file(&self, id: &str, name: &str) -> PathBuf {
        self.dataset(id).join(name)
    }
}
