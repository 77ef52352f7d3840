//! Where the repository, the cache, the mirror and the results are, and what belongs to a spec.

use std::path::{Path, PathBuf};

use harness::data::{Cache, Catalog, Manifest};
use harness::drift::BASELINE;
use harness::error::{Error, Kind, Place, Result};
use harness::method::Registry;
use harness::spec::{self, Listed, Spec};

use crate::args::Places;
use crate::outside;

/// The folders of one call.
pub struct Home {
    /// The repository; the error where this is none is told by what needs it. A spec that stands outside needs none.
    root: Result<PathBuf>,
    pub cache: Cache,
    pub mirror: Option<PathBuf>,
    /// The folder of records that the command line names.
    results: Option<PathBuf>,
    pub registry: Registry,
}

impl Home {
    pub fn find(places: &Places) -> Result<Self> {
        // Set to nothing is not set.
        let set = |folder: &Option<PathBuf>| folder.clone().filter(|folder| !folder.as_os_str().is_empty());
        let root = match &set(&places.home) {
            Some(root) => Ok(named(root)?),
            None => above(),
        };
        let cache = match set(&places.cache) {
            Some(root) => root,
            None => Cache::default_root()?,
        };
        Ok(Self {
            root,
            cache: Cache::new(cache),
            mirror: set(&places.mirror),
            results: places.results.clone(),
            registry: reproductions::registry(),
        })
    }

    /// The same repository and data, with records, states and models in another folder.
    pub fn beside(&self, folder: &Path) -> Self {
        Self {
            root: self.root.clone(),
            cache: self.cache.with_runs(folder.join("runs")),
            mirror: self.mirror.clone(),
            results: Some(folder.join("results")),
            registry: reproductions::registry(),
        }
    }

    /// The root of the repository.
    pub fn root(&self) -> Result<&Path> {
        self.root.as_deref().map_err(Clone::clone)
    }

    /// Folder of the records of the repository's specs.
    pub fn results(&self) -> Result<PathBuf> {
        self.results.clone().map_or_else(|| Ok(self.root()?.join("results")), Ok)
    }

    /// The manifests of the repository.
    pub fn catalog(&self) -> Result<Catalog> {
        Catalog::open(&self.root()?.join("data-manifests"))
    }

    /// The manifest of a spec's dataset: that of the repository or, for a spec outside of it, the one beside the spec if
    /// there is one.
    pub fn manifest(&self, spec: &Spec) -> Result<Manifest> {
        self.manifest_of(&spec.file, &spec.dataset)
    }

    /// The manifest of the dataset of the spec in `file`.
    pub fn manifest_of(&self, file: &Path, dataset: &str) -> Result<Manifest> {
        match self.inside(file) {
            Some(_) => self.catalog()?.get(dataset),
            None => outside::manifest(file, dataset, self.catalog().ok().as_ref()),
        }
    }

    pub fn reproductions(&self) -> Result<PathBuf> {
        Ok(self.root()?.join("reproductions"))
    }

    /// The spec that an argument names, an id or a file, in a profile.
    pub fn spec(&self, argument: &str, profile: Option<&str>) -> Result<Spec> {
        self.spec_in(&self.spec_file(argument)?, profile)
    }

    /// The spec in a file, in a profile.
    pub fn spec_in(&self, file: &Path, profile: Option<&str>) -> Result<Spec> {
        let spec = spec::load(file, profile, &self.registry)?;
        Ok(Spec { outside: self.inside(file).is_none(), ..spec })
    }

    /// The file of the spec that an argument names. A file of the repository is found under the name that its id leads to.
    pub fn spec_file(&self, argument: &str) -> Result<PathBuf> {
        let Some(file) = outside::named_file(argument) else {
            return match self.reproductions() {
                Ok(folder) => spec::find(&folder, argument).map_err(|error| outside::hint_at_file(argument, error)),
                Err(error) => Err(outside::hint_at_file(argument, error)),
            };
        };
        let found = outside::existing(file, argument)?;
        let ours = self.reproductions().and_then(|folder| Ok((outside::existing(&folder, "reproductions")?, folder)));
        Ok(match &ours {
            Ok((canonical, folder)) => match found.strip_prefix(canonical) {
                Ok(inside) => folder.join(inside),
                Err(_) => file.to_path_buf(),
            },
            Err(_) => file.to_path_buf(),
        })
    }

    /// The specs that arguments name, each once: those of the repository by id, then files outside of it. All of the
    /// repository where nothing is named.
    pub fn listed(&self, arguments: &[String]) -> Result<Vec<Listed>> {
        if arguments.is_empty() {
            return spec::discover(&self.reproductions()?);
        }
        let mut files: Vec<PathBuf> = Vec::new();
        for argument in arguments {
            let file = self.spec_file(argument)?;
            if !files.contains(&file) {
                files.push(file);
            }
        }
        let (ours, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| self.inside(file).is_some());
        let mut listed = if ours.is_empty() { Vec::new() } else { spec::discover(&self.reproductions()?)? };
        listed.retain(|listed| ours.contains(&listed.file));
        listed.extend(others.iter().map(|file| spec::listed(file)));
        Ok(listed)
    }

    /// Folder of a spec's records.
    pub fn results_of(&self, spec: &Spec) -> PathBuf {
        self.results_beside(&spec.file, &spec.id)
    }

    /// Folder of the records of the spec in `file`: it mirrors the place of the spec in the repository. Of one outside it is
    /// named after the id, in `results` beside the spec.
    pub fn results_beside(&self, file: &Path, id: &str) -> PathBuf {
        let folder = self.results.clone().unwrap_or_else(|| self.own_results(file));
        folder.join(self.folder_of(file, id))
    }

    /// The baseline of the spec in `file`. It is the repository's (or beside the spec), wherever today's records are.
    pub fn baseline_beside(&self, file: &Path, id: &str, profile: &str) -> PathBuf {
        self.own_results(file).join(self.folder_of(file, id)).join(profile).join(BASELINE)
    }

    /// `results` of the repository or, of a spec outside, beside it.
    fn own_results(&self, file: &Path) -> PathBuf {
        let beside = || file.parent().unwrap_or(Path::new("")).to_path_buf();
        let root = self.inside(file).and_then(|_| self.root().ok()).map_or_else(beside, Path::to_path_buf);
        root.join("results")
    }

    /// Place of a spec in the tree, such as `de_rrd/citeulike`; the id of one outside.
    pub fn folder_of(&self, file: &Path, id: &str) -> PathBuf {
        self.inside(file).map_or_else(|| PathBuf::from(id), |inside| inside.with_extension(""))
    }

    /// The place below `reproductions` of a spec of the repository.
    fn inside(&self, file: &Path) -> Option<PathBuf> {
        let folder = self.reproductions().ok()?;
        file.strip_prefix(folder).ok().map(Path::to_path_buf)
    }

    /// Folder of the paper that a spec belongs to, which is its own.
    pub fn paper_of(&self, spec: &Spec) -> Option<PathBuf> {
        spec.paper.as_ref().map(|_| spec.file.parent().unwrap_or(Path::new("")).to_path_buf())
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
