//! What stands in the report of one spec.

use std::collections::BTreeSet;

use super::beside::Beside;
use super::block::Block;
use super::figures::QUALITY;
use super::number::{METRIC, count};
use super::{Align, Experiment, Report, Table, claims, curves, latency, overview, periods, summary};
use crate::compare::{Finding, Verdict, Word};
use crate::record::{Checked, LatencyRecord, QueryRanks, Record, Runs, Stale};

/// The blocks of a report.
pub(super) fn page<'a>(report: &'a Report<'_>) -> Vec<Block<'a>> {
    let Report { experiment, runs, records, beside, findings, figures, .. } = report;
    let mut blocks = vec![
        Block::Heading(1, experiment.title.clone()),
        Block::Text(format!(
            "Spec `{}`, profile `{}`. Made by `{}`; do not edit.",
            experiment.spec, experiment.profile, experiment.command
        )),
    ];
    if !findings.is_empty() {
        claimed(experiment, findings, &mut blocks);
    }
    blocks.push(Block::Heading(2, "Result".into()));
    if runs.arithmetic.is_none() {
        blocks.push(Block::Text("There is no current record yet.".into()));
    } else {
        blocks.push(Block::Table(summary(experiment, runs)));
        blocks.push(Block::Text(format!(
            "Mean ± standard deviation over seeds. *Training* is the whole run without evaluation and checkpoints; \
             *request* is one query, asked within the run, right after training: encode, score all items, take the \
             best.{}",
            whose_times(runs)
        )));
        blocks.extend(sampled(experiment).map(Block::Text));
    }
    blocks.extend(figures.iter().find(|figure| figure.file == QUALITY).map(Block::Figure));
    periods::blocks(experiment, runs, figures, &mut blocks);
    if !beside.is_empty() {
        blocks.push(Block::Heading(2, "Beside the published tables".into()));
        blocks.push(Block::list(Word::ALL.iter().map(|word| format!("*{word}*: {}.", word.rule()))));
        beside.iter().for_each(|of| comparison(experiment, of, &mut blocks));
    }
    let elsewhere = |file: &str| file == QUALITY || file.starts_with(periods::FIGURES);
    let others: Vec<_> = figures.iter().filter(|figure| !elsewhere(&figure.file)).collect();
    if !others.is_empty() || !records.latency.is_empty() {
        blocks.push(Block::Heading(2, "Learning, size and latency".into()));
        served(experiment, &records.latency, &mut blocks);
        blocks.extend(others.into_iter().map(Block::Figure));
        for curve in &experiment.curves {
            let table = curves::table(experiment, runs, curve);
            if !table.rows.is_empty() {
                blocks.push(Block::Text(format!("{} at some epochs:", table.title)));
                blocks.push(Block::Table(table));
            }
        }
    }
    if !experiment.analysis.trim().is_empty() {
        blocks.push(Block::Heading(2, "Analysis".into()));
        blocks.push(Block::Text(experiment.analysis.trim().into()));
    }
    if !experiment.notes.is_empty() {
        blocks.push(Block::Heading(2, "Notes".into()));
        blocks.push(Block::list(experiment.notes.iter().cloned()));
    }
    blocks.push(Block::Heading(2, "How it was measured".into()));
    measured(experiment, runs, &mut blocks);
    if runs.arithmetic.is_some() {
        blocks.push(Block::Heading(2, "Every run".into()));
        blocks.push(Block::Table(every_run(experiment, runs)));
    }
    stale(records, &mut blocks);
    blocks
}

/// Times mean something beside times of the same machine only.
fn whose_times(runs: &Runs) -> String {
    let Some(timed) = runs.timed else { return String::new() };
    let all = runs.all().count();
    let trained = runs.all().filter(|record| runs.is_timed(record)).count();
    let asked = runs.all().filter(|record| runs.is_on_the_processor(record)).count();
    let (cpu, threads) = (timed.cpu.unwrap_or("an unknown processor"), timed.threads);
    let plural = if threads == 1 { "" } else { "s" };
    let mut text = format!(" Times are of {cpu}, those of training with {threads} thread{plural}");
    if asked < all {
        text += &format!(" ({trained} of {all} runs; of requests {asked})");
    } else if trained < all {
        text += &format!(" ({trained} of {all} runs)");
    }
    text + "."
}

