//! What all runs of a job share.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::plan::{Run, plan};
use super::{Job, ModelStore};
use crate::digest::Digest;
use crate::error::Result;
use crate::meter::{Arithmetic, Machine};
use crate::record::{Record, RunId, Stored as _};
use crate::spec::SpecData;

/// A job with its list of runs and its data, prepared once for all of them.
pub(super) struct Prepared<'a> {
    pub job: &'a Job<'a>,
    /// Teachers first.
    pub runs: Vec<Run<'a>>,
    pub data: SpecData,
    pub machine: Machine,
    pub arithmetic: Arithmetic,
    pub split_digest: Digest,
}

impl<'a> Prepared<'a> {
    /// Reads the data, splits it and lists the runs.
    ///
    /// # Errors
    /// A trial or seed that the spec does not have; data that is missing or wrong; a split or a protocol that does not
    /// fit the data.
    pub fn new(job: &'a Job<'a>) -> Result<Self> {
        let Job { spec, filter, .. } = job;
        filter.check(spec)?;
        Ok(Self::of(job, SpecData::read(spec, job.manifest, job.cache)?))
    }

    /// The same of data that was read before; the trials and seeds that are asked for were checked.
    pub fn of(job: &'a Job<'a>, data: SpecData) -> Self {
        let Job { spec, filter, device, .. } = job;
        Self {
            job,
            runs: plan(spec, data.dataset_digest, filter),
            machine: Machine::here(&device.name),
            arithmetic: Arithmetic::of_device(&device.name),
            split_digest: data.task.digest(),
            data,
        }
    }

    /// Leaves out the runs whose lists other programs make, which have no model here. Returns the ids of their trials.
    pub fn leave_out_others(&mut self) -> BTreeSet<&'a str> {
        let is_ours = |run: &Run<'a>| run.trial.trainer.method().is_some();
        let left_out = self.runs.iter().filter(|run| !is_ours(run)).map(|run| &*run.trial.id).collect();
        self.runs.retain(is_ours);
        left_out
    }

    /// Where the states and the model of a run of this job are kept.
    pub fn store(&self, fingerprint: Digest) -> ModelStore {
        ModelStore::new(self.job.cache, fingerprint, self.arithmetic)
    }

    /// The identity of the record that this job makes of a run. Lists of other programs are judged on the CPU.
    pub fn id(&self, run: &Run<'_>) -> RunId {
        RunId {
            spec: self.job.spec.id.clone(),
            profile: self.job.spec.profile.clone(),
            arithmetic: if run.trial.trainer.method().is_some() { self.arithmetic } else { Arithmetic::Cpu },
            trial: run.trial.id.clone(),
            seed: run.seed,
        }
    }

    /// The records of a run that exist.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io)
    pub fn recorded(&self, run: &Run<'_>) -> Result<Vec<PathBuf>> {
        self.id(run).files(&self.job.results)
    }

    /// The record of a run whose lists another program made, with today's fingerprint.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io)
    pub fn judged(&self, run: &Run<'_>) -> Result<Option<PathBuf>> {
        let is_judged = |file: &PathBuf| {
            Record::read(file).is_ok_and(|record| record.is_external() && record.digests.run == run.fingerprint)
        };
        Ok(self.recorded(run)?.into_iter().find(is_judged))
    }

    /// A record of the run's trial, at any seed of the spec, that another program's lists made, or with `external` one of our own
    /// run: a mean over both kinds would be of neither.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io)
    pub fn recorded_otherwise(&self, run: &Run<'_>, external: bool) -> Result<Option<PathBuf>> {
        let is_other = |file: &PathBuf| Record::read(file).is_ok_and(|record| record.is_external() != external);
        for &seed in &self.job.spec.seeds {
            let files = RunId { seed, ..self.id(run) }.files(&self.job.results)?;
            if let Some(file) = files.into_iter().find(is_other) {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }
}
