//! `REPORT.md`.

use std::collections::BTreeSet;

use super::beside::Beside;
use super::figures::Figure;
use super::number::{METRIC, count};
use super::{Align, Experiment, Table, claims, curves, summary};
use crate::compare::{Finding, Verdict, Word};
use crate::record::{Checked, Record, Runs};

pub(super) fn page(
    experiment: &Experiment,
    runs: &Runs,
    records: &Checked,
    findings: &[Finding],
    beside: &[Beside],
    figures: &[Figure],
) -> String {
    let mut parts = vec![
        format!("# {}", experiment.title),
        format!(
            "Spec `{}`, profile `{}`. Made by `{}`; do not edit.",
            experiment.spec, experiment.profile, experiment.command
        ),
    ];
    if !findings.is_empty() {
        parts.push("## What the paper claims".into());
        parts.push(format!("{} claims: {}.", findings.len(), claims::tally(findings)));
        parts.push(claims::verdicts(findings).markdown());
        parts.push(Verdict::ALL.iter().map(|verdict| format!("* *{verdict}*: {}.\n", verdict.rule())).collect());
        parts.push(
            "What each inequality stands on: the difference paired over seeds, its mean ± standard deviation, the t \
             interval of the mean over seeds, the bootstrap interval over queries with each query's mean over seeds, and \
             the paper's own difference."
                .into(),
        );
        parts.push(claims::evidence(experiment, findings).markdown());
    }
    parts.push("## Result".into());
    if runs.class.is_none() {
        parts.push("There is no current record yet.".into());
    } else {
        parts.push(summary(experiment, runs).markdown());
        parts.push(
            "Mean ± standard deviation over seeds. *Training* is the whole run without evaluation and checkpoints; \
             *request* is one query: encode, score all items, take the best."
                .into(),
        );
        parts.extend(sampled(experiment));
    }
    if let Some(figure) = figures.iter().find(|figure| figure.file == "quality.svg") {
        parts.push(picture(figure));
    }
    if !beside.is_empty() {
        parts.push("## Beside the published tables".into());
        parts.push(words());
        beside.iter().for_each(|of| comparison(experiment, of, &mut parts));
    }
    let others: Vec<_> = figures.iter().filter(|figure| figure.file != "quality.svg").collect();
    if !others.is_empty() {
        parts.push("## Learning and size".into());
        parts.extend(others.into_iter().map(picture));
        for curve in &experiment.curves {
            let table = curves::table(experiment, runs, curve);
            if !table.rows.is_empty() {
                parts.push(format!("{} at some epochs:", table.title));
                parts.push(table.markdown());
            }
        }
    }
    if !experiment.analysis.trim().is_empty() {
        parts.push("## Analysis".into());
        parts.push(experiment.analysis.trim().into());
    }
    if !experiment.notes.is_empty() {
        parts.push("## Notes".into());
        parts.push(experiment.notes.iter().map(|note| format!("* {note}\n")).collect());
    }
    parts.push("## How it was measured".into());
    measured(experiment, runs, &mut parts);
    if runs.class.is_some() {
        parts.push("## Every run".into());
        parts.push(every_run(experiment, runs).markdown());
    }
    parts.extend(stale(records));
    let parts: Vec<_> = parts.iter().map(|part| part.trim_end()).collect();
    parts.join("\n\n") + "\n"
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

fn picture(figure: &Figure) -> String {
    format!("![{}]({})\n\n{}", figure.caption, figure.file, figure.caption)
}

/// What the words mean, from where the rule is.
fn words() -> String {
    Word::ALL.iter().map(|word| format!("* *{word}*: {}.\n", word.rule())).collect()
}

fn comparison(experiment: &Experiment, of: &Beside, parts: &mut Vec<String>) {
    parts.push(format!("### `{}` ({})", of.comparison.table, of.kind));
    let sources: Vec<_> = of.sources.iter().map(|source| format!("`{source}`")).collect();
    parts.push(format!("{}. Copied from {}.", capital(of.caption), sources.join(", ")));
    parts.extend(of.note.map(|note| format!("{}.", capital(note))));
    if let Some(reason) = &of.comparison.not_comparable {
        parts.push(format!("Not comparable: {reason}"));
    }
    parts.push(format!("{} cells: {}.", of.cells.len(), of.tally()));
    parts.push(of.cells_table(experiment).markdown());
    if !of.effects.is_empty() {
        parts.push(
            "Effects, paired over seeds. An effect of ours is real if zero lies outside the interval of our mean. The \
             word is that of the published effect beside the interval for one more run, widened by a whole unit \
             because both printed figures are rounded."
                .into(),
        );
        parts.push(of.effects_table().markdown());
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn measured(experiment: &Experiment, runs: &Runs, parts: &mut Vec<String>) {
    if !experiment.setting.is_empty() {
        parts.push(experiment.setting.iter().map(|(what, how)| format!("* **{what}**: {how}\n")).collect());
    }
    let mut metrics = Table::new("", ["Metric", "Definition", "Ties"].map(|name| (name.to_string(), Align::Left)));
    for metric in &experiment.metrics {
        metrics.push(vec![experiment.marked(&metric.name), metric.formula.clone(), metric.ties.clone()]);
    }
    parts.push(metrics.markdown());
    if let Some(apart) = ties_matter(runs) {
        parts.push(apart);
    }
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
    if !runs.others.is_empty() {
        facts.push((
            "Also measured on, not in the tables above",
            runs.others.iter().map(|class| format!("`{class}`")).collect::<Vec<_>>().join(", "),
        ));
    }
    if runs.class.is_some() {
        parts.push(facts.iter().map(|(what, values)| format!("* **{what}**: {values}\n")).collect());
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
            table.push(row);
        }
    }
    table
}

fn stale(records: &Checked) -> Option<String> {
    if records.stale.is_empty() {
        return None;
    }
    let lines = records
        .stale
        .iter()
        .map(|stale| format!("* `{}` seed {} on `{}`: {}\n", stale.id.trial, stale.id.seed, stale.id.class, stale.why));
    Some(format!(
        "## Stale records\n\nNot of today's spec or data; listed, never compared.\n\n{}",
        lines.collect::<String>()
    ))
}
