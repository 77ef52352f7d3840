//! Runs over a stream of periods, period by period.

use std::collections::BTreeSet;

use super::block::Block;
use super::figures::Figure;
use super::number::{METRIC, NONE, count, mean_sd};
use super::{Align, Experiment, Table, csv_files};
use crate::record::{Record, Runs};

/// What the names of their figures begin with.
pub(super) const FIGURES: &str = "periods-";

/// What stands in the report of them; nothing for runs over no periods.
pub(super) fn blocks<'a>(experiment: &Experiment, runs: &Runs, figures: &'a [Figure], blocks: &mut Vec<Block<'a>>) {
    let (Some(tested), Some(metric)) = (runs.periods(), experiment.metrics.first()) else { return };
    blocks.push(Block::Heading(2, "Period by period".into()));
    blocks.push(Block::Text(format!(
        "Each period is learnt from what came before it and tested on itself; the metrics above are plain means over the \
         {tested} that were tested. Here {}, mean ± standard deviation over seeds.",
        experiment.marked(&metric.name)
    )));
    blocks.push(Block::Table(values(experiment, runs, &metric.name, tested)));
    blocks.extend(figures.iter().filter(|figure| figure.file.starts_with(FIGURES)).map(Block::Figure));
    blocks.push(Block::Folded("What each period was, of the first seed of each trial".into(), facts(experiment, runs)));
}

/// A row for each trial, a column for each period.
fn values(experiment: &Experiment, runs: &Runs, metric: &str, tested: usize) -> Table {
    let right = |name: String| (name, Align::Right);
    let columns = [("Trial".to_string(), Align::Left), right("Seeds".into()), right("Mean".into())];
    let mut table = Table::new("", columns.into_iter().chain((1..=tested).map(|period| right(period.to_string()))));
    for trial in &experiment.trials {
        let mut row = vec![trial.label.clone(), runs.trial(&trial.id).len().to_string()];
        row.push(mean_sd(runs.summary(&trial.id, |record| record.metrics.get(metric).copied()), METRIC));
        let in_period = |number: usize| {
            runs.summary(&trial.id, |record| {
                record.period(number).and_then(|period| period.metrics.get(metric)).copied()
            })
        };
        row.extend((1..=tested).map(|number| mean_sd(in_period(number), METRIC)));
        table.push_of(&trial.id, row);
    }
    table
}

/// Names of all facts that methods tell of periods.
fn names<'a>(records: impl Iterator<Item = &'a Record>) -> BTreeSet<&'a str> {
    records.flat_map(|record| &record.periods).flat_map(|period| period.facts.keys().map(String::as_str)).collect()
}

/// What a period was, of the first seed of each trial.
fn facts(experiment: &Experiment, runs: &Runs) -> Table {
    let names = names(runs.all());
    let columns = [("Trial", Align::Left)].into_iter().chain(
        ["Seed", "Period", "Items", "Queries", "Epochs", "Selected (from 0)", "Seconds"]
            .into_iter()
            .chain(names.iter().copied())
            .map(|name| (name, Align::Right)),
    );
    let mut table = Table::new("", columns.map(|(name, align)| (name.to_string(), align)));
    for trial in &experiment.trials {
        let Some(record) = runs.trial(&trial.id).first() else { continue };
        for period in &record.periods {
            let mut row = vec![
                trial.label.clone(),
                record.seed.to_string(),
                period.period.to_string(),
                count(period.items),
                count(period.queries),
                period.epochs_run.to_string(),
                period.selected.map_or(NONE.into(), |epoch| epoch.to_string()),
                format!("{:.1}", period.seconds),
            ];
            row.extend(names.iter().map(|name| period.facts.get(*name).map_or(NONE.into(), |value| short(*value))));
            table.push_of(&trial.id, row);
        }
    }
    table
}

/// A count as such, another number to four digits behind the point.
fn short(value: f64) -> String {
    if value.fract() == 0.0 && (0.0..1e15).contains(&value) { count(value as u64) } else { format!("{value:.4}") }
}

/// All periods of all runs for other programs, with all digits; `None` if there are none.
pub(super) fn csv(experiment: &Experiment, records: &[Record]) -> Option<Table> {
    let names = names(records.iter());
    let before = ["spec", "profile", "machine_class", "trial", "seed", "period", "items", "queries"];
    let after = ["epochs", "selected", "seconds"];
    let metrics = || experiment.metrics.iter().map(|metric| &*metric.name);
    let columns: Vec<&str> = before.into_iter().chain(after).chain(metrics()).chain(names.iter().copied()).collect();
    let mut table = csv_files::table(&columns);
    let optional = csv_files::optional;
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
                period.epochs_run.to_string(),
                optional(period.selected.map(|epoch| epoch as f64)),
                period.seconds.to_string(),
            ];
            row.extend(metrics().map(|metric| optional(period.metrics.get(metric).copied())));
            row.extend(names.iter().map(|name| optional(period.facts.get(*name).copied())));
            table.push(row);
        }
    }
    Some(table).filter(|table| !table.rows.is_empty())
}
