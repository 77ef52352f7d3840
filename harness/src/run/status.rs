//! How far the runs of a spec are.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::ModelStore;
use crate::data::Cache;
use crate::digest::Digest;
use crate::error::Result;
use crate::meter::Arithmetic;
use crate::record::{Checked, RunId};
use crate::spec::Spec;
use crate::train::Checkpoint;

/// A run of a spec, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStatus {
    /// Id of the trial.
    pub trial: String,
    pub seed: u64,
    pub progress: Progress,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is a record of today's run.
    Done,
    /// A process trains it now.
    Running {
        /// As `process 7 on HOST`.
        by: String,
        /// How far its last saved state is.
        saved: Option<String>,
    },
    /// It was interrupted; the next `run` continues from the saved state.
    Saved(String),
    /// There is a record of another run, and why it is none of today's.
    Stale(String),
    /// There is nothing of it. Of a trial without a program or a method of ours, lists are yet to be brought.
    Missing,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.pad("done"),
            Self::Running { by, saved: None } => f.pad(&format!("running, {by}")),
            Self::Running { by, saved: Some(saved) } => f.pad(&format!("running, {by}; saved {saved}")),
            Self::Saved(saved) => f.pad(&format!("saved {saved}")),
            Self::Stale(_) => f.pad("stale"),
            Self::Missing => f.pad("missing"),
        }
    }
}

/// How far each run of a spec is, on the CPU, in the order in which they are trained. `expected`: [today's
/// fingerprints](super::expected); `records`: those of the spec, held against them.
///
/// # Errors
/// [`Io`](crate::error::Kind::Io)
pub fn status(
    spec: &Spec,
    expected: &BTreeMap<(String, u64), Digest>,
    records: &Checked,
    cache: &Cache,
) -> Result<Vec<RunStatus>> {
    let mut runs = Vec::new();
    for &seed in &spec.seeds {
        for trial in &spec.trials {
            let is_its = |id: &RunId| id.trial == trial.id && id.seed == seed && id.arithmetic == Arithmetic::Cpu;
            let fingerprint = expected[&(trial.id.clone(), seed)];
            let store = ModelStore::new(cache, fingerprint, Arithmetic::Cpu);
            let saved = || {
                let within = (!store.periods().is_empty()).then(|| "within a period".to_string());
                Checkpoint::new(store.checkpoint(), Duration::MAX).of(fingerprint).reached().or(within)
            };
            let progress = if records.current.iter().any(|record| is_its(&record.id())) {
                Progress::Done
            } else if let Some(by) = store.holder()? {
                Progress::Running { by, saved: saved() }
            } else if let Some(saved) = saved() {
                Progress::Saved(saved)
            } else if let Some(stale) = records.stale.iter().find(|stale| is_its(&stale.id)) {
                Progress::Stale(stale.why.clone())
            } else {
                Progress::Missing
            };
            runs.push(RunStatus { trial: trial.id.clone(), seed, progress });
        }
    }
    Ok(runs)
}
