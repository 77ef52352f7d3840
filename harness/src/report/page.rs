//! The report of one spec, section by section.

use std::collections::BTreeSet;

use super::beside::Beside;
use super::block::PageBlock;
use super::contents::Report;
use super::figure::{ARCHITECTURES, OF_PERIODS, QUALITY};
use super::text::{external, negatives, tally};
use super::{claims, curves, facts, how_measured, latency, periods, summary};
use crate::compare::{Agreement, Finding, HostLatencies, Verdict};
use crate::metrics::Protocol;
use crate::record::{Checked, LatencyRecord, Origin, Runs, Stale};
use crate::spec::Spec;

/// The blocks of a report.
pub(super) fn page<'a>(report: &'a Report<'_>) -> Vec<PageBlock<'a>> {
    let Report { basis, ours, records, beside, findings, figures } = report;
    let (spec, runs) = (basis.spec, &ours.runs);
    let mut blocks = vec![
        PageBlock::Heading(1, spec.title.clone()),
        PageBlock::Text(format!(
            "Spec `{}`, profile `{}`. Made by `{}`; do not edit.",
            spec.id,
            spec.profile,
            report_command(spec)
        )),
    ];
    if !findings.is_empty() {
        claimed(spec, findings, &mut blocks);
    }
    blocks.push(PageBlock::Heading(2, "Result".into()));
    if !report.has_runs() {
        blocks.push(PageBlock::Text("There is no current record yet.".into()));
    } else {
        blocks.push(PageBlock::Table(summary::summary(spec, ours)));
        blocks.push(PageBlock::Text(format!(
            "Mean ± standard deviation over seeds. *Training* is the whole run without evaluation and checkpoints; \
             *request* is one query, asked within the run, right after training: encode, score all items, take the \
             best.{}",
            whose_times(runs)
        )));
        blocks.extend(sampled(&spec.protocol).map(PageBlock::Text));
        blocks.extend(external(runs.all()).map(|lists| {
            PageBlock::Text(format!(
                "{} Another program made the lists, which were judged here; {}. {lists}.",
                Origin::MARK.trim(),
                costs_of_others(runs)
            ))
        }));
    }
    blocks.extend(figures.iter().find(|figure| figure.file == QUALITY).map(PageBlock::Figure));
    periods::blocks(spec, ours, figures, &mut blocks);
    facts::blocks(spec, runs, figures, &mut blocks);
    if !beside.is_empty() {
        blocks.push(PageBlock::Heading(2, "Beside the published tables".into()));
        blocks.push(PageBlock::list(Agreement::ALL.iter().map(|word| format!("*{word}*: {}.", word.rule()))));
        beside.iter().for_each(|of| comparison(spec, of, &mut blocks));
    }
    let elsewhere = |file: &str| [QUALITY, ARCHITECTURES].contains(&file) || file.starts_with(OF_PERIODS);
    let others: Vec<_> = figures.iter().filter(|figure| !elsewhere(&figure.file)).collect();
    if !others.is_empty() || ours.latencies.is_some() {
        blocks.push(PageBlock::Heading(2, "Learning, size and latency".into()));
        if let Some(latencies) = &ours.latencies {
            served(spec, latencies, &mut blocks);
        }
        blocks.extend(others.into_iter().map(PageBlock::Figure));
        for (curve, logged) in spec.curves.iter().zip(&basis.curves) {
            let table = curves::table(spec, runs, curve, logged);
            if !table.rows.is_empty() {
                blocks.push(PageBlock::Text(format!("{} at some epochs:", table.title)));
                blocks.push(PageBlock::Table(table));
            }
        }
    }
    if !spec.analysis.trim().is_empty() {
        blocks.push(PageBlock::Heading(2, "Analysis".into()));
        blocks.push(PageBlock::Text(spec.analysis.trim().into()));
    }
    if let Some(paper) = spec.paper.as_ref().filter(|_| basis.has_notes) {
        blocks.push(PageBlock::Heading(2, "Notes".into()));
        // The path of the repository, so that the report reads the same wherever it is made.
        let folder = if spec.outside { String::new() } else { format!("reproductions/{paper}/") };
        let notes = format!("What is exact here, what differs and why: `{folder}NOTES.md`.");
        blocks.push(PageBlock::list([notes]));
    }
    how_measured::blocks(basis, runs, &mut blocks);
    stale(records, &mut blocks);
    blocks
}

