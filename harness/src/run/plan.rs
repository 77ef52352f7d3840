//! The list of runs.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::spec::{Filter, Spec, Trial, run_fingerprint};

/// One trial at one seed.
pub(super) struct Run<'a> {
    pub trial: &'a Trial,
    pub seed: u64,
    pub fingerprint: Digest,
    /// Whether another run of the plan learns from this one, so that its model must be kept.
    pub teaches: bool,
    /// Whether the models are kept with which this run is tested on each period: a trial of the spec, planned or not, learns from
    /// them, or lists are made of them.
    pub keeps_tested_models: bool,
}

impl Run<'_> {
    /// Name of the run in messages, such as `student-0.1, seed 3`.
    pub fn name(&self) -> String {
        run_name(&self.trial.id, self.seed)
    }
}

/// Name of a run in messages, such as `student-0.1, seed 3`.
pub(super) fn run_name(trial: &str, seed: u64) -> String {
    format!("{trial}, seed {seed}")
}

/// The runs of a spec that are asked for and those of the teachers that they need, in the order of
/// [`Filter::runs`]. `data` is the digest of the prepared dataset.
pub(super) fn plan<'a>(spec: &'a Spec, data: Digest, filter: &Filter) -> Vec<Run<'a>> {
    let runs = filter.runs(spec);
    let run = |&(trial, seed): &(&'a Trial, u64)| Run {
        trial,
        seed,
        fingerprint: run_fingerprint(spec, trial, seed, data),
        keeps_tested_models: spec
            .trials
            .iter()
            .any(|other| other.teacher.as_ref() == Some(&trial.id) && other.trainer.learns_from_periods()),
        teaches: runs.iter().any(|(other, at)| *at == seed && other.teacher.as_ref() == Some(&trial.id)),
    };
    runs.iter().map(run).collect()
}

/// Today's fingerprint of every run of a spec, by trial and seed: a record with another one is stale.
pub fn expected(spec: &Spec, data: Digest) -> BTreeMap<(String, u64), Digest> {
    let runs = spec.seeds.iter().flat_map(|&seed| spec.trials.iter().map(move |trial| (seed, trial)));
    runs.map(|(seed, trial)| ((trial.id.clone(), seed), run_fingerprint(spec, trial, seed, data))).collect()
}
