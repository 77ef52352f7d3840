//! All manifests of a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Place, Result};
use crate::suggest::{did_you_mean, one_of};

use super::manifest::Manifest;

/// The manifests `*.toml` of one folder, by id. They are read when asked for, so that one broken
/// manifest does not hide the others.
#[derive(Clone, Debug)]
pub struct Catalog {
    folder: PathBuf,
    files: BTreeMap<String, PathBuf>,
}

impl Catalog {
    /// # Errors
    /// `Missing` if there is no such folder or no manifest in it.
    pub fn open(folder: &Path) -> Result<Self> {
        let missing = |what: &str| Error::new(Kind::Missing, what).at(Place::file(folder));
        let entries = std::fs::read_dir(folder).map_err(|error| {
            missing("cannot read the folder of manifests")
                .got(error.to_string())
                .hint("run inside the repository, or say where it is: `REPRISE_HOME=DIR`")
        })?;
        let mut files = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(|error| Error::io("cannot list the manifests", folder, &error))?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str());
            if let (Some(id), true) = (id, path.extension().is_some_and(|ext| ext == "toml")) {
                files.insert(id.to_string(), path.clone());
            }
        }
        if files.is_empty() {
            return Err(missing("no manifest in this folder").expected("files NAME.toml"));
        }
        Ok(Self { folder: folder.to_path_buf(), files })
    }

    /// The manifests in one folder or none: those that stand beside a spec, where there may be no folder.
    ///
    /// # Errors
    /// As [`open`](Self::open) of a folder that is there.
    pub fn open_if_there(folder: &Path) -> Result<Option<Self>> {
        if folder.exists() { Self::open(folder).map(Some) } else { Ok(None) }
    }

    /// Whether it has a manifest of this id.
    pub fn has(&self, id: &str) -> bool {
        self.files.contains_key(id)
    }

    /// The ids, ascending.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// # Errors
    /// `Missing` for an unknown id; `Input` if the manifest is wrong.
    pub fn get(&self, id: &str) -> Result<Manifest> {
        let Some(path) = self.files.get(id) else {
            let error = Error::new(Kind::Missing, format!("no dataset `{id}`"))
                .at(Place::file(&self.folder))
                .expected(one_of(self.ids()));
            return Err(did_you_mean(error, id, self.ids()));
        };
        Manifest::read(path)
    }
}