/// What is known of the cost of lists of other programs.
fn costs_of_others(runs: &Runs) -> &'static str {
    let others = runs.all().filter_map(|record| record.lists.as_ref());
    let (ran, brought): (Vec<_>, Vec<_>) = others.partition(|lists| lists.ran.is_some());
    match (ran.is_empty(), brought.is_empty()) {
        (true, _) => "what they cost is not known",
        (false, true) => {
            "*training* is the time of the whole program, from its start to its end, and memory that of all its processes"
        }
        (false, false) => {
            "of those that were run here *training* is the time of the whole program, from its start to its end, and \
             memory that of all its processes; what others cost is not known"
        }
    }
}

/// The command that makes the report of a spec.
pub fn report_command(spec: &Spec) -> String {
    let profile = if spec.is_base_profile() { String::new() } else { format!(" --profile {}", spec.profile) };
    format!("reprise report {}{profile}", spec.argument())
}

/// Whose times the table shows: times of several machines do not compare.
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

fn claimed(spec: &Spec, findings: &[Finding], blocks: &mut Vec<PageBlock>) {
    blocks.push(PageBlock::Heading(2, "What the paper claims".into()));
    blocks.push(PageBlock::Text(format!("{} claims: {}.", findings.len(), claims::counts(findings))));
    blocks.push(PageBlock::Table(claims::verdicts(findings)));
    blocks.push(PageBlock::list(Verdict::ALL.iter().map(|verdict| format!("*{verdict}*: {}.", verdict.rule()))));
    blocks.push(PageBlock::Text(
        "What each inequality stands on: the difference paired over seeds, its mean ± standard deviation, the t \
         interval of the mean over seeds, the bootstrap interval over queries with each query's mean over seeds, and \
         the paper's own difference."
            .into(),
    ));
    blocks.push(PageBlock::Table(claims::evidence(spec, findings)));
}

/// A warning about metrics against sampled negatives.
fn sampled(protocol: &Protocol) -> Option<String> {
    negatives(protocol).map(|negatives| {
        format!(
            "† sampled: each target is ranked against {negatives} negatives drawn at random, not against all items. \
             Such values are higher than those of full ranking and may order models otherwise; compare them only with \
             values of the same protocol."
        )
    })
}

fn comparison(spec: &Spec, of: &Beside, blocks: &mut Vec<PageBlock>) {
    let matched = of.matched;
    blocks.push(PageBlock::Heading(3, format!("`{}` ({})", matched.comparison.table, matched.kind)));
    let sources: Vec<_> = matched.sources.iter().map(|source| format!("`{source}`")).collect();
    let mut texts = vec![format!("{}. Copied from {}.", capital(&matched.caption), sources.join(", "))];
    texts.extend(matched.note.iter().map(|note| format!("{}.", capital(note))));
    texts.extend(of.reading());
    if let Some(reason) = &matched.comparison.not_comparable {
        texts.push(format!("Not comparable: {reason}"));
    }
    texts.push(told(of.cells_of_runs().map(|cell| cell.agreement), "cells"));
    blocks.extend(texts.into_iter().map(PageBlock::Text));
    blocks.push(PageBlock::Table(of.cells_table(spec)));
    if let Some(table) = of.periods_table(spec) {
        let words = of.cells_of_periods().map(|cell| cell.agreement);
        blocks.push(PageBlock::Text(format!("Period by period, means over seeds. {}", told(words, "cells"))));
        blocks.push(PageBlock::Table(table));
    }
    if !of.effects.is_empty() {
        blocks.push(PageBlock::Text(
            "Effects, paired over seeds. An effect of ours is real if zero lies outside the interval of our mean; where \
             no seed changes anything there is none. The \
             word is that of the published effect beside the interval for one more run, widened by a whole unit \
             because both printed figures are rounded."
                .into(),
        ));
        blocks.push(PageBlock::Table(of.effects_table()));
        if let Some(table) = of.period_effects_table() {
            let words = of.effects_of_periods().map(|effect| effect.agreement);
            blocks.push(PageBlock::Text(format!("Period by period, means over seeds. {}", told(words, "effects"))));
            blocks.push(PageBlock::Folded("Effects period by period".into(), table));
        }
    }
}

