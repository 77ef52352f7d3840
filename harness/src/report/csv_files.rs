//! Figures for other programs, with all their digits.

use super::beside::Beside;
use crate::metrics::Protocol;
use crate::record::Record;
use crate::table::{Align, Table};

/// One row for each published cell.
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
                of.matched.comparison.table.clone(),
                of.matched.kind.to_string(),
                cell.row.name.to_string(),
                cell.column.name.clone(),
                cell.row.trial.to_string(),
                cell.column.measure.to_string(),
                cell.published.to_string(),
                cell.ours.map_or(0, |ours| ours.n).to_string(),
                optional(cell.ours.map(|ours| ours.mean)),
                optional(cell.ours.and_then(|ours| ours.sd)),
                optional(cell.interval.map(|interval| interval.low)),
                optional(cell.interval.map(|interval| interval.high)),
                optional(cell.difference),
                optional(cell.relative),
                cell.agreement.to_string(),
            ]);
        }
    }
    table
}

/// One row for each run, on every machine.
pub(super) fn runs(protocol: &Protocol, records: &[Record]) -> Table {
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
    let metrics: Vec<String> = protocol.metrics.iter().map(ToString::to_string).collect();
    // A column of its own where any run is of lists that another program made.
    let external = records.iter().any(Record::is_external);
    let names = before.into_iter().chain(metrics.iter().map(|metric| &**metric)).chain(after);
    let names: Vec<&str> = names.chain(external.then_some("external_lists_digest")).collect();
    let mut table = table(&names);
    for record in records {
        let mut row = vec![
            record.spec.clone(),
            record.profile.clone(),
            record.machine.class.clone(),
            record.trial.clone(),
            record.seed.to_string(),
        ];
        row.extend(metrics.iter().map(|metric| optional(record.metrics.get(metric))));
        row.extend([
            optional(record.epochs_run),
            optional(record.parameter_count),
            optional(record.seconds.get("total")),
            optional(record.latency.as_ref().map(|latency| latency.p50_us)),
            optional(record.latency.as_ref().map(|latency| latency.p99_us)),
            optional(record.memory.peak_rss_bytes),
            record.device.clone(),
            record.threads.to_string(),
            record.digests.run.to_string(),
            optional(record.digests.weights),
        ]);
        row.extend(external.then(|| optional(record.digests.lists)));
        table.push(row);
    }
    table
}

/// A table with these columns, for a CSV file.
pub(super) fn table(names: &[&str]) -> Table {
    Table::new("", names.iter().map(|name| (*name, Align::Left)))
}

/// The value as text, which is empty if there is none.
pub(super) fn optional(value: Option<impl ToString>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}
