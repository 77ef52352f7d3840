//! What our runs measured, as figures that stand beside published ones.

use std::collections::BTreeMap;

use super::{HostLatencies, Scope};
use crate::record::{LatencyRecord, Record, Runs};
use crate::spec::{Measure, Quantity, Spec};
use crate::stats::Summary;

/// The measurements of a spec's trials: any [`Measure`], by seed.
pub struct Measurements<'a> {
    /// The runs of one arithmetic.
    pub runs: Runs<'a>,
    /// Latencies of trained models on one host; `None` if none was measured.
    pub latencies: Option<HostLatencies<'a>>,
    /// Trial → trial whose number of parameters is 100 % for it.
    whole: BTreeMap<&'a str, &'a str>,
}

impl<'a> Measurements<'a> {
    /// The measurements of current records of `spec`.
    pub fn new(spec: &'a Spec, records: &'a [Record], latencies: &'a [LatencyRecord]) -> Self {
        let whole = spec.trials.iter().filter_map(|trial| {
            let own = spec.teaches(&trial.id).then_some(&*trial.id);
            Some((&*trial.id, spec.larger_model(trial).or(own)?))
        });
        let latencies = HostLatencies::of_most(latencies);
        Self { runs: Runs::of(records), latencies, whole: whole.collect() }
    }

    /// The measurements of runs alone: without latencies of trained models and without sizes in per cent of a teacher's.
    pub fn of_runs(records: &'a [Record]) -> Self {
        Self { runs: Runs::of(records), latencies: None, whole: BTreeMap::new() }
    }

    /// A measure of a trial's runs by seed, in the unit of the measure; without the seeds that lack it. Times are those of
    /// one processor.
    pub fn by_seed(&self, trial: &str, measure: Measure, scope: Scope) -> BTreeMap<u64, f64> {
        let runs = &self.runs;
        let parameters = |trial: &str| runs.by_seed(trial, |record| record.parameter_count.map(|count| count as f64));
        let quantity = match measure {
            Measure::Metric(metric) => {
                let metric = metric.to_string();
                return runs.by_seed(trial, |record| scope.metric(record, &metric));
            }
            Measure::Quantity(quantity) => quantity,
        };
        match quantity {
            Quantity::Parameters => parameters(trial),
            Quantity::ParametersMillion => parameters(trial).into_iter().map(|(seed, own)| (seed, own / 1e6)).collect(),
            Quantity::ParametersPercent => {
                let whole = self.whole.get(trial).map(|whole| parameters(whole)).unwrap_or_default();
                let shares = parameters(trial).into_iter();
                shares.filter_map(|(seed, own)| Some((seed, 100.0 * own / whole.get(&seed)?))).collect()
            }
            Quantity::Latency => runs.by_seed(trial, |record| {
                record.latency.as_ref().filter(|_| runs.is_on_the_processor(record)).map(|latency| latency.p50_us)
            }),
            Quantity::Memory => runs.by_seed(trial, |record| record.memory.peak_rss_bytes.map(|bytes| bytes as f64)),
            Quantity::Training => {
                runs.by_seed(trial, |record| record.training_seconds().filter(|_| runs.is_timed(record)))
            }
            Quantity::LastPeriodMinutes => runs.by_seed(trial, |record| {
                let seconds = record.periods.last()?.training_seconds.filter(|_| runs.is_timed(record))?;
                Some(seconds / 60.0)
            }),
            Quantity::CpuSeconds => self.seconds(|latencies| latencies.on_cpu(trial).collect()),
            Quantity::GpuSeconds => self.seconds(|latencies| latencies.on_gpu(trial).collect()),
        }
    }

    /// Seconds to rank for all queries, by seed.
    fn seconds(&self, records: impl Fn(&HostLatencies<'a>) -> Vec<&'a LatencyRecord>) -> BTreeMap<u64, f64> {
        let Some(latencies) = &self.latencies else { return BTreeMap::new() };
        let all = latencies.queries() as f64;
        records(latencies).into_iter().map(|record| (record.seed, all / record.batch.per_second)).collect()
    }

    /// The values of [`by_seed`](Self::by_seed), in the order of seeds.
    pub fn values(&self, trial: &str, measure: Measure, scope: Scope) -> Vec<f64> {
        self.by_seed(trial, measure, scope).into_values().collect()
    }

    /// Summary of a measure of a trial's runs over seeds; `None` if no run has it.
    pub fn summary(&self, trial: &str, measure: Measure, scope: Scope) -> Option<Summary> {
        Summary::of(&self.values(trial, measure, scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{latency_sample, sample};

    fn run(trial: &str, seed: u64, parameter_count: u64) -> Record {
        Record { parameter_count: Some(parameter_count), ..sample(trial, seed) }
    }

    fn timed(trial: &str, seed: u64, class: &str, [queries, per_second]: [f64; 2]) -> LatencyRecord {
        let mut record = latency_sample(trial, seed);
        record.machine.class = class.into();
        (record.batch.queries, record.batch.per_second) = (queries as _, per_second);
        record
    }

    #[test]
    fn shares_are_of_the_teacher_of_that_seed_and_seconds_of_all_queries() {
        let records = [
            run("teacher", 0, 2_000_000),
            run("teacher", 1, 4_000_000),
            run("student", 0, 500_000),
            run("student", 1, 500_000),
            run("student", 2, 500_000),
            run("pop", 0, 10),
        ];
        let class = records[0].machine.class.clone();
        // The student was too slow for a batch of all 1000 queries; the other machine is not shown.
        let times = [
            timed("teacher", 0, &class, [1000.0, 500.0]),
            timed("student", 0, &class, [200.0, 4000.0]),
            timed("student", 0, &format!("{class}-cuda"), [1000.0, 8000.0]),
            timed("student", 0, "other", [1000.0, 1.0]),
        ];
        let ours = Measurements {
            latencies: HostLatencies::of_most(&times),
            whole: [("teacher", "teacher"), ("student", "teacher")].into(),
            ..Measurements::of_runs(&records)
        };
        let of = |trial: &str, quantity: Quantity| {
            ours.by_seed(trial, Measure::Quantity(quantity), Scope::Run).into_iter().collect::<Vec<_>>()
        };
        use Quantity::{CpuSeconds, GpuSeconds, ParametersMillion, ParametersPercent};
        assert_eq!(of("teacher", ParametersMillion), [(0, 2.0), (1, 4.0)]);
        assert_eq!(of("teacher", ParametersPercent), [(0, 100.0), (1, 100.0)]);
        assert_eq!(of("student", ParametersPercent), [(0, 25.0), (1, 12.5)], "no teacher of seed 2");
        assert_eq!(of("pop", ParametersPercent), [], "neither learns nor teaches");
        assert_eq!((of("teacher", CpuSeconds), of("teacher", GpuSeconds)), (vec![(0, 2.0)], vec![]));
        assert_eq!((of("student", CpuSeconds), of("student", GpuSeconds)), (vec![(0, 0.25)], vec![(0, 0.125)]));
    }
}
