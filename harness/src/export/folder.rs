//! The folder that an export is written into.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::record::{
    ExportCounts, ExportDigests, ExportFile, ExportMetric, ExportPeriod, ExportProtocol, ExportRecord,
};
use super::rows::Rows;
use super::source::{EXPORT, Source};
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};
use crate::file::write_by_rename;
use crate::metrics::Direction;
use crate::program::ExportFormat;
use crate::record::Stored as _;
use crate::spec::Spec;

/// A folder, and what was written into it so far.
pub(super) struct Folder {
    path: PathBuf,
    format: ExportFormat,
    files: BTreeMap<String, ExportFile>,
    /// Files of an export that stood here before.
    earlier: Vec<String>,
    /// Sizes, as those who write the files count them.
    pub counts: ExportCounts,
    /// Of a stream, as those who write them know them.
    pub periods: Vec<ExportPeriod>,
}

impl Folder {
    /// A folder that is empty, is yet to be made, or has an export of the same spec, profile and form. That export's
    /// `export.json` goes, so that a half-written folder cannot pass for a whole one.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if there is something else in it; [`Io`](Kind::Io).
    pub fn open(path: &Path, spec: &Spec, format: ExportFormat) -> Result<Self> {
        let failed = |error: io::Error| Error::io("cannot write an export", path, &error);
        let counts = ExportCounts { users: None, items: 0, train: 0, valid: 0, test: 0, queries: 0 };
        let open = Self {
            path: path.to_path_buf(),
            format,
            files: BTreeMap::new(),
            earlier: Vec::new(),
            counts,
            periods: Vec::new(),
        };
        let mut entries = match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(open),
            entries => entries.map_err(failed)?,
        };
        if entries.next().is_none() {
            return Ok(open);
        }
        let file = path.join(EXPORT);
        let refuse = |got: String| {
            Error::new(Kind::Input, "the folder is not empty")
                .at(Place::file(path))
                .expected(format!("an empty folder, or an export of `{}` as {format}", spec.id))
                .got(got)
                .hint("`--to DIR` takes a new folder")
        };
        if !file.exists() {
            return Err(refuse(format!("files, and no `{EXPORT}`")));
        }
        let last = ExportRecord::read(&file)?;
        if (&*last.spec, &*last.profile, &*last.files_are) != (&*spec.id, &*spec.profile, format.name()) {
            return Err(refuse(format!("one of `{}`, profile {}, as {}", last.spec, last.profile, last.files_are)));
        }
        fs::remove_file(&file).map_err(failed)?;
        Ok(Self { earlier: last.files.into_keys().collect(), ..open })
    }

    /// Writes a table; `name` may have folders before it.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub fn put(&mut self, name: &str, rows: Rows) -> Result<()> {
        let count = rows.count;
        self.put_bytes(name, &rows.into_bytes(), count)
    }

    /// Writes a file of so many rows.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub fn put_bytes(&mut self, name: &str, bytes: &[u8], rows: u64) -> Result<()> {
        write_by_rename(&self.path.join(name), bytes)?;
        let file = ExportFile { sha256: Digest::of(bytes), bytes: bytes.len() as u64, rows };
        self.files.insert(name.to_string(), file);
        Ok(())
    }

    /// Counts what is asked in a test, of a stream in a period.
    pub fn asked(&mut self, period: usize, queries: u64) {
        self.counts.queries += queries;
        if let Some(period) = self.periods.get_mut(period) {
            period.queries = Some(queries);
        }
    }

    /// Removes what only an earlier export had, and writes `export.json`. Returns the paths of all files.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub fn close(self, source: Source<'_>) -> Result<Vec<PathBuf>> {
        let Source { spec, manifest, data, .. } = source;
        for name in self.earlier.iter().filter(|name| !self.files.contains_key(*name) && is_below(name)) {
            match fs::remove_file(self.path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("cannot remove a file of an earlier export", &self.path.join(name), &error));
                }
                _ => {}
            }
        }
        let protocol = &spec.protocol;
        let mut paths: Vec<PathBuf> = self.files.keys().map(|name| self.path.join(name)).collect();
        let record = ExportRecord {
            format: ExportRecord::FORMAT,
            spec: spec.id.clone(),
            profile: spec.profile.clone(),
            dataset: spec.dataset.clone(),
            files_are: self.format.name().into(),
            digests: ExportDigests {
                data: manifest.raw_digest(),
                dataset: data.dataset_digest,
                split: data.task.digest(),
                protocol: protocol.digest(),
            },
            counts: self.counts,
            periods: self.periods,
            seeds: spec.seeds.clone(),
            protocol: ExportProtocol {
                candidates: protocol.candidates.describe(),
                ties: protocol.candidates.ties().into(),
                list: protocol.list_length(),
            },
            metrics: protocol
                .metrics
                .iter()
                .map(|metric| ExportMetric {
                    name: metric.to_string(),
                    formula: metric.definition().formula().into(),
                    list: metric.definition().cutoff_rule().into(),
                    higher_is_better: metric.direction() == Direction::HigherIsBetter,
                })
                .collect(),
            files: self.files,
        };
        let file = self.path.join(EXPORT);
        record.write(&file)?;
        paths.push(file);
        Ok(paths)
    }
}

/// Whether a name leads to a file below the folder: `export.json` may have been edited.
fn is_below(name: &str) -> bool {
    Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}