fn claimed(experiment: &Experiment, findings: &[Finding], blocks: &mut Vec<Block>) {
    blocks.push(Block::Heading(2, "What the paper claims".into()));
    blocks.push(Block::Text(format!("{} claims: {}.", findings.len(), claims::tally(findings))));
    blocks.push(Block::Table(claims::verdicts(findings)));
    blocks.push(Block::list(Verdict::ALL.iter().map(|verdict| format!("*{verdict}*: {}.", verdict.rule()))));
    blocks.push(Block::Text(
        "What each inequality stands on: the difference paired over seeds, its mean ± standard deviation, the t \
         interval of the mean over seeds, the bootstrap interval over queries with each query's mean over seeds, and \
         the paper's own difference."
            .into(),
    ));
    blocks.push(Block::Table(claims::evidence(experiment, findings)));
}

fn sampled(experiment: &Experiment) -> Option<String> {
    experiment.sampled.map(|negatives| {
        format!(
            "† sampled: each target is ranked against {negatives} negatives drawn at random, not against all items. \
             Such values are higher than those of full ranking and may order models otherwise; compare them only with \
             values of the same protocol."
        )
    })
}

fn comparison(experiment: &Experiment, of: &Beside, blocks: &mut Vec<Block>) {
    blocks.push(Block::Heading(3, format!("`{}` ({})", of.comparison.table, of.kind)));
    let sources: Vec<_> = of.sources.iter().map(|source| format!("`{source}`")).collect();
    let mut texts = vec![format!("{}. Copied from {}.", capital(of.caption), sources.join(", "))];
    texts.extend(of.note.map(|note| format!("{}.", capital(note))));
    texts.extend(of.reading());
    if let Some(reason) = &of.comparison.not_comparable {
        texts.push(format!("Not comparable: {reason}"));
    }
    texts.push(told(of.of_runs().map(|cell| cell.word), "cells"));
    blocks.extend(texts.into_iter().map(Block::Text));
    blocks.push(Block::Table(of.cells_table(experiment)));
    if let Some(table) = of.periods_table(experiment) {
        let words = of.cells.iter().filter(|cell| cell.over.period().is_some()).map(|cell| cell.word);
        blocks.push(Block::Text(format!("Period by period, means over seeds. {}", told(words, "cells"))));
        blocks.push(Block::Table(table));
    }
    if !of.effects.is_empty() {
        blocks.push(Block::Text(
            "Effects, paired over seeds. An effect of ours is real if zero lies outside the interval of our mean; where \
             no seed changes anything there is none. The \
             word is that of the published effect beside the interval for one more run, widened by a whole unit \
             because both printed figures are rounded."
                .into(),
        ));
        blocks.push(Block::Table(of.effects_table()));
        if let Some(table) = of.period_effects_table() {
            let words = of.effects.iter().filter(|effect| effect.over.period().is_some()).map(|effect| effect.word);
            blocks.push(Block::Text(format!("Period by period, means over seeds. {}", told(words, "effects"))));
            blocks.push(Block::Folded("Effects period by period".into(), table));
        }
    }
}

/// How many got each word: `16 cells: 12 *matches*, 4 *close*.`
fn told(words: impl Iterator<Item = Word>, of: &str) -> String {
    let words: Vec<_> = words.collect();
    format!("{} {of}: {}.", words.len(), overview::tally(words))
}

fn served(experiment: &Experiment, records: &[LatencyRecord], blocks: &mut Vec<Block>) {
    let Some(host) = latency::Host::of_most(records) else { return };
    let [one, all] = latency::latency_tables(experiment, host, records);
    if one.rows.is_empty() {
        return;
    }
    let shown = || experiment.trials.iter().flat_map(|trial| latency::shown(host, records, &trial.id));
    let words = |of: fn(&LatencyRecord) -> String| {
        let values: BTreeSet<_> = shown().map(of).collect();
        values.into_iter().collect::<Vec<_>>().join(", ")
    };
    blocks.push(Block::Table(one));
    blocks.push(Block::Text(format!(
        "Measured by themselves, with no training beside them. *Time* is of one request, which comes alone and is \
         answered by one CPU thread: encode the query, score all items, take the best {}; *queries/s* is of batches, on \
         {} threads. Ratios are in per cent of the teacher. {} Processor: {}. Device: {}. Seeds: {}. \
         Made by {}.",
        crate::meter::TOP,
        words(|record| record.batch.threads.to_string()),
        if shown().any(latency::on_gpu) {
            "On a GPU the device scores, and the CPU encodes and takes the best."
        } else {
            "Nothing was measured on a GPU."
        },
        host.processor.map_or("not known".into(), |name| format!("`{name}`")),
        words(|record| format!("`{}`", record.device)),
        words(|record| record.seed.to_string()),
        words(|record| format!("`{}`", record.command)),
    )));
    blocks.push(Block::Table(all));
    blocks.push(Block::Text(
        "Seconds to rank for all queries at once: their number by the *queries/s* above. They are the users that have \
         training items; a model too slow for that many in a few seconds was measured on fewer."
            .into(),
    ));
}

