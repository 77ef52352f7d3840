//! Where the repository, the cache, the mirror and the results are, and what belongs to a spec.

use std::fmt;
use std::path::{Path, PathBuf};

use harness::data::{Cache, Catalog, Manifest};
use harness::drift::BASELINE;
use harness::error::{Error, Kind, Place, Result};
use harness::method::Registry;
use harness::spec::{self, Listed, Spec};

use crate::places::Places;
use crate::terminal::talk;
use crate::{embedded, outside};

/// The folders of one call.
pub struct Home {
    /// The repository.
    root: PathBuf,
    pub origin: Origin,
    pub cache: Cache,
    pub mirror: Option<PathBuf>,
    /// The folder of records that the command line names.
    results: Option<PathBuf>,
    pub registry: Registry,
}

/// Where a repository was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `--home` or `REPRISE_HOME` names it.
    Named,
    /// This folder, or one above it.
    Above,
    /// There is none: it is the one that is compiled into the program.
    Embedded,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => "named by `--home` or `REPRISE_HOME`",
            Self::Above => "this folder, or the nearest one above it",
            Self::Embedded => "compiled into the program, and unpacked; `--home DIR` or a checkout takes its place",
        })
    }
}

impl Home {
    pub fn find(places: &Places) -> Result<Self> {
        let cache = cache_root(places)?;
        let (root, origin) = match set(&places.home) {
            Some(root) => (named(&root)?, Origin::Named),
            None => match above()?.filter(|root| !is_unpacked(root, &cache)) {
                Some(root) => (root, Origin::Above),
                None => (unpacked(&cache)?, Origin::Embedded),
            },
        };
        Ok(Self {
            root,
            origin,
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
            origin: self.origin,
            cache: self.cache.with_runs(folder.join("runs")),
            mirror: self.mirror.clone(),
            results: Some(folder.join("results")),
            registry: reproductions::registry(),
        }
    }

    /// The root of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Folder of the records of the repository's specs. Where the repository is compiled into the program, it is in this folder.
    pub fn results(&self) -> PathBuf {
        self.results.clone().unwrap_or_else(|| match self.origin {
            Origin::Named | Origin::Above => self.root.join("results"),
            Origin::Embedded => PathBuf::from("results"),
        })
    }

    /// The manifests of the repository.
    pub fn catalog(&self) -> Result<Catalog> {
        Catalog::open(&self.root.join("data-manifests"))
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
            None => outside::manifest(file, dataset, &self.catalog()?),
        }
    }

    pub fn reproductions(&self) -> PathBuf {
        self.root.join("reproductions")
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
        let folder = self.reproductions();
        let Some(file) = outside::named_file(argument) else {
            return spec::find(&folder, argument).map_err(|error| outside::hint_at_file(argument, error));
        };
        let found = outside::existing(file, argument)?;
        let inside = outside::existing(&folder, "reproductions")?;
        Ok(found.strip_prefix(inside).map_or_else(|_| file.to_path_buf(), |inside| folder.join(inside)))
    }

    /// The specs that arguments name, each once: those of the repository by id, then files outside of it. All of the
    /// repository where nothing is named.
    pub fn listed(&self, arguments: &[String]) -> Result<Vec<Listed>> {
        if arguments.is_empty() {
            return spec::discover(&self.reproductions());
        }
        let mut files: Vec<PathBuf> = Vec::new();
        for argument in arguments {
            let file = self.spec_file(argument)?;
            if !files.contains(&file) {
                files.push(file);
            }
        }
        let (ours, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| self.inside(file).is_some());
        let mut listed = if ours.is_empty() { Vec::new() } else { spec::discover(&self.reproductions())? };
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
        let folder = match (&self.results, self.inside(file)) {
            (None, None) => results_by(file),
            _ => self.results(),
        };
        folder.join(self.folder_of(file, id))
    }

    /// The baseline of the spec in `file`, and the place where a new one is written. They are the repository's (or beside the
    /// spec), wherever today's records are. Where the repository is compiled into the program, a new one is written to the
    /// records, and counts before the repository's.
    pub fn baseline_beside(&self, file: &Path, id: &str, profile: &str) -> BaselineFiles {
        let inside = self.inside(file).is_some();
        let place = self.folder_of(file, id).join(profile).join(BASELINE);
        let shipped = self.root.join("results").join(&place);
        let accepted = match self.origin {
            _ if !inside => results_by(file).join(&place),
            Origin::Named | Origin::Above => shipped.clone(),
            Origin::Embedded => self.results().join(&place),
        };
        let compared = if inside && !accepted.exists() { shipped } else { accepted.clone() };
        BaselineFiles { compared, accepted }
    }

