//! The paper's claims and our verdicts on them, as tables.

use super::csv_files::{self, optional};
use super::text::{METRIC, NONE, marked, mean_sd, signed, tally};
use crate::compare::{Evidence, Finding};
use crate::spec::{Bound, Measure, Spec};
use crate::stats::{Interval, Summary};
use crate::table::{Align, Table};

/// Digits after the decimal point of a ratio.
const RATIO: usize = 3;

/// One row for each claim.
pub(super) fn verdicts(findings: &[Finding]) -> Table {
    let left = ["Claim", "As an inequality", "Source", "Verdict"].map(|name| (name, Align::Left));
    let mut table = Table::new("", left.into_iter().chain([("p (Holm)", Align::Right)]));
    for finding in findings {
        let of = finding.evidence.first().map_or("", |evidence| evidence.inequality.a);
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

/// One row for each inequality: what we measured, and the paper's own effect.
pub(super) fn evidence(spec: &Spec, findings: &[Finding]) -> Table {
    let names = ["Inequality", "Of", "Ours", "Seeds", "Over seeds", "Over queries", "Paper", "Ours / paper"];
    let align = |index: usize| if index < 2 { Align::Left } else { Align::Right };
    let mut table = Table::new("", names.into_iter().enumerate().map(|(index, name)| (name, align(index))));
    let mut seen = Vec::new();
    for evidence in findings.iter().flat_map(|finding| &finding.evidence) {
        // Claims may share an inequality.
        if !seen.contains(&&evidence.inequality) {
            seen.push(&evidence.inequality);
            table.push_of(evidence.inequality.a, row(spec, evidence));
        }
    }
    table
}

fn row(spec: &Spec, evidence: &Evidence) -> Vec<String> {
    let (a, b) = (spec.label(evidence.inequality.a), spec.label(evidence.inequality.b));
    let bound = evidence.inequality.bound;
    let range = |of: Option<Interval>, decimals: usize| {
        of.map_or(NONE.into(), |Interval { low, high }| format!("{low:+.decimals$} to {high:+.decimals$}"))
    };
    let n = evidence.ours.map_or(0, |ours| ours.n).to_string();
    match evidence.inequality.of {
        Measure::Metric(metric) => {
            let inequality =
                if bound == Bound::Above(0.0) { format!("{a} > {b}") } else { format!("{a} − {b} {bound}") };
            let ratio =
                evidence.ours.zip(evidence.published).filter(|(_, theirs)| theirs.value.abs() > theirs.rounding);
            vec![
                inequality,
                marked(&spec.protocol, metric),
                evidence.ours.map_or(NONE.into(), |ours| match ours.sd {
                    Some(sd) => format!("{:+.METRIC$} ± {sd:.METRIC$}", ours.mean),
                    None => format!("{:+.METRIC$}", ours.mean),
                }),
                n,
                range(evidence.over_seeds, METRIC),
                range(evidence.over_queries, METRIC),
                signed(evidence.published.map(|theirs| theirs.value), METRIC),
                ratio.map_or(NONE.into(), |(ours, theirs)| format!("{:.2}", ours.mean / theirs.value)),
            ]
        }
        Measure::Quantity(quantity) => {
            let interval = |Interval { low, high }| format!("{low:.RATIO$} to {high:.RATIO$}");
            vec![
                format!("{a} / {b} {bound}"),
                quantity.name().into(),
                mean_sd(evidence.ours.map(|ours| Summary { sd: None, ..ours }), RATIO),
                n,
                evidence.over_seeds.map_or(NONE.into(), interval),
                NONE.into(),
                NONE.into(),
                NONE.into(),
            ]
        }
    }
}

/// How many claims got each verdict: `3 *hold*, 1 *undecided*`.
pub(super) fn counts(findings: &[Finding]) -> String {
    let text = tally(findings.iter().map(|finding| finding.verdict));
    text.replace("*holds*", "*hold*").replace("*fails*", "*fail*")
}

/// A p-value to four digits; `< 0.0001` below that.
fn p_text(p: f64) -> String {
    if p < 1e-4 { "< 0.0001".into() } else { format!("{p:.4}") }
}

/// The claims for other programs, with all digits: one row for each inequality of each claim.
pub(super) fn csv(findings: &[Finding]) -> Table {
    let mut table = csv_files::table(&[
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
    ]);
    for finding in findings {
        for evidence in &finding.evidence {
            table.push(vec![
                finding.claim.id.clone(),
                finding.verdict.to_string(),
                optional(finding.p),
                evidence.inequality.a.into(),
                evidence.inequality.b.into(),
                evidence.inequality.of.to_string(),
                evidence.inequality.bound.to_string(),
                evidence.ours.map_or(0, |ours| ours.n).to_string(),
                optional(evidence.ours.map(|ours| ours.mean)),
                optional(evidence.ours.and_then(|ours| ours.sd)),
                optional(evidence.over_seeds.map(|i| i.low)),
                optional(evidence.over_seeds.map(|i| i.high)),
                optional(evidence.over_queries.map(|i| i.low)),
                optional(evidence.over_queries.map(|i| i.high)),
                optional(evidence.p.map(|p| p.holds)),
                optional(evidence.p.map(|p| p.fails)),
                optional(evidence.published.map(|effect| effect.value)),
            ]);
        }
    }
    table
}
