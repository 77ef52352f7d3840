//! Which runs of a spec are wanted.

use std::collections::BTreeSet;

use super::{Spec, Trial};
use crate::error::{Error, Kind, Result};
use crate::suggest::{did_you_mean, one_of};

/// The runs of a spec that a person asks for. A run is asked for if every condition holds; an empty list and `None` are
/// no condition.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Ids of trials.
    pub trials: Vec<String>,
    pub seeds: Vec<u64>,
    /// Single runs, by trial and seed.
    pub runs: Option<BTreeSet<(String, u64)>>,
}

impl Filter {
    /// Whether a run is asked for itself, and not only because another run needs it as its teacher.
    pub fn asks_for(&self, trial: &str, seed: u64) -> bool {
        (self.trials.is_empty() || self.trials.iter().any(|asked| asked == trial))
            && (self.seeds.is_empty() || self.seeds.contains(&seed))
            && self.runs.as_ref().is_none_or(|runs| runs.contains(&(trial.to_string(), seed)))
    }

    /// Refuses names that the spec does not know, before anything is done for the others.
    ///
    /// # Errors
    /// [`Input`](Kind::Input): a trial or a seed that the spec does not have.
    pub fn check(&self, spec: &Spec) -> Result<()> {
        for id in &self.trials {
            if spec.trial(id).is_none() {
                let known = || spec.trials.iter().map(|trial| trial.id.as_str());
                let error = Error::new(Kind::Input, format!("spec `{}` has no trial `{id}`", spec.id))
                    .expected(one_of(known()))
                    .got(format!("`{id}`"));
                return Err(did_you_mean(error, id, known()));
            }
        }
        match self.seeds.iter().find(|seed| !spec.seeds.contains(seed)) {
            None => Ok(()),
            Some(seed) => Err(Error::new(Kind::Input, format!("spec `{}` has no seed {seed}", spec.id))
                .expected(format!("one of {:?}", spec.seeds))
                .hint("add it to `seeds` in the spec: only seeds that the spec lists are run")),
        }
    }

    /// The runs that are asked for and those of the teachers that they need. All trials of a seed come before the next
    /// seed, so that what is finished early is a whole table; teachers come before their students, as in the spec.
    pub fn runs<'a>(&self, spec: &'a Spec) -> Vec<(&'a Trial, u64)> {
        let mut runs = Vec::new();
        for &seed in &spec.seeds {
            let mut wanted: Vec<&str> = Vec::new();
            for trial in spec.trials.iter().rev() {
                if self.asks_for(&trial.id, seed) || wanted.contains(&trial.id.as_str()) {
                    wanted.push(&trial.id);
                    wanted.extend(trial.teacher.as_deref());
                }
            }
            let trials = spec.trials.iter().filter(|trial| wanted.contains(&trial.id.as_str()));
            runs.extend(trials.map(|trial| (trial, seed)));
        }
        runs
    }
}
