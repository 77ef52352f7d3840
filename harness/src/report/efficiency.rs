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
        let (cpu, gpu) = seconds(runs, records, &trial.id);
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
fn seconds(runs: &Runs, records: &[LatencyRecord], trial: &str) -> (BTreeMap<u64, f64>, BTreeMap<u64, f64>) {
    let Some(class) = latency::class(runs, records) else { return Default::default() };
    let all = latency::queries(class, records) as f64;
    let (gpu, cpu): (Vec<_>, Vec<_>) =
        latency::shown(class, records, trial).partition(|record| latency::on_gpu(record));
    let by_seed = |records: Vec<&LatencyRecord>| {
        records.iter().map(|record| (record.seed, all / record.batch.per_second)).collect()
    };
    (by_seed(cpu), by_seed(gpu))
}
