//! The report's figures for other programs, with all their digits.

use super::beside::Beside;
use super::{Align, Experiment, Table};
use crate::record::Record;

/// One row per published cell.
pub(super) fn cells(beside: &[Beside]) -> Table {
    let mut table = table(&[
        "table",
        "kind",
        "row",
        "column",
        "trial",
        "metric",
        "published",
        "n",
        "ours_mean",
        "ours_sd",
        "interval_low",
        "interval_high",
        "difference",
        "relative",
        "word",
    ]);
    for of in beside {
        for cell in &of.cells {
            table.push(vec![
                of.comparison.table.clone(),
                of.kind.to_string(),
                cell.row.clone(),
                cell.column.clone(),
                cell.trial.clone(),
                cell.metric.clone(),
                cell.published.to_string(),
                cell.ours.map_or(0, |ours| ours.n).to_string(),
                optional(cell.ours.map(|ours| ours.mean)),
                optional(cell.ours.and_then(|ours| ours.sd)),
                optional(cell.interval.map(|interval| interval.low)),
                optional(cell.interval.map(|interval| interval.high)),
                optional(cell.difference),
                optional(cell.relative),
                cell.word.to_string(),
            ]);
        }
    }
    table
}

/// One row per run, on every machine.
pub(super) fn runs(experiment: &Experiment, records: &[Record]) -> Table {
    let before = ["spec", "profile", "machine_class", "trial", "seed"];
    let after = [
        "epochs",
        "parameters",
        "seconds_total",
        "p50_us",
        "p99_us",
        "peak_rss_bytes",
        "device",
        "threads",
        "run_digest",
        "weights_digest",
    ];
    let metrics = experiment.metrics.iter().map(|metric| &*metric.name);
    let names: Vec<&str> = before.into_iter().chain(metrics.clone()).chain(after).collect();
    let mut table = table(&names);
    for record in records {
        let mut row = vec![
            record.spec.clone(),
            record.profile.clone(),
            record.machine.class.clone(),
            record.trial.clone(),
            record.seed.to_string(),
        ];
        row.extend(metrics.clone().map(|metric| optional(record.metrics.get(metric))));
        row.extend([
            record.epochs_run.to_string(),
            record.parameter_count.to_string(),
            record.seconds["total"].to_string(),
            optional(record.latency.as_ref().map(|latency| latency.p50_us)),
            optional(record.latency.as_ref().map(|latency| latency.p99_us)),
            optional(record.memory.peak_rss_bytes),
            record.device.clone(),
            record.threads.to_string(),
            record.digests.run.to_string(),
            record.digests.weights.to_string(),
        ]);
        table.push(row);
    }
    table
}

pub(super) fn table(names: &[&str]) -> Table {
    Table::new("", names.iter().map(|name| ((*name).to_string(), Align::Left)))
}

/// Empty for none.
pub(super) fn optional(value: Option<impl ToString>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}
