//! The list of runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::spec::{Spec, Trial, run_fingerprint};
use crate::suggest::{did_you_mean, one_of};

/// One trial at one seed.
pub struct Run<'a> {
    pub trial: &'a Trial,
    pub seed: u64,
    pub fingerprint: Digest,
    /// Fingerprint of the teacher's run at the same seed.
    pub teacher: Option<Digest>,
    /// Whether another run of the plan learns from this one, so that its model must be kept at hand.
    pub teaches: bool,
}

impl Run<'_> {
    /// For people: `student-0.1, seed 3`.
    pub fn name(&self) -> String {
        format!("{}, seed {}", self.trial.id, self.seed)
    }
}

/// Which runs of a spec are wanted; empty lists want all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub trials: Vec<String>,
    pub seeds: Vec<u64>,
    /// Of these, only these runs, by trial and seed; `None` wants all.
    pub runs: Option<BTreeSet<(String, u64)>>,
}

impl Filter {
    /// Whether a run is asked for by itself, and not only as another's teacher.
    pub fn asks_for(&self, trial: &str, seed: u64) -> bool {
        (self.trials.is_empty() || self.trials.iter().any(|asked| asked == trial))
            && (self.seeds.is_empty() || self.seeds.contains(&seed))
            && self.runs.as_ref().is_none_or(|runs| runs.contains(&(trial.to_string(), seed)))
    }
}

/// The wanted runs of a spec and those that they need, teachers first.
///
/// All trials of a seed come before the next seed, so that what is finished early is a whole table.
pub struct Plan<'a> {
    pub runs: Vec<Run<'a>>,
}

impl<'a> Plan<'a> {
    /// `data` is the digest of the prepared dataset.
    ///
    /// # Errors
    /// If the filter names a trial or seed that the spec does not have.
    pub fn new(spec: &'a Spec, data: Digest, filter: &Filter) -> Result<Self> {
        for id in &filter.trials {
            if spec.trial(id).is_none() {
                let known = || spec.trials.iter().map(|trial| trial.id.as_str());
                let error = Error::new(Kind::Input, format!("spec `{}` has no trial `{id}`", spec.id))
                    .expected(one_of(known()))
                    .got(format!("`{id}`"));
                return Err(did_you_mean(error, id, known()));
            }
        }
        if let Some(seed) = filter.seeds.iter().find(|seed| !spec.seeds.contains(seed)) {
            return Err(Error::new(Kind::Input, format!("spec `{}` has no seed {seed}", spec.id))
                .expected(format!("one of {:?}", spec.seeds))
                .hint("add it to `seeds` in the spec: a record belongs to a declared seed"));
        }
        let mut runs = Vec::new();
        for &seed in &spec.seeds {
            let trials = wanted(spec, filter, seed);
            runs.extend(trials.iter().map(|&trial| Run {
                trial,
                seed,
                fingerprint: run_fingerprint(spec, trial, seed, data),
                teacher: trial.teacher.as_ref().map(|id| {
                    let teacher = spec.trial(id).expect("a checked spec has the teachers of its trials");
                    run_fingerprint(spec, teacher, seed, data)
                }),
                teaches: trials.iter().any(|other| other.teacher.as_ref() == Some(&trial.id)),
            }));
        }
        Ok(Self { runs })
    }
}

/// The trials that are asked for at a seed and those that they need, in the order of the spec.
fn wanted<'a>(spec: &'a Spec, filter: &Filter, seed: u64) -> Vec<&'a Trial> {
    let mut wanted: Vec<&str> = Vec::new();
    // A teacher stands before its students.
    for trial in spec.trials.iter().rev() {
        if filter.asks_for(&trial.id, seed) || wanted.contains(&trial.id.as_str()) {
            wanted.push(&trial.id);
            wanted.extend(trial.teacher.as_deref());
        }
    }
    spec.trials.iter().filter(|trial| wanted.contains(&trial.id.as_str())).collect()
}

/// Today's fingerprint of every run of a spec, by trial and seed: what records are held against.
pub fn expected(spec: &Spec, data: Digest) -> BTreeMap<(String, u64), Digest> {
    let runs = spec.seeds.iter().flat_map(|&seed| spec.trials.iter().map(move |trial| (seed, trial)));
    runs.map(|(seed, trial)| ((trial.id.clone(), seed), run_fingerprint(spec, trial, seed, data))).collect()
}
