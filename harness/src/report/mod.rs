//! What people read: the table of a spec, published figures beside ours, how it all was measured.
//!
//! Pure: from checked records, published tables and prose to texts by file name. The same records
//! give the same bytes, whenever and wherever the report is made.

mod beside;
mod block;
mod claims;
mod csv_files;
mod curves;
mod efficiency;
mod experiment;
mod figures;
mod html;
mod latency;
mod number;
mod overview;
mod page;
mod period_figures;
mod periods;
mod summary;
mod table;

use beside::Beside;
pub use experiment::{Experiment, LoggedCurve, MetricText, TrialText};
use figures::Figure;
pub use html::{Paper, html};
pub use latency::{Host, Served, Speed, latency_tables, passes_table, served_table};
pub use overview::{overview, splice};
use summary::summary;
pub use table::{Align, Table};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::compare::{Finding, Ours, Published, findings};
use crate::error::{Error, Result};
use crate::file::write_by_rename;
use crate::plot::is_drawing;
use crate::record::{Checked, Runs};

/// What the records of one spec say.
pub struct Report<'a> {
    pub experiment: &'a Experiment,
    pub published: Option<&'a Published>,
    records: &'a Checked,
    runs: Runs<'a>,
    findings: Vec<Finding<'a>>,
    beside: Vec<Beside<'a>>,
    figures: Vec<Figure>,
}

impl<'a> Report<'a> {
    /// # Errors
    /// [`Input`](crate::error::Kind::Input) if a comparison names what was not published, or there is
    /// nothing published to compare with.
    pub fn new(experiment: &'a Experiment, records: &'a Checked, published: Option<&'a Published>) -> Result<Self> {
        let runs = Runs::of(&records.current);
        let ours = Ours::new(&runs, efficiency::figures(experiment, &runs, &records.latency));
        let beside = beside::all(experiment, &ours, published)?;
        let findings = findings(&experiment.claims, &experiment.comparisons, published, &runs)?;
        let figures = figures::all(experiment, &runs, &beside)?;
        Ok(Self { experiment, published, records, runs, findings, beside, figures })
    }

    /// The table for the terminal, if there are runs.
    pub fn summary(&self) -> Option<Table> {
        self.runs.arithmetic.map(|_| summary(self.experiment, &self.runs))
    }

    /// The files of the report by name: `REPORT.md`, CSV files, figures.
    pub fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        files.insert("REPORT.md".to_string(), block::markdown(&page::page(self)));
        files.insert("runs.csv".to_string(), csv_files::runs(self.experiment, &self.records.current).csv());
        if let Some(periods) = periods::csv(self.experiment, &self.records.current) {
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

/// Refuses an experiment whose report cannot be made, whatever its records will say.
///
/// # Errors
/// As [`Report::new`].
pub fn check(experiment: &Experiment, published: Option<&Published>) -> Result<()> {
    Report::new(experiment, &Checked::default(), published).map(drop)
}

/// Whether a report had this file and has it no longer: a table of its name, or a figure that we drew. A PNG goes with
/// the figure that it is a picture of.
fn is_past(folder: &Path, name: &str, files: &BTreeMap<String, String>) -> bool {
    const TABLES: [&str; 3] = ["cells.csv", "claims.csv", "periods.csv"];
    let Some(figure) = name.strip_suffix(".svg").or(name.strip_suffix(".png")) else {
        return TABLES.contains(&name) && !files.contains_key(name);
    };
    let drawing = format!("{figure}.svg");
    let named = ["quality", "curves", "size", "latency"].contains(&figure)
        || ["curve-", periods::FIGURES].iter().any(|begin| figure.starts_with(begin));
    // Somebody else's picture may have such a name.
    named && !files.contains_key(&drawing) && crate::file::read(&folder.join(drawing)).is_ok_and(|svg| is_drawing(&svg))
}

/// Writes the files of a report, each by rename, removes those that it has no longer, and tells where they are.
///
/// # Errors
/// [`Io`](crate::error::Kind::Io)
pub fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<Vec<PathBuf>> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    // All first: a PNG is told by the figure beside it.
    let past: Vec<String> = names.filter(|name| is_past(folder, name, files)).collect();
    for path in past.iter().map(|name| folder.join(name)) {
        let gone = std::fs::remove_file(&path);
        gone.map_err(|error| Error::io("cannot remove what a report has no longer", &path, &error))?;
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

#[cfg(test)]
mod tests;
