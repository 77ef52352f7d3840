//! The records that are compared with a baseline.

use std::collections::{BTreeMap, BTreeSet};

use super::{Baseline, BaselineRun};
use crate::digest::Digest;
use crate::meter::Arithmetic;
use crate::record::Record;
use crate::spec::Filter;

/// Today's records of a spec, and the runs that there should be.
pub struct Today<'a> {
    /// Fingerprint of every run of the spec, by trial and seed.
    pub expected: &'a BTreeMap<(String, u64), Digest>,
    /// Records with these fingerprints, made on any machine.
    pub records: &'a [Record],
    /// Reasons why runs have no such record, where they are known, by trial and seed.
    pub missing: &'a BTreeMap<(String, u64), String>,
    /// The runs that are to be compared.
    pub filter: &'a Filter,
}

/// Today's records of one trial, by seed.
pub(super) type OfTrial<'a> = BTreeMap<u64, &'a Record>;

impl<'a> Today<'a> {
    /// The runs of the baseline and of the spec that are to be compared: trials, each with its seeds.
    pub(super) fn asked(&self, baseline: &'a Baseline) -> BTreeMap<&'a str, BTreeSet<u64>> {
        let theirs = baseline.runs.iter().flat_map(|(trial, runs)| runs.0.keys().map(move |seed| (trial, *seed)));
        let all = self.expected.keys().map(|(trial, seed)| (trial, *seed)).chain(theirs);
        let mut asked = BTreeMap::<&str, BTreeSet<u64>>::new();
        for (trial, seed) in all {
            if self.filter.asks_for(trial, seed) {
                asked.entry(trial).or_default().insert(seed);
            }
        }
        asked
    }

    /// Records of a trial with the given arithmetic, or with the other one if there are none.
    pub(super) fn of(&self, trial: &str, arithmetic: Arithmetic) -> OfTrial<'a> {
        let (same, other): (Vec<_>, Vec<_>) = (self.records.iter())
            .filter(|record| record.trial == trial)
            .partition(|record| record.id().arithmetic == arithmetic);
        let found = if same.is_empty() { other } else { same };
        found.into_iter().map(|record| (record.seed, record)).collect()
    }

    /// The reason why a run cannot be compared, by rule 1 in `judge.rs`; `None` if it can.
    pub(super) fn doubt(
        &self,
        trial: &str,
        seed: u64,
        baseline: Option<&BaselineRun>,
        today: &OfTrial<'_>,
    ) -> Option<String> {
        let key = (trial.to_string(), seed);
        let Some(baseline) = baseline else {
            return Some("the baseline has no such run: accept one that has it".into());
        };
        match self.expected.get(&key) {
            None => Some(format!("{STALE}: the spec has no such run today")),
            Some(expected) if *expected != baseline.digests.run => {
                Some(format!("{STALE}: the spec or its data changed since it was accepted"))
            }
            Some(_) if today.contains_key(&seed) => None,
            Some(_) => Some(self.missing.get(&key).cloned().unwrap_or("there is no record of it today".into())),
        }
    }
}

const STALE: &str = "stale baseline";