    /// Place of a spec in the tree, such as `de_rrd/citeulike`; the id of one outside.
    pub fn folder_of(&self, file: &Path, id: &str) -> PathBuf {
        self.inside(file).map_or_else(|| PathBuf::from(id), |inside| inside.with_extension(""))
    }

    /// The place below `reproductions` of a spec of the repository.
    fn inside(&self, file: &Path) -> Option<PathBuf> {
        file.strip_prefix(self.reproductions()).ok().map(Path::to_path_buf)
    }

    /// Folder of the paper that a spec belongs to, which is its own.
    pub fn paper_of(&self, spec: &Spec) -> Option<PathBuf> {
        spec.paper.as_ref().map(|_| spec.file.parent().unwrap_or(Path::new("")).to_path_buf())
    }
}

/// Where the baseline of a spec is.
pub struct BaselineFiles {
    /// What today's records are compared with.
    pub compared: PathBuf,
    /// Where a new one is written.
    pub accepted: PathBuf,
}

/// `results` beside a spec that is outside of the repository.
fn results_by(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join("results")
}

/// The root of the cache.
pub fn cache_root(places: &Places) -> Result<PathBuf> {
    set(&places.cache).map_or_else(Cache::default_root, Ok)
}

/// A folder that is named: set to nothing is not set.
fn set(folder: &Option<PathBuf>) -> Option<PathBuf> {
    folder.clone().filter(|folder| !folder.as_os_str().is_empty())
}

fn is_home(folder: &Path) -> bool {
    folder.join("data-manifests").is_dir() && folder.join("reproductions").is_dir()
}

/// Whether a folder is the repository that the program itself unpacked, in which somebody stands.
fn is_unpacked(root: &Path, cache: &Path) -> bool {
    let (root, folder) = (root.canonicalize(), embedded::folder(cache).canonicalize());
    matches!((root, folder), (Ok(root), Ok(folder)) if root.starts_with(&folder))
}

fn unpacked(cache: &Path) -> Result<PathBuf> {
    let (root, put_back) = embedded::unpack(cache)?;
    for file in put_back {
        talk(&format!(
            "note: {} was changed and is put back: it is the program's own; a spec of yours is a copy in a folder of yours",
            file.display()
        ));
    }
    Ok(root)
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

/// The repository that this folder is in.
fn above() -> Result<Option<PathBuf>> {
    let here = std::env::current_dir()
        .map_err(|e| Error::new(Kind::Missing, "the current folder cannot be told").got(e.to_string()))?;
    // A relative root keeps messages short and records free of this machine's paths.
    if is_home(Path::new(".")) {
        return Ok(Some(PathBuf::from(".")));
    }
    Ok(here.ancestors().find(|folder| is_home(folder)).map(Path::to_path_buf))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_that_was_accepted_here_counts_before_the_programs_own() {
        let cache = tempfile::tempdir().unwrap();
        let (root, _) = embedded::unpack(cache.path()).unwrap();
        let results = cache.path().join("results");
        let home = Home {
            origin: Origin::Embedded,
            cache: Cache::new(cache.path().to_path_buf()),
            mirror: None,
            registry: reproductions::registry(),
            root,
            results: Some(results.clone()),
        };
        let quick = home.reproductions().join("quick.toml");
        let files = home.baseline_beside(&quick, "quick", "base");
        assert_eq!(files.accepted, results.join("quick/base/baseline.json"));
        assert!(files.compared.starts_with(home.root()) && files.compared.exists());
        std::fs::create_dir_all(results.join("quick/base")).unwrap();
        std::fs::write(&files.accepted, "").unwrap();
        assert_eq!(home.baseline_beside(&quick, "quick", "base").compared, files.accepted);
        let other = home.baseline_beside(Path::new("mine/spec.toml"), "spec", "base");
        assert_eq!(other.compared, Path::new("mine/results/spec/base/baseline.json"));
        // In a checkout both are its own, wherever today's records are.
        let home = Home { origin: Origin::Named, ..home };
        let files = home.baseline_beside(&quick, "quick", "base");
        assert_eq!(files.compared, home.root().join("results/quick/base/baseline.json"));
        assert_eq!(files.compared, files.accepted);
    }
}
