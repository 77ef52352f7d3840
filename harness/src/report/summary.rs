//! The table of a spec: one row for each trial.

use super::text::{BYTES, METRIC, MICROSECONDS, NONE, SECONDS, count, in_units, marked, mean_sd};
use crate::compare::{Measurements, Scope};
use crate::record::Record;
use crate::spec::{Measure, Quantity, Spec};
use crate::table::{Align, Table};

/// Metrics, size, time and memory of every trial, mean ± standard deviation over seeds. Trials without runs have a row too.
/// Times are of one processor, those of training also of one number of threads.
pub(super) fn summary(spec: &Spec, ours: &Measurements) -> Table {
    let metrics = || spec.protocol.metrics.iter().copied();
    let facts = ["Runs", "Epochs", "Parameters", "Training", "Request p50", "Request p99", "Peak memory"];
    // A column of its own where any trial has a meta-model.
    let has_meta = ours.runs.all().any(|record| record.meta.is_some());
    let meta = has_meta.then(|| "Meta-model's parameters".to_string());
    let right = metrics().map(|metric| marked(&spec.protocol, metric)).chain(facts.map(String::from)).chain(meta);
    let columns = [("Trial".to_string(), Align::Left)].into_iter().chain(right.map(|name| (name, Align::Right)));
    let mut table = Table::new(format!("{} ({} profile)", spec.title, spec.profile), columns);
    let runs = &ours.runs;
    for trial in &spec.trials {
        let over_seeds = |measure| ours.summary(&trial.id, measure, Scope::Run);
        let p99 = |record: &Record| {
            record.latency.as_ref().filter(|_| runs.is_on_the_processor(record)).map(|latency| latency.p99_us)
        };
        let mut row = vec![trial.label.clone()];
        row.extend(metrics().map(|metric| mean_sd(over_seeds(Measure::Metric(metric)), METRIC)));
        row.extend([
            runs.trial(&trial.id).len().to_string(),
            mean_sd(runs.summary(&trial.id, |record| record.epochs_run.map(|epochs| epochs as f64)), 0),
            parameters(runs.trial(&trial.id), |record| record.parameter_count),
            in_units(over_seeds(Measure::Quantity(Quantity::Training)), SECONDS),
            in_units(over_seeds(Measure::Quantity(Quantity::Latency)), MICROSECONDS),
            in_units(runs.summary(&trial.id, p99), MICROSECONDS),
            in_units(over_seeds(Measure::Quantity(Quantity::Memory)), BYTES),
        ]);
        row.extend(
            has_meta.then(|| parameters(runs.trial(&trial.id), |record| Some(record.meta.as_ref()?.parameter_count))),
        );
        table.push_of(&trial.id, row);
    }
    table
}

/// One number unless it depends on the seed.
fn parameters(runs: &[&Record], count_of: impl Fn(&Record) -> Option<u64>) -> String {
    let counts: std::collections::BTreeSet<u64> = runs.iter().filter_map(|record| count_of(record)).collect();
    match (counts.first(), counts.last()) {
        (Some(least), Some(most)) if least == most => count(*least),
        (Some(least), Some(most)) => format!("{} to {}", count(*least), count(*most)),
        _ => NONE.into(),
    }
}
