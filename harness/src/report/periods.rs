//! Runs over a stream of periods, period by period.

use std::collections::BTreeSet;

use super::block::PageBlock;
use super::csv_files::{self, optional};
use super::figure::{Figure, OF_PERIODS};
use super::text::{METRIC, NONE, SECONDS, count, in_units, marked, mean_sd, number};
use crate::compare::{Measurements, Scope};
use crate::metrics::{Metric, Protocol};
use crate::record::{Record, Runs};
use crate::spec::{Measure, Spec};
use crate::table::{Align, Table};

/// Appends the section on periods; nothing for runs over none.
pub(super) fn blocks<'a>(spec: &Spec, ours: &Measurements, figures: &'a [Figure], blocks: &mut Vec<PageBlock<'a>>) {
    let (tested, Some(metric)) = (ours.runs.tested_periods(), spec.protocol.metrics.first()) else { return };
    if tested.is_empty() {
        return;
    }
    blocks.push(PageBlock::Heading(2, "Period by period".into()));
    blocks.push(PageBlock::Text(format!(
        "Each period is learnt from what came before it and tested on itself; the metrics above are plain means over the \
         {} that were tested. Here {}, mean ± standard deviation over seeds.",
        tested.len(),
        marked(&spec.protocol, metric)
    )));
    blocks.push(PageBlock::Table(values(spec, ours, *metric, &tested)));
    blocks.extend(durations(spec, &ours.runs).map(PageBlock::Table));
    blocks.extend(figures.iter().filter(|figure| figure.file.starts_with(OF_PERIODS)).map(PageBlock::Figure));
    let title = "What each period was, of the first seed of each trial";
    blocks.push(PageBlock::Folded(title.into(), facts(spec, &ours.runs)));
}

/// A metric: a row for each trial, a column for each period.
fn values(spec: &Spec, ours: &Measurements, metric: Metric, tested: &[u64]) -> Table {
    let right = ["Seeds".to_string(), "Mean".to_string()].into_iter().chain(tested.iter().map(u64::to_string));
    let columns = [("Trial".to_string(), Align::Left)].into_iter().chain(right.map(|name| (name, Align::Right)));
    let mut table = Table::new("", columns);
    for trial in &spec.trials {
        let text = |scope| mean_sd(ours.summary(&trial.id, Measure::Metric(metric), scope), METRIC);
        let mut row = vec![trial.label.clone(), ours.runs.trial(&trial.id).len().to_string(), text(Scope::Run)];
        row.extend(tested.iter().map(|&number| text(Scope::Period(number as usize))));
        table.push_of(&trial.id, row);
    }
    table
}

/// Seconds that training for one period takes: the mean over those that are tested, and the last, on the processor whose
/// times are shown. `None` where no run has them.
fn durations(spec: &Spec, runs: &Runs) -> Option<Table> {
    let columns =
        [("Training for one period", Align::Left), ("Mean over the tested", Align::Right), ("Last", Align::Right)];
    let mut table = Table::new("", columns);
    for trial in &spec.trials {
        let of = |pick: fn(&[f64]) -> f64| {
            runs.summary(&trial.id, |record| {
                let periods = record.tested_periods().map(|period| period.training_seconds);
                let seconds = periods.collect::<Option<Vec<f64>>>().filter(|_| runs.is_timed(record))?;
                (!seconds.is_empty()).then(|| pick(&seconds))
            })
        };
        let mean = of(|seconds| seconds.iter().sum::<f64>() / seconds.len() as f64);
        if mean.is_some() {
            let last = of(|seconds| seconds[seconds.len() - 1]);
            table.push_of(&trial.id, vec![trial.label.clone(), in_units(mean, SECONDS), in_units(last, SECONDS)]);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Names of all facts that methods report of periods.
fn names<'a>(records: impl Iterator<Item = &'a Record>) -> BTreeSet<&'a str> {
    records.flat_map(|record| &record.periods).flat_map(|period| period.facts.keys().map(String::as_str)).collect()
}

/// Size and training of each period, of the first seed of each trial.
fn facts(spec: &Spec, runs: &Runs) -> Table {
    let names = names(runs.all());
    let columns = [("Trial", Align::Left)].into_iter().chain(
        ["Seed", "Period", "Items", "Queries", "Epochs", "Selected (from 0)", "Seconds"]
            .into_iter()
            .chain(names.iter().copied())
            .map(|name| (name, Align::Right)),
    );
    let mut table = Table::new("", columns);
    for trial in &spec.trials {
        let Some(record) = runs.trial(&trial.id).first() else { continue };
        for period in &record.periods {
            let mut row = vec![
                trial.label.clone(),
                record.seed.to_string(),
                if period.warm_up { format!("{} (warm-up)", period.period) } else { period.period.to_string() },
                count(period.items),
                count(period.queries),
                period.epochs_run.map_or(NONE.into(), |epochs| epochs.to_string()),
                period.selected.map_or(NONE.into(), |epoch| epoch.to_string()),
                period.seconds.map_or(NONE.into(), |seconds| format!("{seconds:.1}")),
            ];
            row.extend(names.iter().map(|name| period.facts.get(*name).map_or(NONE.into(), |value| number(*value))));
            table.push_of(&trial.id, row);
        }
    }
    table
}

/// All periods of all runs for other programs, with all digits; `None` if no run has periods.
pub(super) fn csv(protocol: &Protocol, records: &[Record]) -> Option<Table> {
    let names = names(records.iter());
    let before = ["spec", "profile", "machine_class", "trial", "seed", "period", "items", "queries"];
    let after = ["epochs", "selected", "seconds"];
    let metrics: Vec<String> = protocol.metrics.iter().map(ToString::to_string).collect();
    let metrics = || metrics.iter().map(|metric| &**metric);
    // A column of its own where any run has such periods, which do not count in its means.
    let warm_up = records.iter().flat_map(|record| &record.periods).any(|period| period.warm_up);
    let columns = before.into_iter().chain(after).chain(metrics()).chain(names.iter().copied());
    let columns: Vec<&str> = columns.chain(warm_up.then_some("warm_up")).collect();
    let mut table = csv_files::table(&columns);
    for record in records {
        for period in &record.periods {
            let mut row = vec![
                record.spec.clone(),
                record.profile.clone(),
                record.machine.class.clone(),
                record.trial.clone(),
                record.seed.to_string(),
                period.period.to_string(),
                period.items.to_string(),
                period.queries.to_string(),
                optional(period.epochs_run),
                optional(period.selected.map(|epoch| epoch as f64)),
                optional(period.seconds),
            ];
            row.extend(metrics().map(|metric| optional(period.metrics.get(metric).copied())));
            row.extend(names.iter().map(|name| optional(period.facts.get(*name).copied())));
            row.extend(warm_up.then(|| period.warm_up.to_string()));
            table.push(row);
        }
    }
    Some(table).filter(|table| !table.rows.is_empty())
}
