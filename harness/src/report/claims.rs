//! The paper's claims and what we say of them, as tables for people.

use super::number::{METRIC, NONE, mean_sd, signed};
use super::{Align, Experiment, Table};
use crate::compare::{Finding, Part};
use crate::spec::{Bound, Measure};
use crate::stats::Interval;

/// Digits behind the point of a ratio.
const RATIO: usize = 3;

/// One row per claim.
pub(super) fn verdicts(findings: &[Finding]) -> Table {
    let columns =
        [("Claim", Align::Left), ("As an inequality", Align::Left), ("Source", Align::Left), ("Verdict", Align::Left)];
    let columns = columns.into_iter().chain([("p (Holm)", Align::Right)]);
    let mut table = Table::new("", columns.map(|(name, align)| (name.to_string(), align)));
    for finding in findings {
        let of = finding.parts.first().map_or("", |part| part.inequality.a);
        table.push_of(
            of,
            vec![
                finding.claim.label.clone(),
                format!("`{}`", finding.claim.says),
                finding.claim.source.clone(),
                finding.verdict.to_string(),
                if finding.counted { "counted".into() } else { finding.p.map_or(NONE.into(), p_text) },
            ],
        );
    }
    table
}

/// One row per inequality: what we measured, and the paper's own effect.
pub(super) fn evidence(experiment: &Experiment, findings: &[Finding]) -> Table {
    let names = ["Inequality", "Of", "Ours", "Seeds", "Over seeds", "Over queries", "Paper", "Ours / paper"];
    let left = |index: usize| if index < 2 { Align::Left } else { Align::Right };
    let mut table = Table::new("", names.iter().enumerate().map(|(i, name)| ((*name).to_string(), left(i))));
    let mut seen = Vec::new();
    for part in findings.iter().flat_map(|finding| &finding.parts) {
        // Claims may share an inequality.
        if !seen.contains(&&part.inequality) {
            seen.push(&part.inequality);
            table.push_of(part.inequality.a, row(experiment, part));
        }
    }
    table
}

fn row(experiment: &Experiment, part: &Part) -> Vec<String> {
    let (a, b) = (experiment.label(part.inequality.a), experiment.label(part.inequality.b));
    let bound = part.inequality.bound;
    let range = |of: Option<Interval>, decimals: usize| {
        of.map_or(NONE.into(), |Interval { low, high }| format!("{low:+.decimals$} to {high:+.decimals$}"))
    };
    let n = part.ours.map_or(0, |ours| ours.n).to_string();
    match part.inequality.of {
        Measure::Metric(metric) => {
            let inequality =
                if bound == Bound::Above(0.0) { format!("{a} > {b}") } else { format!("{a} − {b} {bound}") };
            let ratio = part.ours.zip(part.published).filter(|(_, theirs)| theirs.value.abs() > theirs.rounding);
            vec![
                inequality,
                experiment.marked(&metric.to_string()),
                part.ours.map_or(NONE.into(), |ours| match ours.sd {
                    Some(sd) => format!("{:+.METRIC$} ± {sd:.METRIC$}", ours.mean),
                    None => format!("{:+.METRIC$}", ours.mean),
                }),
                n,
                range(part.over_seeds, METRIC),
                range(part.over_queries, METRIC),
                signed(part.published.map(|theirs| theirs.value), METRIC),
                ratio.map_or(NONE.into(), |(ours, theirs)| format!("{:.2}", ours.mean / theirs.value)),
            ]
        }
        Measure::Quantity(quantity) => {
            let over_seeds = part
                .over_seeds
                .map_or(NONE.into(), |Interval { low, high }| format!("{low:.RATIO$} to {high:.RATIO$}"));
            vec![
                format!("{a} / {b} {bound}"),
                quantity.name().into(),
                mean_sd(part.ours.map(|ours| crate::stats::Summary { sd: None, ..ours }), RATIO),
                n,
                over_seeds,
                NONE.into(),
                NONE.into(),
                NONE.into(),
            ]
        }
    }
}

/// How many claims got each verdict: `3 *hold*, 1 *undecided*`.
pub(super) fn tally(findings: &[Finding]) -> String {
    let text = super::overview::tally(findings.iter().map(|finding| finding.verdict));
    text.replace("*holds*", "*hold*").replace("*fails*", "*fail*")
}

/// Two digits that matter; `< 0.0001` below that.
fn p_text(p: f64) -> String {
    if p < 1e-4 { "< 0.0001".into() } else { format!("{p:.4}") }
}

/// The same for other programs, with all digits: one row per inequality of each claim.
pub(super) fn csv(findings: &[Finding]) -> Table {
    let names = [
        "claim",
        "verdict",
        "p_holm",
        "a",
        "b",
        "of",
        "bound",
        "n",
        "ours",
        "ours_sd",
        "seeds_low",
        "seeds_high",
        "queries_low",
        "queries_high",
        "p_holds",
        "p_fails",
        "published",
    ];
    let mut table = Table::new("", names.map(|name| (name.to_string(), Align::Left)));
    let text = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    for finding in findings {
        for part in &finding.parts {
            let of = match part.inequality.of {
                Measure::Metric(metric) => metric.to_string(),
                Measure::Quantity(quantity) => quantity.name().into(),
            };
            table.push(vec![
                finding.claim.id.clone(),
                finding.verdict.to_string(),
                text(finding.p),
                part.inequality.a.into(),
                part.inequality.b.into(),
                of,
                part.inequality.bound.to_string(),
                part.ours.map_or(0, |ours| ours.n).to_string(),
                text(part.ours.map(|ours| ours.mean)),
                text(part.ours.and_then(|ours| ours.sd)),
                text(part.over_seeds.map(|i| i.low)),
                text(part.over_seeds.map(|i| i.high)),
                text(part.over_queries.map(|i| i.low)),
                text(part.over_queries.map(|i| i.high)),
                text(part.p.map(|p| p.holds)),
                text(part.p.map(|p| p.fails)),
                text(part.published.map(|theirs| theirs.value)),
            ]);
        }
    }
    table
}
