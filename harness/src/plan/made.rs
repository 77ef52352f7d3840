//! The plan: runs that are to be trained.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Need;
use crate::data::Cache;
use crate::digest::Digest;
use crate::error::{Error, Kind, Result};
use crate::meter::Arithmetic;
use crate::record::{Check, Checked, Record, Stored, flaw};
use crate::run::ModelStore;
use crate::spec::{Spec, Trial};

/// Runs that have no record yet, each to be trained by a process of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of the form, [`Stored::FORMAT`].
    pub format: u32,
    /// Teachers before their students. A run is named by its index, from 0.
    pub runs: Vec<PlannedRun>,
}

/// A run of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedRun {
    /// The argument by which commands name the spec.
    pub spec: String,
    pub profile: String,
    /// Id of the dataset.
    pub dataset: String,
    /// Id of the trial.
    pub trial: String,
    pub seed: u64,
    /// Fingerprint of the run: with another one today, the plan is stale.
    pub run: Digest,
    /// Index of the run whose model this one learns from; absent where it learns from none, or from one that is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<usize>,
    pub needs: Need,
}

/// A spec that is to be planned.
pub struct SpecToPlan<'a> {
    pub spec: &'a Spec,
    /// Where the models of teachers are.
    pub cache: &'a Cache,
    /// [Today's fingerprints](crate::run::expected).
    pub expected: &'a BTreeMap<(String, u64), Digest>,
    /// Its records, held against them.
    pub checked: &'a Checked,
    /// All of its records, stale ones too, from which costs are told.
    pub records: &'a [Record],
}

impl Plan {
    /// The runs of the specs on the CPU that have no record of today's, and the teachers that they need and whose models are not in
    /// the cache; of the trials of our own methods alone. `threads`: those that a run will have.
    pub fn of(specs: &[SpecToPlan<'_>], threads: usize) -> Self {
        let mut runs: Vec<PlannedRun> = Vec::new();
        for of_spec @ SpecToPlan { spec, expected, records, .. } in specs {
            let (first, argument, wanted) = (runs.len(), spec.argument(), of_spec.wanted());
            for trial in &spec.trials {
                for &seed in spec.seeds.iter().filter(|seed| wanted.contains(&(&*trial.id, **seed))) {
                    let is_teacher = |run: &PlannedRun| Some(&run.trial) == trial.teacher.as_ref() && run.seed == seed;
                    let after = runs[first..].iter().position(is_teacher).map(|at| first + at);
                    runs.push(PlannedRun {
                        spec: argument.clone(),
                        profile: spec.profile.clone(),
                        dataset: spec.dataset.clone(),
                        trial: trial.id.clone(),
                        seed,
                        run: expected[&(trial.id.clone(), seed)],
                        after,
                        needs: Need::of(trial, threads, records),
                    });
                }
            }
        }
        Self { format: Self::FORMAT, runs }
    }

    /// The run with an index.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if there is none.
    pub fn run(&self, index: usize) -> Result<&PlannedRun> {
        self.runs.get(index).ok_or_else(|| {
            Error::new(Kind::Input, format!("the plan has no run {index}"))
                .expected(match self.runs.len() {
                    0 => "nothing: the plan is empty".into(),
                    n => format!("an index from 0 to {}", n - 1),
                })
                .got(index.to_string())
        })
    }

    /// Name of the plan's file, which tells its content: what is submitted is of this plan, whatever is planned later.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if the plan has no text.
    pub fn file_name(&self) -> Result<String> {
        Ok(format!("plan-{}.json", Digest::of(self.to_text()?.as_bytes()).short()))
    }

    /// Seconds of all runs one after the other, and of the longest chain of runs that must follow each other.
    pub fn seconds(&self) -> (f64, f64) {
        let mut until: Vec<f64> = Vec::new();
        for run in &self.runs {
            until.push(run.needs.seconds + run.after.map_or(0.0, |teacher| until[teacher]));
        }
        (self.runs.iter().map(|run| run.needs.seconds).sum(), until.into_iter().fold(0.0, f64::max))
    }
}

impl SpecToPlan<'_> {
    /// Trials and seeds that are to be trained.
    fn wanted(&self) -> BTreeSet<(&str, u64)> {
        let is_recorded = |trial: &Trial, seed: u64| {
            let is_its = |record: &&Record| record.trial == trial.id && record.seed == seed;
            self.checked.current.iter().filter(is_its).any(|record| record.id().arithmetic == Arithmetic::Cpu)
        };
        let has_model = |trial: &Trial, seed: u64| {
            let fingerprint = self.expected[&(trial.id.clone(), seed)];
            ModelStore::new(self.cache, fingerprint, Arithmetic::Cpu).model().exists()
        };
        let mut wanted = BTreeSet::new();
        // Students stand after their teachers.
        for trial in self.spec.trials.iter().rev().filter(|trial| trial.trainer.method().is_some()) {
            for &seed in &self.spec.seeds {
                let learns =
                    |other: &Trial| other.teacher.as_ref() == Some(&trial.id) && wanted.contains(&(&*other.id, seed));
                let is_needed = self.spec.trials.iter().any(learns);
                if !is_recorded(trial, seed) || is_needed && !has_model(trial, seed) {
                    wanted.insert((&*trial.id, seed));
                }
            }
        }
        wanted
    }
}

impl PlannedRun {
    /// Refuses a plan that was made of another spec or of other data. `today`: the run's fingerprint.
    ///
    /// # Errors
    /// [`Input`](Kind::Input)
    pub fn must_be(&self, today: Option<&Digest>) -> Result<()> {
        if today == Some(&self.run) {
            return Ok(());
        }
        Err(Error::new(
            Kind::Input,
            format!("the plan is stale: {}, seed {} is another run today", self.trial, self.seed),
        )
        .expected(format!("the run {}", self.run.short()))
        .got(today.map_or("none: the spec has no such trial or seed".into(), Digest::short))
        .hint(format!("`reprise plan {} --profile {}` makes a new one", self.spec, self.profile)))
    }
}

impl Stored for Plan {
    const FORMAT: u32 = 1;
    const WHAT: &'static str = "a plan";
    const HINT: &'static str = "`reprise plan SPEC` makes a new one";

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Check {
        for (index, run) in self.runs.iter().enumerate() {
            if let Some(after) = run.after.filter(|after| *after >= index) {
                return flaw(format!("runs.{index}.after"), "a run before this one", after.to_string());
            }
            if !(run.needs.seconds.is_finite() && run.needs.seconds >= 0.0) {
                return flaw(format!("runs.{index}.needs.seconds"), "seconds", run.needs.seconds.to_string());
            }
        }
        Ok(())
    }
}
