//! How the results of a spec were measured: setting, definitions, machines, and every run.

use std::collections::BTreeSet;

use super::basis::Basis;
use super::block::PageBlock;
use super::text::{METRIC, NONE, count, external, marked};
use crate::metrics::Definition;
use crate::record::{QueryRanks, Record, Runs};
use crate::spec::Spec;
use crate::table::{Align, Table};

/// How many held-out items depend on the order of interactions at one time, and what ordered those.
fn time_ties(record: &Record) -> String {
    let Some(ties) = &record.time_ties else { return "not counted".into() };
    let of_all = |ranks: &QueryRanks| match &ranks.targets {
        Some(targets) => Some(targets.iter().map(|n| u64::from(*n)).sum()),
        None => record.queries(),
    };
    let all = record.ranks.as_ref().and_then(of_all).map_or(String::new(), |all| format!(" of {}", count(all)));
    format!(
        "{}{all} test items and {} validation items have the time of an item beside them on which the cut or the question \
         hangs; `{}` decided",
        count(ties.test),
        count(ties.validation),
        ties.by
    )
}

/// Appends the sections on the setting, the definitions, the machines and the single runs.
pub(super) fn blocks(basis: &Basis, runs: &Runs, blocks: &mut Vec<PageBlock>) {
    let (spec, manifest) = (basis.spec, basis.manifest);
    blocks.push(PageBlock::Heading(2, "How it was measured".into()));
    let mut setting = vec![
        ("Dataset", format!("`{}`: {}", manifest.id, manifest.title)),
        ("Licence", format!("{}: {}", manifest.licence.name, manifest.licence.terms)),
    ];
    setting.extend(spec.events.describe().map(|events| ("Events", events)));
    setting.extend([("Split", spec.split.describe()), ("Candidates", spec.protocol.candidates.describe())]);
    blocks.push(list(&setting));
    let mut metrics = Table::new("", ["Metric", "Definition", "Ties"].map(|name| (name, Align::Left)));
    for metric in &spec.protocol.metrics {
        let formula = metric.definition().formula();
        let ties = if metric.definition() == Definition::LogLoss { "none" } else { spec.protocol.candidates.ties() };
        metrics.push(vec![marked(&spec.protocol, metric), formula.into(), ties.into()]);
    }
    blocks.push(PageBlock::Table(metrics));
    blocks.extend(ties_matter(runs).map(PageBlock::Text));
    if runs.arithmetic.is_none() {
        return;
    }
    let mut facts = vec![
        ("Data (raw files)", distinct(runs, |record| record.digests.data.short())),
        ("Dataset (prepared)", distinct(runs, |record| record.digests.dataset.short())),
        ("Split", distinct(runs, |record| record.digests.split.short())),
    ];
    facts.extend([
        ("Machine class", timed(runs, |record| record.machine.class.clone())),
        ("Machine", timed(runs, machine)),
        ("Device", own(runs, |record| record.device.clone())),
        ("Threads", timed(runs, |record| record.threads.to_string())),
        ("Program", distinct(runs, program)),
        ("Command", distinct(runs, |record| record.command.clone())),
    ]);
    facts.retain(|(_, how)| !how.is_empty());
    if let Some(lists) = external(runs.all()) {
        facts.push(("Lists of other programs", lists));
    }
    if runs.all().any(|record| record.time_ties.is_some()) {
        facts.push(("Ties in time", distinct(runs, time_ties)));
    }
    if !runs.others.is_empty() {
        facts.push((
            "Also measured on, not in the tables above",
            runs.others.iter().map(|other| format!("`{other}`")).collect::<Vec<_>>().join(", "),
        ));
    }
    blocks.push(list(&facts));
    blocks.push(PageBlock::Heading(2, "Every run".into()));
    blocks.push(PageBlock::Table(every_run(spec, runs)));
}

