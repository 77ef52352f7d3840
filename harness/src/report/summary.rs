//! The table of a spec: one row per trial.

use super::number::{BYTES, METRIC, MICROSECONDS, NONE, SECONDS, count, in_units, mean_sd};
use super::{Align, Experiment, Table};
use crate::meter::Latency;
use crate::record::{Record, Runs};

/// Metrics, size, time and memory of every trial, mean ± standard deviation over seeds. Trials
/// without runs have a row too. Times are of one processor, those of training also of one number of threads.
pub fn summary(experiment: &Experiment, runs: &Runs) -> Table {
    let mut columns = vec![("Trial".to_string(), Align::Left)];
    let right = |name: String| (name, Align::Right);
    columns.extend(experiment.metrics.iter().map(|metric| right(experiment.marked(&metric.name))));
    let facts = ["Runs", "Epochs", "Parameters", "Training", "Request p50", "Request p99", "Peak memory"];
    columns.extend(facts.map(String::from).map(right));
    let mut table = Table::new(format!("{} ({} profile)", experiment.title, experiment.profile), columns);
    for trial in &experiment.trials {
        let over_seeds = |of: fn(&Record) -> Option<f64>| runs.summary(&trial.id, of);
        let training = |record: &Record| runs.is_timed(record).then(|| record.training_seconds());
        let request = |of: fn(&Latency) -> f64| {
            let of = |record: &Record| record.latency.as_ref().filter(|_| runs.is_on_the_processor(record)).map(of);
            runs.summary(&trial.id, of)
        };
        let mut row = vec![trial.label.clone()];
        for metric in &experiment.metrics {
            row.push(mean_sd(runs.summary(&trial.id, |record| record.metrics.get(&metric.name).copied()), METRIC));
        }
        row.push(runs.trial(&trial.id).len().to_string());
        row.push(mean_sd(over_seeds(|record| Some(record.epochs_run as f64)), 0));
        row.push(parameters(runs.trial(&trial.id)));
        row.push(in_units(runs.summary(&trial.id, training), SECONDS));
        row.push(in_units(request(|latency| latency.p50_us), MICROSECONDS));
        row.push(in_units(request(|latency| latency.p99_us), MICROSECONDS));
        row.push(in_units(over_seeds(|record| record.memory.peak_rss_bytes.map(|bytes| bytes as f64)), BYTES));
        table.push_of(&trial.id, row);
    }
    table
}

/// One number unless it depends on the seed.
fn parameters(runs: &[&Record]) -> String {
    let counts: std::collections::BTreeSet<u64> = runs.iter().map(|record| record.parameter_count).collect();
    match (counts.first(), counts.last()) {
        (Some(least), Some(most)) if least == most => count(*least),
        (Some(least), Some(most)) => format!("{} to {}", count(*least), count(*most)),
        _ => NONE.into(),
    }
}
