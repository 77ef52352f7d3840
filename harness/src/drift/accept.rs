//! Acceptance of today's records as the new baseline.

use std::collections::BTreeSet;

use super::baseline::{MATTERS, by_trial, classes};
use super::{Accepted, Baseline, Today};
use crate::error::{Error, Kind, Result};
use crate::record::{Record, Runs, Stored as _};
use crate::suggest::{did_you_mean, one_of};

/// How many missing runs an error names; the others are counted.
const NAMED: usize = 4;

/// What a person states when accepting a baseline.
pub struct Acceptance<'a> {
    /// Reason for accepting these results.
    pub reason: &'a str,
    /// Time of the acceptance, RFC 3339 in UTC.
    pub when: String,
    /// Metrics with the smallest change of each that matters, in standard deviations over the seeds; other metrics keep
    /// the value of the last baseline.
    pub matters: &'a [(String, f64)],
    /// Trials exempt from bit-exact comparison. They are not taken over from the last baseline, so that forgetting one
    /// makes the comparison stricter.
    pub inexact: &'a [String],
}

impl Acceptance<'_> {
    /// The baseline of all of today's runs with the arithmetic that most of them have; `last` is the baseline that it
    /// replaces.
    ///
    /// # Errors
    /// [`Input`](Kind::Input): no reason, an unknown metric or trial; [`Missing`](Kind::Missing): a run of the spec
    /// without a current record.
    pub fn accept(&self, spec: &str, profile: &str, today: &Today<'_>, last: Option<Baseline>) -> Result<Baseline> {
        let reason = self.reason.trim();
        if reason.is_empty() {
            return Err(Error::new(Kind::Input, "a baseline is not accepted without a reason")
                .expected("`--reason TEXT`: the reason for accepting these results")
                .got("an empty text"));
        }
        let runs = Runs::of(today.records);
        let records: Vec<&Record> = runs.all().collect();
        complete(spec, &runs, today)?;
        let by_trial = by_trial(&records);
        known("trial", self.inexact.iter().map(String::as_str), &by_trial.keys().map(String::as_str).collect())?;
        let metrics: BTreeSet<&str> = records[0].metrics.keys().map(String::as_str).collect();
        known("metric", self.matters.iter().map(|(metric, _)| metric.as_str()), &metrics)?;
        let (mut accepted, kept) = last.map(|last| (last.accepted, last.matters)).unwrap_or_default();
        let units = |metric: &str| {
            let said = self.matters.iter().rev().find(|(name, _)| name == metric).map(|(_, units)| *units);
            said.or_else(|| kept.get(metric).copied()).unwrap_or(MATTERS)
        };
        accepted.push(Accepted { when: self.when.clone(), reason: reason.into(), commit: commit(&records) });
        Ok(Baseline {
            format: Baseline::FORMAT,
            spec: spec.into(),
            profile: profile.into(),
            class: classes(records.iter().copied()),
            accepted,
            matters: metrics.iter().map(|metric| ((*metric).to_string(), units(metric))).collect(),
            inexact: self.inexact.iter().cloned().collect(),
            runs: by_trial,
        })
    }
}

/// Refuses a spec that has runs without a current record.
fn complete(spec: &str, runs: &Runs<'_>, today: &Today<'_>) -> Result<()> {
    let has = |trial: &str, seed: u64| runs.trial(trial).iter().any(|record| record.seed == seed);
    let missing: Vec<_> = today.expected.keys().filter(|(trial, seed)| !has(trial, *seed)).collect();
    if missing.is_empty() && runs.arithmetic.is_some() {
        return Ok(());
    }
    let name = |run: &&(String, u64)| {
        let why = today.missing.get(run).map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{}, seed {}{why}", run.0, run.1)
    };
    let mut names: Vec<_> = missing.iter().take(NAMED).map(name).collect();
    if missing.len() > NAMED {
        names.push(format!("{} more", missing.len() - NAMED));
    }
    Err(Error::new(Kind::Missing, format!("`{spec}` has runs without a record of today; nothing was accepted"))
        .expected(format!("a record that is not stale for each of {} runs", today.expected.len()))
        .got(format!("none of {}", names.join("; ")))
        .hint("train them first (`reprise run`, or `--rerun` here): a baseline is of a whole spec"))
}

fn known<'a>(what: &str, mut said: impl Iterator<Item = &'a str>, names: &BTreeSet<&str>) -> Result<()> {
    let Some(unknown) = said.find(|name| !names.contains(name)) else { return Ok(()) };
    let names = || names.iter().copied();
    let error =
        Error::new(Kind::Input, format!("there is no {what} `{unknown}` in the records")).expected(one_of(names()));
    Err(did_you_mean(error.got(format!("`{unknown}`")), unknown, names()))
}

/// The one commit that made all of the records, if there is one.
fn commit(records: &[&Record]) -> Option<String> {
    let first = &records.first()?.program;
    let clean = |record: &&Record| record.program.commit == first.commit && record.program.dirty == Some(false);
    first.commit.clone().filter(|_| records.iter().all(clean))
}