/// A list of facts: what, and how it is.
fn list(facts: &[(&str, String)]) -> PageBlock<'static> {
    PageBlock::list(facts.iter().map(|(what, how)| format!("**{what}**: {how}")))
}

/// The distinct values of the runs that this program trained, in their order.
fn own(runs: &Runs, of: impl Fn(&Record) -> String) -> String {
    let values: BTreeSet<_> = runs.all().filter(|record| !record.is_external()).map(of).collect();
    values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}

/// The distinct values of the runs that were timed here, in their order.
fn timed(runs: &Runs, of: impl Fn(&Record) -> String) -> String {
    let values: BTreeSet<_> = runs.all().filter(|record| record.is_timed()).map(of).collect();
    values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}

/// The distinct values of all runs, in their order.
fn distinct(runs: &Runs, of: impl Fn(&Record) -> String) -> String {
    let values: BTreeSet<_> = runs.all().map(of).collect();
    values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}

fn machine(record: &Record) -> String {
    let machine = &record.machine;
    let mut parts = vec![machine.cpu.clone().unwrap_or_else(|| "unknown processor".into())];
    parts.push(format!("{} logical processors", machine.cores));
    parts.extend(machine.memory_bytes.map(|bytes| format!("{:.0} GiB", bytes as f64 / f64::from(1 << 30))));
    parts.push(machine.os.clone());
    parts.push(machine.simd.join(" "));
    parts.join(", ")
}

fn program(record: &Record) -> String {
    let program = &record.program;
    let commit = program.commit.as_ref().map_or(String::new(), |commit| format!(" at {commit}"));
    let dirty = if program.dirty == Some(true) { " with local changes" } else { "" };
    format!("{}{commit}{dirty}", program.version)
}

/// The largest change of a metric if ties were decided against the model.
fn ties_matter(runs: &Runs) -> Option<String> {
    let gaps = runs
        .all()
        .flat_map(|record| record.metrics.iter().map(|(name, value)| (value - record.pessimistic[name]).abs()));
    let widest = gaps.fold(None, |widest: Option<f64>, gap| Some(widest.map_or(gap, |widest| widest.max(gap))))?;
    Some(if widest == 0.0 {
        "Every tie decided against the model gives the same values.".into()
    } else {
        format!("Every tie decided against the model changes a value by {widest:.6} at most.")
    })
}

/// One row for each run.
fn every_run(spec: &Spec, runs: &Runs) -> Table {
    let metrics: Vec<String> = spec.protocol.metrics.iter().map(ToString::to_string).collect();
    let right = metrics.iter().map(|metric| marked(&spec.protocol, metric));
    let right = right.chain(["Epochs", "Parameters", "Seconds"].map(String::from)).map(|name| (name, Align::Right));
    let first = [("Trial".to_string(), Align::Left), ("Seed".to_string(), Align::Right)];
    let last = ["Run", "Weights"].map(|name| (name.to_string(), Align::Left));
    let columns = first.into_iter().chain(right).chain(last);
    let mut table = Table::new("Every run", columns);
    for trial in &spec.trials {
        for record in runs.trial(&trial.id) {
            let mut row = vec![trial.label.clone(), record.seed.to_string()];
            let value = |metric| record.metrics.get(metric).map_or(String::new(), |value| format!("{value:.METRIC$}"));
            row.extend(metrics.iter().map(value));
            let total = record.seconds.get("total");
            row.extend([
                record.epochs_run.map_or(NONE.into(), |epochs| epochs.to_string()),
                record.parameter_count.map_or(NONE.into(), count),
                total.map_or(NONE.into(), |seconds| format!("{seconds:.1}")),
            ]);
            let weights = record.digests.weights.as_ref().map(|digest| format!("`{}`", digest.short()));
            let lists = record.digests.lists.as_ref().map(|digest| format!("lists `{}`", digest.short()));
            row.extend([format!("`{}`", record.digests.run.short()), weights.or(lists).unwrap_or(NONE.into())]);
            table.push_of(&trial.id, row);
        }
    }
    table
}
