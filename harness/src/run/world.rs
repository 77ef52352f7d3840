//! What all runs of a spec share.

use super::Run;
use crate::data::Dataset;
use crate::digest::Digest;
use crate::error::Result;
use crate::periods::Periods;
use crate::rank::Ranker;
use crate::record::{Machine, RunId};
use crate::spec::Spec;
use crate::split::{Split, UserItems};

/// The data of a spec, prepared once for all of its runs.
pub(super) struct World {
    /// Where the spec has a stream of them; `split` is then the test of the last one.
    pub periods: Option<Periods>,
    pub split: Split,
    /// The training part, sorted.
    pub seen: UserItems,
    pub ranker: Ranker,
    pub machine: Machine,
    pub dataset_digest: Digest,
    pub split_digest: Digest,
}

impl World {
    /// `device` as it stands in records.
    ///
    /// # Errors
    /// If the split or the protocol does not fit the data.
    pub fn new(spec: &Spec, dataset: Dataset, device: &str) -> Result<Self> {
        let periods = spec.split.periods(&dataset)?;
        let split = match &periods {
            Some(periods) => periods.period(periods.last()).test(),
            None => spec.split.apply(&dataset)?,
        };
        let dataset_digest = dataset.digest();
        drop(dataset); // The split is all that training sees; this is a third of a small run's memory.
        let ranker = Ranker::new(&spec.protocol, &split)?;
        let split_digest = periods.as_ref().map_or_else(|| split.digest(), Periods::digest);
        let seen = split.train.sorted();
        Ok(Self { periods, split, seen, ranker, machine: Machine::here(device), dataset_digest, split_digest })
    }

    /// What a record made here is of.
    pub fn id(&self, spec: &Spec, run: &Run<'_>) -> RunId {
        RunId {
            spec: spec.id.clone(),
            profile: spec.profile.clone(),
            class: self.machine.class.clone(),
            trial: run.trial.id.clone(),
            seed: run.seed,
        }
    }
}
