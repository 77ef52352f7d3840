//! Where the repository, the cache, the mirror and the results are.

use std::path::{Path, PathBuf};

use harness::data::{Cache, Catalog};
use harness::drift::BASELINE;
use harness::error::{Error, Kind, Place, Result};
use harness::method::Registry;
use harness::spec::{self, Spec};

use crate::args::Places;

/// The folders of one call.
pub struct Home {
    pub root: PathBuf,
    pub cache: Cache,
    pub mirror: Option<PathBuf>,
    pub results: PathBuf,
    pub registry: Registry,
}

impl Home {
    pub fn find(places: &Places) -> Result<Self> {
        // Set to nothing is not set.
        let set = |folder: &Option<PathBuf>| folder.clone().filter(|folder| !folder.as_os_str().is_empty());
        let root = match &set(&places.home) {
            Some(root) => named(root)?,
            None => above()?,
        };
        let cache = match set(&places.cache) {
            Some(root) => root,
            None => Cache::default_root()?,
        };
        Ok(Self {
            results: places.results.clone().unwrap_or_else(|| root.join("results")),
            cache: Cache::new(cache),
            mirror: set(&places.mirror),
            registry: reproductions::registry(),
            root,
        })
    }

    /// The same repository and data, with records, states and models in another folder.
    pub fn beside(&self, folder: &Path) -> Self {
        Self {
            root: self.root.clone(),
            cache: self.cache.with_runs(folder.join("runs")),
            mirror: self.mirror.clone(),
            results: folder.join("results"),
            registry: reproductions::registry(),
        }
    }

    pub fn catalog(&self) -> Result<Catalog> {
        Catalog::open(&self.root.join("data-manifests"))
    }

    pub fn reproductions(&self) -> PathBuf {
        self.root.join("reproductions")
    }

    /// The spec with an id, in a profile.
    pub fn spec(&self, id: &str, profile: Option<&str>) -> Result<Spec> {
        let file = spec::find(&self.reproductions(), id)?;
        spec::load(&file, profile, &self.registry)
    }

    /// Folder of a spec's records.
    pub fn results_of(&self, spec: &Spec) -> PathBuf {
        self.results_beside(&spec.file)
    }

    /// Folder of the records of the spec in `file`: it mirrors the place of the spec.
    pub fn results_beside(&self, file: &Path) -> PathBuf {
        self.results.join(self.folder_of(file))
    }

    /// The baseline of the spec in `file`. It is the repository's, wherever today's records are.
    pub fn baseline_beside(&self, file: &Path, profile: &str) -> PathBuf {
        self.root.join("results").join(self.folder_of(file)).join(profile).join(BASELINE)
    }

    /// Place of a spec in the tree, such as `de_rrd/citeulike`.
    pub fn folder_of(&self, file: &Path) -> PathBuf {
        file.strip_prefix(self.reproductions()).unwrap_or(file).with_extension("")
    }

    /// Folder of the paper that a spec belongs to.
    pub fn paper_of(&self, spec: &Spec) -> Option<PathBuf> {
        spec.paper.as_ref().map(|paper| self.reproductions().join(paper))
    }
}

fn is_home(folder: &Path) -> bool {
    folder.join("data-manifests").is_dir() && folder.join("reproductions").is_dir()
}

fn named(root: &Path) -> Result<PathBuf> {
    if is_home(root) {
        return Ok(root.to_path_buf());
    }
    Err(Error::new(Kind::Missing, "this is not a Reprise repository")
        .at(Place::file(root))
        .expected("a folder with `data-manifests/` and `reproductions/`")
        .hint("`--home` (or `REPRISE_HOME`) names the repository's root"))
}

fn above() -> Result<PathBuf> {
    let here = std::env::current_dir()
        .map_err(|e| Error::new(Kind::Missing, "the current folder cannot be told").got(e.to_string()))?;
    // A relative root keeps messages short and records free of this machine's paths.
    if is_home(Path::new(".")) {
        return Ok(PathBuf::from("."));
    }
    here.ancestors().find(|folder| is_home(folder)).map(Path::to_path_buf).ok_or_else(|| {
        Error::new(Kind::Missing, "this is not inside a Reprise repository")
            .expected("a folder with `data-manifests/` and `reproductions/`, here or above")
            .hint("change to the repository, or name it: `--home DIR` or `REPRISE_HOME=DIR`")
    })
}
