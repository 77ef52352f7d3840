//! What people read: the table of a spec, published figures beside ours, how it all was measured.
//!
//! Pure: from checked records, published tables and prose to texts by file name. The same records
//! give the same bytes, whenever and wherever the report is made.

mod beside;
mod claims;
mod csv_files;
mod curves;
mod experiment;
mod figures;
mod number;
mod page;
mod summary;
mod table;

pub use experiment::{Experiment, LoggedCurve, MetricText, TrialText};
pub use summary::summary;
pub use table::{Align, Table};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::compare::{Published, findings};
use crate::error::Result;
use crate::file::write_by_rename;
use crate::record::{Checked, Runs};

/// Refuses an experiment whose report cannot be made, whatever its records will say.
///
/// # Errors
/// As [`render`].
pub fn check(experiment: &Experiment, published: Option<&Published>) -> Result<()> {
    let none = Runs::of(&[]);
    findings(&experiment.claims, &experiment.comparisons, published, &none)?;
    beside::all(experiment, &none, published).map(drop)
}

/// The files of a report by name: `REPORT.md`, CSV files, figures.
///
/// # Errors
/// [`Input`](crate::error::Kind::Input) if a comparison names what was not published, or there is
/// nothing published to compare with.
pub fn render(
    experiment: &Experiment,
    records: &Checked,
    published: Option<&Published>,
) -> Result<BTreeMap<String, String>> {
    let runs = Runs::of(&records.current);
    let beside = beside::all(experiment, &runs, published)?;
    let findings = findings(&experiment.claims, &experiment.comparisons, published, &runs)?;
    let figures = figures::all(experiment, &runs, &beside)?;
    let mut files = BTreeMap::new();
    files.insert("REPORT.md".to_string(), page::page(experiment, &runs, records, &findings, &beside, &figures));
    files.insert("runs.csv".to_string(), csv_files::runs(experiment, &records.current).csv());
    if !beside.is_empty() {
        files.insert("cells.csv".to_string(), csv_files::cells(&beside).csv());
    }
    if !findings.is_empty() {
        files.insert("claims.csv".to_string(), claims::csv(&findings).csv());
    }
    files.extend(figures.into_iter().map(|figure| (figure.file, figure.svg)));
    Ok(files)
}

/// Writes the files of a report, each by rename, and tells where.
///
/// # Errors
/// [`Io`](crate::error::Kind::Io)
pub fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<Vec<PathBuf>> {
    files
        .iter()
        .map(|(name, text)| {
            let path = folder.join(name);
            write_by_rename(&path, text.as_bytes())?;
            Ok(path)
        })
        .collect()
}

#[cfg(test)]
mod tests;
