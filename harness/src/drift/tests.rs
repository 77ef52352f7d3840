//! Judging, accepting, the file and the texts, on made-up records.

mod accepting;
mod files;
mod formats;
mod judging;

use std::collections::BTreeMap;

use super::{Acceptance, Baseline, DriftVerdict, Judgement, Suite, Today, judge};
use crate::digest::Digest;
use crate::error::Result;
use crate::kit::{sample, sample_of_periods};
use crate::record::Record;
use crate::spec::Filter;

/// What there is today, to be changed by a test.
#[derive(Clone, Default)]
struct Fixture {
    records: Vec<Record>,
    expected: BTreeMap<(String, u64), Digest>,
    missing: BTreeMap<(String, u64), String>,
    filter: Filter,
}

/// Trials with the value of every metric at seeds 0, 1, ….
fn world(trials: &[(&str, &[f64])]) -> Fixture {
    let mut world = Fixture::default();
    for (trial, values) in trials {
        for (seed, value) in (0..).zip(*values) {
            let mut record = sample(trial, seed);
            record.metrics.values_mut().for_each(|of| *of = *value);
            world.expected.insert((record.trial.clone(), seed), record.digests.run);
            world.records.push(record);
        }
    }
    world
}

impl Fixture {
    fn today(&self) -> Today<'_> {
        Today { expected: &self.expected, records: &self.records, missing: &self.missing, filter: &self.filter }
    }

    fn accept(
        &self,
        reason: &str,
        inexact: &[&str],
        matters: &[(&str, f64)],
        last: Option<Baseline>,
    ) -> Result<Baseline> {
        let inexact: Vec<String> = inexact.iter().map(|trial| (*trial).to_string()).collect();
        let matters: Vec<_> = matters.iter().map(|(metric, units)| ((*metric).to_string(), *units)).collect();
        let when = "2026-11-22T02:30:00Z".to_string();
        let acceptance = Acceptance { reason, when, matters: &matters, inexact: &inexact };
        acceptance.accept("de-rrd/citeulike", "paper", &self.today(), last)
    }

    fn baseline(&self) -> Baseline {
        self.accept("the first", &[], &[], None).unwrap()
    }

    /// The same on a CUDA device, whose bits are its own.
    fn elsewhere(mut self) -> Self {
        for record in &mut self.records {
            (record.device, record.machine.class) = ("cuda:0 Example".into(), "x86_64-avx512-cuda".into());
        }
        self
    }

    /// The same on another processor.
    fn on_another_cpu(mut self) -> Self {
        self.records.iter_mut().for_each(|record| record.machine.class = "aarch64-neon".into());
        self
    }

    fn edit(mut self, trial: &str, seed: u64, edit: impl FnOnce(&mut Record)) -> Self {
        let run = |record: &&mut Record| record.trial == trial && record.seed == seed;
        edit(self.records.iter_mut().find(run).unwrap());
        self
    }
}

/// The verdict of every case that says something, as `trial: case: verdict: why`.
fn told(judgement: &Judgement) -> Vec<String> {
    let cases = judgement.trials.iter().flat_map(|trial| trial.cases.iter().map(move |case| (trial, case)));
    let text = |(trial, case): (&super::JudgedTrial, &super::Case)| {
        format!("{}: {}: {}: {}", trial.id, case.name, case.verdict, case.why)
    };
    cases.filter(|(_, case)| case.moved()).map(text).collect()
}
