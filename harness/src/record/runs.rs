//! Records grouped for comparison and reports.

use std::collections::{BTreeMap, BTreeSet};

use super::Record;
use crate::meter::Arithmetic;
use crate::metrics::Metric;
use crate::stats::Summary;

/// Records of one spec and profile that were computed with one arithmetic, by trial. All CPUs give the same bytes, so
/// their runs are one sample; their times are not, see [`Timed`].
pub struct Runs<'a> {
    /// The arithmetic of these runs; `None` if there are no runs.
    pub arithmetic: Option<Arithmetic>,
    by_trial: BTreeMap<&'a str, Vec<&'a Record>>,
    /// Other arithmetics that have records, which are left out.
    pub others: Vec<Arithmetic>,
    /// The processor and number of threads whose times are shown; `None` if no run was timed.
    pub timed: Option<Timed<'a>>,
}

/// Processor and number of threads: training times can be compared only where both are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timed<'a> {
    /// Name of the processor, where the system tells it.
    pub cpu: Option<&'a str>,
    pub threads: usize,
}

impl<'a> Timed<'a> {
    fn of(record: &'a Record) -> Self {
        Self { cpu: record.machine.cpu.as_deref(), threads: record.threads }
    }
}

impl<'a> Runs<'a> {
    /// Takes the arithmetic that has most records (of equals, the CPU's). Times are shown of the processor and number of
    /// threads with runs of most trials (of equals, those with most runs, then the first by name).
    pub fn of(records: &'a [Record]) -> Self {
        let mut counts = BTreeMap::<Arithmetic, usize>::new();
        for record in records {
            *counts.entry(record.id().arithmetic).or_default() += 1;
        }
        // `max_by_key` keeps the last of equals; reversed, that is the first.
        let arithmetic = counts.iter().rev().max_by_key(|(_, count)| **count).map(|(arithmetic, _)| *arithmetic);
        let mut by_trial = BTreeMap::<_, Vec<_>>::new();
        let mut timed = BTreeMap::<Timed<'a>, (BTreeSet<&str>, usize)>::new();
        for record in records.iter().filter(|record| Some(record.id().arithmetic) == arithmetic) {
            by_trial.entry(&*record.trial).or_default().push(record);
            if !record.is_timed() {
                continue;
            }
            let (trials, runs) = timed.entry(Timed::of(record)).or_default();
            trials.insert(&record.trial);
            *runs += 1;
        }
        for runs in by_trial.values_mut() {
            runs.sort_by_key(|record| record.seed);
        }
        let others = counts.into_keys().filter(|other| Some(*other) != arithmetic).collect();
        let most = timed.iter().rev().max_by_key(|(_, (trials, runs))| (trials.len(), *runs));
        let timed = most.map(|(timed, _)| *timed);
        Self { arithmetic, by_trial, others, timed }
    }

    /// The runs of a trial, by seed.
    pub fn trial(&self, trial: &str) -> &[&'a Record] {
        self.by_trial.get(trial).map_or(&[], |runs| runs)
    }

    /// All runs, by trial and seed.
    pub fn all(&self) -> impl Iterator<Item = &'a Record> {
        self.by_trial.values().flatten().copied()
    }

    /// Numbers of the periods whose results count, in their order; empty if the runs are not over a stream of periods.
    pub fn tested_periods(&self) -> Vec<u64> {
        let of = |record: &&Record| record.tested_periods().map(|period| period.period).collect::<Vec<_>>();
        self.all().map(|record| of(&record)).max_by_key(Vec::len).unwrap_or_default()
    }

    /// Summary over the seeds of a trial of a figure that a record may have.
    pub fn summary(&self, trial: &str, of: impl Fn(&Record) -> Option<f64>) -> Option<Summary> {
        let values: Vec<f64> = self.trial(trial).iter().filter_map(|record| of(record)).collect();
        Summary::of(&values)
    }

    /// Whether a time that depends on the number of threads can be compared: same processor, same number of threads.
    pub fn is_timed(&self, record: &Record) -> bool {
        record.is_timed() && self.timed == Some(Timed::of(record))
    }

    /// Whether a time that one thread took, such as that of a request, can be compared: same processor.
    pub fn is_on_the_processor(&self, record: &Record) -> bool {
        self.timed.is_some_and(|timed| timed.cpu == record.machine.cpu.as_deref())
    }

    /// A figure of the runs of a trial that have it, by seed.
    pub fn by_seed(&self, trial: &str, of: impl Fn(&Record) -> Option<f64>) -> BTreeMap<u64, f64> {
        self.trial(trial).iter().filter_map(|record| Some((record.seed, of(record)?))).collect()
    }

    /// Test values of `metric` of a trial for each query, in ascending order of queries, by seed; only of runs whose
    /// records keep their ranks.
    pub fn by_query(&self, trial: &str, metric: Metric) -> BTreeMap<u64, Vec<f64>> {
        self.trial(trial).iter().filter_map(|record| Some((record.seed, record.per_query(metric)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::sample;

    fn run(trial: &str, seed: u64, cpu: &str, threads: usize) -> Record {
        let mut record = sample(trial, seed);
        (record.machine.cpu, record.threads) = (Some(cpu.into()), threads);
        record
    }

    #[test]
    fn runs_of_all_processors_are_one_sample_and_their_times_are_not() {
        let records =
            [run("a", 0, "X", 1), run("a", 1, "Y", 1), run("b", 0, "X", 2), run("b", 1, "Y", 1), run("c", 0, "X", 2)];
        let runs = Runs::of(&records);
        assert_eq!(runs.trial("a").len() + runs.trial("b").len() + runs.trial("c").len(), 5);
        // Two trials each on Y with one thread and on X with two, and two runs: the first by name.
        assert_eq!(runs.timed, Some(Timed { cpu: Some("X"), threads: 2 }));
        assert_eq!(records.each_ref().map(|record| runs.is_timed(record)), [false, false, true, false, true]);
        assert_eq!(records.each_ref().map(|record| runs.is_on_the_processor(record)), [true, false, true, false, true]);
        assert_eq!(Runs::of(&[]).timed, None);
    }

    #[test]
    fn what_cuda_gave_is_another_sample() {
        let mut records = [run("a", 0, "X", 1), run("a", 0, "X", 1)];
        records[1].device = "cuda:0 Example".into();
        let runs = Runs::of(&records);
        assert_eq!((runs.arithmetic, runs.trial("a").len()), (Some(Arithmetic::Cpu), 1));
        assert_eq!(runs.others, [Arithmetic::Cuda]);
    }
}
