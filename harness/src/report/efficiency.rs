//! Size and speed of our models as values that stand beside published ones.

use std::collections::BTreeMap;

use super::{Experiment, latency};
use crate::compare::Figures;
use crate::record::{LatencyRecord, Runs};
use crate::spec::Efficiency;

/// Sizes and speeds of all runs, under the names of [`Efficiency`].
pub(super) fn figures(experiment: &Experiment, runs: &Runs, records: &[LatencyRecord]) -> Figures {
    let mut figures = Figures::new();
    for trial in &experiment.trials {
        let parameters = |trial: &str| runs.by_seed(trial, |record| Some(record.parameter_count as f64));
        let own = parameters(&trial.id);
        let above = trial.teacher.as_deref().map(parameters).or(trial.teaches.then(|| own.clone())).unwrap_or_default();
        let share = own.iter().filter_map(|(seed, own)| Some((*seed, 100.0 * own / above.get(seed)?))).collect();
        let millions = own.iter().map(|(seed, own)| (*seed, own / 1e6)).collect();
        let (cpu, gpu) = seconds(records, &trial.id);
        let all: [(Efficiency, BTreeMap<u64, f64>); 4] = [
            (Efficiency::CpuSeconds, cpu),
            (Efficiency::GpuSeconds, gpu),
            (Efficiency::ParametersMillion, millions),
            (Efficiency::ParametersPercent, share),
        ];
        let of_trial = figures.entry(trial.id.clone()).or_default();
        of_trial.extend(all.map(|(of, by_seed)| (of.name().to_string(), by_seed)));
    }
    figures
}

/// Seconds to rank for all queries by seed, on the CPU and on the GPU beside it.
fn seconds(records: &[LatencyRecord], trial: &str) -> (BTreeMap<u64, f64>, BTreeMap<u64, f64>) {
    let Some(host) = latency::Host::of_most(records) else { return Default::default() };
    let all = latency::queries(host, records) as f64;
    let (gpu, cpu): (Vec<_>, Vec<_>) = latency::shown(host, records, trial).partition(|record| latency::on_gpu(record));
    let by_seed = |records: Vec<&LatencyRecord>| {
        records.iter().map(|record| (record.seed, all / record.batch.per_second)).collect()
    };
    (by_seed(cpu), by_seed(gpu))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Record, latency_sample, sample};
    use crate::report::TrialText;

    fn trial(id: &str, teacher: Option<&str>, teaches: bool) -> TrialText {
        TrialText {
            id: id.into(),
            label: id.into(),
            method: "bpr".into(),
            method_place: 0,
            teacher: teacher.map(Into::into),
            teaches,
        }
    }

    fn run(trial: &str, seed: u64, parameter_count: u64) -> Record {
        Record { parameter_count, ..sample(trial, seed) }
    }

    fn timed(trial: &str, seed: u64, class: &str, [queries, per_second]: [f64; 2]) -> LatencyRecord {
        let mut record = latency_sample(trial, seed);
        record.machine.class = class.into();
        (record.batch.queries, record.batch.per_second) = (queries as _, per_second);
        record
    }

    #[test]
    fn shares_are_of_the_teacher_of_that_seed_and_seconds_of_all_queries() {
        let trials =
            vec![trial("teacher", None, true), trial("student", Some("teacher"), false), trial("pop", None, false)];
        let experiment = Experiment { trials, ..Experiment::default() };
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
        let figures = figures(&experiment, &Runs::of(&records), &times);
        let of =
            |trial: &str, figure: Efficiency| figures[trial][figure.name()].clone().into_iter().collect::<Vec<_>>();
        use Efficiency::{CpuSeconds, GpuSeconds, ParametersMillion, ParametersPercent};
        assert_eq!(of("teacher", ParametersMillion), [(0, 2.0), (1, 4.0)]);
        assert_eq!(of("teacher", ParametersPercent), [(0, 100.0), (1, 100.0)]);
        assert_eq!(of("student", ParametersPercent), [(0, 25.0), (1, 12.5)], "no teacher of seed 2");
        assert_eq!(of("pop", ParametersPercent), [], "neither learns nor teaches");
        assert_eq!((of("teacher", CpuSeconds), of("teacher", GpuSeconds)), (vec![(0, 2.0)], vec![]));
        assert_eq!((of("student", CpuSeconds), of("student", GpuSeconds)), (vec![(0, 0.25)], vec![(0, 0.125)]));
    }
}