/// How many figures there are, and how they agree: `16 cells: 12 *matches*, 4 *close*.`
fn told(words: impl Iterator<Item = Agreement>, of: &str) -> String {
    let words: Vec<_> = words.collect();
    format!("{} {of}: {}.", words.len(), tally(words))
}

fn served(spec: &Spec, latencies: &HostLatencies, blocks: &mut Vec<PageBlock>) {
    let mut tables = latency::latency_tables(spec, latencies).into_iter();
    let (Some(one), Some(all), impressions) = (tables.next(), tables.next(), tables.next()) else { return };
    if one.rows.is_empty() {
        return;
    }
    let shown = || spec.trials.iter().flat_map(|trial| latencies.trial(&trial.id));
    let words = |of: fn(&LatencyRecord) -> String| {
        let values: BTreeSet<_> = shown().map(of).collect();
        values.into_iter().collect::<Vec<_>>().join(", ")
    };
    blocks.push(PageBlock::Table(one));
    blocks.push(PageBlock::Text(format!(
        "Measured by themselves, with no training beside them. *Time* is of one request, which comes alone and is \
         answered by one CPU thread: encode the query, score all items, take the best {}; *queries/s* is of batches, on \
         {} threads. Ratios are in per cent of the teacher. {} Processor: {}. Device: {}. Seeds: {}. \
         Made by {}.",
        crate::meter::TOP,
        words(|record| record.batch.threads.to_string()),
        if spec.trials.iter().any(|trial| latencies.on_gpu(&trial.id).next().is_some()) {
            "On a GPU the device scores, and the CPU encodes and takes the best."
        } else {
            "Nothing was measured on a GPU."
        },
        latencies.processor.map_or("not known".into(), |name| format!("`{name}`")),
        words(|record| format!("`{}`", record.device)),
        words(|record| record.seed.to_string()),
        words(|record| format!("`{}`", record.command)),
    )));
    blocks.push(PageBlock::Table(all));
    blocks.push(PageBlock::Text(format!(
        "Seconds to rank for all queries at once: their number by the *queries/s* above. They are the {} that have \
         training items; a model too slow for that many in a few seconds was measured on fewer.",
        spec.split.askers()
    )));
    if let Some(impressions) = impressions {
        blocks.push(PageBlock::Table(impressions));
        blocks.push(PageBlock::Text(
            "One item is scored for the user of an impression, on one CPU thread; *impressions/s* is of all labelled pairs \
             of the last period, on all threads. The meta-model made the weights, and serving does not need it."
                .into(),
        ));
    }
}

/// The text with a capital first letter and no full stop at its end.
fn capital(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn stale(records: &Checked, blocks: &mut Vec<PageBlock>) {
    if records.stale.is_empty() {
        return;
    }
    blocks.push(PageBlock::Heading(2, "Stale records".into()));
    blocks.push(PageBlock::Text("Not of today's spec or data; listed, never compared.".into()));
    let line = |stale: &Stale| {
        format!("`{}` seed {} on `{}`: {}", stale.id.trial, stale.id.seed, stale.id.arithmetic, stale.why)
    };
    blocks.push(PageBlock::list(records.stale.iter().map(line)));
}
