//! The runs that are compared and reported.

use std::collections::BTreeMap;

use super::Record;
use crate::metrics::Metric;
use crate::stats::Summary;

/// Runs of one spec and profile on one machine class: seeds of two classes are not two samples, and
/// their times do not mix.
pub struct Runs<'a> {
    /// `None` if there are no runs.
    pub class: Option<&'a str>,
    by_trial: BTreeMap<&'a str, Vec<&'a Record>>,
    /// Other classes that have runs, which the summary leaves out.
    pub others: Vec<&'a str>,
}

impl<'a> Runs<'a> {
    /// Takes the class with the most records; of equals, the first by name.
    pub fn of(records: &'a [Record]) -> Self {
        let mut counts = BTreeMap::<&str, usize>::new();
        for record in records {
            *counts.entry(&record.machine.class).or_default() += 1;
        }
        // `max_by_key` keeps the last of equals; reversed, that is the first by name.
        let class = counts.iter().rev().max_by_key(|(_, count)| **count).map(|(class, _)| *class);
        let mut by_trial = BTreeMap::<_, Vec<_>>::new();
        for record in records.iter().filter(|record| Some(&*record.machine.class) == class) {
            by_trial.entry(&*record.trial).or_default().push(record);
        }
        for runs in by_trial.values_mut() {
            runs.sort_by_key(|record| record.seed);
        }
        let others = counts.into_keys().filter(|other| Some(*other) != class).collect();
        Self { class, by_trial, others }
    }

    /// The runs of a trial, by seed.
    pub fn trial(&self, trial: &str) -> &[&'a Record] {
        self.by_trial.get(trial).map_or(&[], |runs| runs)
    }

    pub fn all(&self) -> impl Iterator<Item = &'a Record> {
        self.by_trial.values().flatten().copied()
    }

    /// How many periods were tested, where the runs are over a stream of them.
    pub fn periods(&self) -> Option<usize> {
        self.all().map(|record| record.periods.len()).max().filter(|periods| *periods > 0)
    }

    /// Over the seeds of a trial, of whatever a record may have.
    pub fn summary(&self, trial: &str, of: impl Fn(&Record) -> Option<f64>) -> Option<Summary> {
        let values: Vec<f64> = self.trial(trial).iter().filter_map(|record| of(record)).collect();
        Summary::of(&values)
    }

    pub fn metric(&self, trial: &str, metric: &str) -> Vec<f64> {
        self.trial(trial).iter().filter_map(|record| record.metrics.get(metric).copied()).collect()
    }

    /// A figure of every run of a trial that has one, by seed.
    pub fn by_seed(&self, trial: &str, of: impl Fn(&Record) -> Option<f64>) -> BTreeMap<u64, f64> {
        self.trial(trial).iter().filter_map(|record| Some((record.seed, of(record)?))).collect()
    }

    /// The test value of `metric` for each query, in ascending order of queries, by seed: of the runs that kept their ranks.
    pub fn by_query(&self, trial: &str, metric: Metric) -> BTreeMap<u64, Vec<f64>> {
        self.trial(trial).iter().filter_map(|record| Some((record.seed, record.per_query(metric)?))).collect()
    }
}
