//! What a bundle is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::anonymous::Names;
use super::index::ProgramFile;
use crate::record::{Checked, LatencyRecord, Program, Record};
use crate::report::Report;

/// The report of a spec, and what goes with it into a bundle.
pub struct BundleSource<'a> {
    /// The report of `records`.
    pub report: &'a Report<'a>,
    /// Those of an anonymous bundle are [`anonymous`](super::anonymous()).
    pub records: &'a Checked,
    /// Place of the spec in the tree, without ending and with `/` between folders, such as `de_rrd/citeulike`.
    pub place: &'a str,
    /// The report as one page of HTML.
    pub page: &'a str,
    /// Files that are taken as they are, by their places in the repository: the spec, what it names and what it is told by, the
    /// manifest, and those that are the program's own, such as `Cargo.lock`.
    pub given: BTreeMap<String, Vec<u8>>,
    /// Places of given files that are in every copy of the program, so that they tell nothing of a person.
    pub public: Vec<String>,
    pub program: Program,
    pub program_file: ProgramFile,
    /// Of an anonymous bundle: the words that must not stand in it.
    pub names: Option<Names>,
}

impl BundleSource<'_> {
    /// Folder of the records and the report.
    pub(super) fn folder(&self) -> String {
        format!("results/{}/{}", self.place, self.report.basis.spec.profile)
    }

    pub(super) fn spec_file(&self) -> String {
        format!("reproductions/{}.toml", self.place)
    }

    pub(super) fn manifest_file(&self) -> String {
        format!("data-manifests/{}.toml", self.report.basis.manifest.id)
    }

    pub(super) fn record_file(&self, record: &Record) -> String {
        self.result(&record.id().path())
    }

    pub(super) fn latency_file(&self, record: &LatencyRecord) -> String {
        self.result(&record.path())
    }

    /// The name of what lies at `path` below the folder of the spec's results.
    fn result(&self, path: &Path) -> String {
        let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        format!("results/{}/{}", self.place, parts.join("/"))
    }

    /// Versions of the program that made the records, in words.
    pub(super) fn programs(&self) -> Vec<String> {
        distinct(self.records.current.iter().map(|record| version(&record.program)))
    }

    /// Processors that the runs took place on, in words.
    pub(super) fn machines(&self) -> Vec<String> {
        distinct(self.records.current.iter().map(|record| {
            let cpu = record.machine.cpu.as_deref().unwrap_or("an unknown processor");
            let device =
                if record.device.starts_with("cuda") { format!(" with {}", record.device) } else { String::new() };
            format!("{cpu} ({}){device}", record.machine.class)
        }))
    }
}

fn distinct(words: impl Iterator<Item = String>) -> Vec<String> {
    words.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Version of a program, and the commit that it was built from.
pub(super) fn version(program: &Program) -> String {
    match &program.commit {
        Some(commit) if program.dirty == Some(true) => format!("{} (commit {commit}, with changes)", program.version),
        Some(commit) => format!("{} (commit {commit})", program.version),
        None => program.version.clone(),
    }
}
