//! The files of a report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::contents::Report;
use super::summary::summary;
use super::{block, claims, csv_files, figure, page, periods};
use crate::error::{Error, Result};
use crate::file::write_by_rename;
use crate::plot::is_drawing;
use crate::table::Table;

impl Report<'_> {
    /// The table of trials and metrics for the terminal; `None` if there are no runs.
    pub fn summary(&self) -> Option<Table> {
        self.has_runs().then(|| summary(self.basis.spec, &self.ours))
    }

    /// The files of the report by name: `REPORT.md`, CSV files, figures.
    pub fn files(&self) -> BTreeMap<String, String> {
        let (protocol, current) = (&self.basis.spec.protocol, &self.records.current);
        let mut files = BTreeMap::new();
        files.insert("REPORT.md".to_string(), block::markdown(&page::page(self)));
        files.insert("runs.csv".to_string(), csv_files::runs(protocol, current).csv());
        if let Some(periods) = periods::csv(protocol, current) {
            files.insert("periods.csv".to_string(), periods.csv());
        }
        if !self.beside.is_empty() {
            files.insert("cells.csv".to_string(), csv_files::cells(&self.beside).csv());
        }
        if !self.findings.is_empty() {
            files.insert("claims.csv".to_string(), claims::csv(&self.findings).csv());
        }
        files.extend(self.figures.iter().map(|figure| (figure.file.clone(), figure.svg.clone())));
        files
    }
}

/// Whether a file in `folder` is left from an earlier report: a table that this one does not have, or a figure of ours that
/// it does not have. A PNG goes with the figure that it is a picture of.
fn is_past(folder: &Path, name: &str, files: &BTreeMap<String, String>) -> bool {
    const TABLES: [&str; 3] = ["cells.csv", "claims.csv", "periods.csv"];
    let Some(figure) = name.strip_suffix(".svg").or(name.strip_suffix(".png")) else {
        return TABLES.contains(&name) && !files.contains_key(name);
    };
    let drawing = format!("{figure}.svg");
    let named = ["quality", "architectures", "curves", "loss-parts", "size", "latency"].contains(&figure)
        || ["curve-", figure::OF_PERIODS].iter().any(|begin| figure.starts_with(begin));
    // Somebody else's picture may have such a name.
    named && !files.contains_key(&drawing) && crate::file::read(&folder.join(drawing)).is_ok_and(|svg| is_drawing(&svg))
}

/// Writes the files of a report into `folder`, each by rename, and removes those of an earlier report that it does not
/// have. Returns the paths written.
///
/// # Errors
/// [`Io`](crate::error::Kind::Io)
pub fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<Vec<PathBuf>> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    // All are found before any is removed: a PNG is known by the figure beside it.
    let past: Vec<String> = names.filter(|name| is_past(folder, name, files)).collect();
    for path in past.iter().map(|name| folder.join(name)) {
        let gone = std::fs::remove_file(&path);
        gone.map_err(|error| Error::io("cannot remove a file of an earlier report", &path, &error))?;
    }
    files
        .iter()
        .map(|(name, text)| {
            let path = folder.join(name);
            write_by_rename(&path, text.as_bytes())?;
            Ok(path)
        })
        .collect()
}