fn capital(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// How many held-out items a tie in time chose, and what decided it.
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

fn measured(experiment: &Experiment, runs: &Runs, blocks: &mut Vec<Block>) {
    let facts_of =
        |facts: Vec<(&str, String)>| Block::list(facts.iter().map(|(what, how)| format!("**{what}**: {how}")));
    if !experiment.setting.is_empty() {
        blocks.push(facts_of(experiment.setting.iter().map(|(what, how)| (&**what, how.clone())).collect()));
    }
    let mut metrics = Table::new("", ["Metric", "Definition", "Ties"].map(|name| (name.to_string(), Align::Left)));
    for metric in &experiment.metrics {
        metrics.push(vec![experiment.marked(&metric.name), metric.formula.clone(), metric.ties.clone()]);
    }
    blocks.push(Block::Table(metrics));
    blocks.extend(ties_matter(runs).map(Block::Text));
    let mut facts = vec![
        ("Data (raw files)", distinct(runs, |record| record.digests.data.short())),
        ("Dataset (prepared)", distinct(runs, |record| record.digests.dataset.short())),
        ("Split", distinct(runs, |record| record.digests.split.short())),
        ("Machine class", distinct(runs, |record| record.machine.class.clone())),
        ("Machine", distinct(runs, machine)),
        ("Device", distinct(runs, |record| record.device.clone())),
        ("Threads", distinct(runs, |record| record.threads.to_string())),
        ("Program", distinct(runs, program)),
        ("Command", distinct(runs, |record| record.command.clone())),
    ];
    if runs.all().any(|record| record.time_ties.is_some()) {
        facts.push(("Ties in time", distinct(runs, time_ties)));
    }
    if !runs.others.is_empty() {
        facts.push((
            "Also measured on, not in the tables above",
            runs.others.iter().map(|other| format!("`{other}`")).collect::<Vec<_>>().join(", "),
        ));
    }
    if runs.arithmetic.is_some() {
        blocks.push(facts_of(facts));
    }
}

/// The distinct values of all runs, in order.
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

/// How much the other tie rule would change, at most.
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

fn every_run(experiment: &Experiment, runs: &Runs) -> Table {
    let mut columns = vec![("Trial".to_string(), Align::Left), ("Seed".to_string(), Align::Right)];
    columns.extend(experiment.metrics.iter().map(|metric| (experiment.marked(&metric.name), Align::Right)));
    columns.extend(["Epochs", "Parameters", "Seconds"].map(|name| (name.to_string(), Align::Right)));
    columns.extend(["Run", "Weights"].map(|name| (name.to_string(), Align::Left)));
    let mut table = Table::new("Every run", columns);
    for trial in &experiment.trials {
        for record in runs.trial(&trial.id) {
            let mut row = vec![trial.label.clone(), record.seed.to_string()];
            for metric in &experiment.metrics {
                row.push(record.metrics.get(&metric.name).map_or(String::new(), |value| format!("{value:.METRIC$}")));
            }
            row.extend([
                record.epochs_run.to_string(),
                count(record.parameter_count),
                format!("{:.1}", record.seconds["total"]),
            ]);
            row.extend([&record.digests.run, &record.digests.weights].map(|digest| format!("`{}`", digest.short())));
            table.push_of(&trial.id, row);
        }
    }
    table
}

fn stale(records: &Checked, blocks: &mut Vec<Block>) {
    if records.stale.is_empty() {
        return;
    }
    blocks.push(Block::Heading(2, "Stale records".into()));
    blocks.push(Block::Text("Not of today's spec or data; listed, never compared.".into()));
    let line = |stale: &Stale| {
        format!("`{}` seed {} on `{}`: {}", stale.id.trial, stale.id.seed, stale.id.arithmetic, stale.why)
    };
    blocks.push(Block::list(records.stale.iter().map(line)));
}
