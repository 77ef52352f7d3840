//! The identity of a record, and where the record lies.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::meter::Arithmetic;

/// The run that a record is of. No two records below one folder have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId {
    pub spec: String,
    pub profile: String,
    pub arithmetic: Arithmetic,
    pub trial: String,
    pub seed: u64,
}

impl RunId {
    /// Path of the run's record below the folder of its spec in `results/`: `<profile>/<trial>/seed-<n>.json`, or
    /// `<profile>/cuda/<trial>/seed-<n>.json` where a CUDA device made it.
    pub fn path(&self) -> PathBuf {
        self.path_in(self.arithmetic.folder())
    }

    /// Path until November 2026, below the class of the machine.
    pub(super) fn old_path(&self, class: &str) -> PathBuf {
        self.path_in(Some(class))
    }

    fn path_in(&self, folder: Option<&str>) -> PathBuf {
        let (trial, file) = (self.trial.as_str(), format!("seed-{}.json", self.seed));
        std::iter::once(self.profile.as_str()).chain(folder).chain([trial, &file]).collect()
    }

    /// The records of this run that exist below `results`, the folder of its spec: in today's place, and in those of
    /// before November 2026.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io)
    pub fn files(&self, results: &Path) -> Result<Vec<PathBuf>> {
        let profile = results.join(&self.profile);
        let failed = |error| Error::io("cannot list a folder of records", &profile, &error);
        let entries = match fs::read_dir(&profile) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut files = vec![results.join(self.path())];
        for entry in entries {
            let folder = entry.map_err(failed)?.file_name();
            let class = folder.to_string_lossy();
            let in_place = Arithmetic::Cuda.folder() == Some(&*class); // Not the class of a machine.
            let cuda = class.ends_with("-cuda");
            if !in_place && cuda == (self.arithmetic == Arithmetic::Cuda) {
                files.push(results.join(self.old_path(&class)));
            }
        }
        files.retain(|file| file.is_file());
        Ok(files)
    }
}
