//! What all runs of a spec share.

use super::Run;
use crate::data::Dataset;
use crate::digest::Digest;
use crate::error::{Place, Result};
use crate::record::{Arithmetic, Machine, RunId};
use crate::spec::Spec;
use crate::split::{Applied, TimeTies};
use crate::train::Task;

/// The data of a spec, prepared once for all of its runs.
pub(super) struct World {
    pub task: Task,
    pub machine: Machine,
    pub arithmetic: Arithmetic,
    pub dataset_digest: Digest,
    pub split_digest: Digest,
    /// Held-out items that ties in time chose, where times choose them.
    pub time_ties: Option<TimeTies>,
}

impl World {
    /// `device` as it stands in records.
    ///
    /// # Errors
    /// If the split or the protocol does not fit the data.
    pub fn new(spec: &Spec, dataset: Dataset, device: &str) -> Result<Self> {
        let dataset_digest = dataset.digest();
        let at = |key: &str| Place::file(&spec.file).key(key);
        let dataset = spec.events.keep(dataset).map_err(|error| error.or_at(at("events")))?;
        let Applied { cut, ties } =
            spec.split.apply(&dataset, spec.events.ties).map_err(|error| error.or_at(at("split")))?;
        drop(dataset); // What it was cut into is all that training sees; this is a third of a small run's memory.
        let task = Task::new(cut, &spec.protocol).map_err(|error| error.or_at(at("protocol")))?;
        let arithmetic = Arithmetic::of_device(device);
        Ok(Self {
            machine: Machine::here(device),
            arithmetic,
            dataset_digest,
            split_digest: task.digest(),
            time_ties: ties,
            task,
        })
    }

    /// What a record made here is of.
    pub fn id(&self, spec: &Spec, run: &Run<'_>) -> RunId {
        RunId {
            spec: spec.id.clone(),
            profile: spec.profile.clone(),
            arithmetic: self.arithmetic,
            trial: run.trial.id.clone(),
            seed: run.seed,
        }
    }
}
