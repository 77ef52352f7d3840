//! Changes between the compared runs of a trial, and whether they are drift.

use super::{BaselineRun, Case, DriftVerdict, MeanChange};
use crate::stats::{Interval, LEVEL, Summary, welch_interval};

/// An accepted run and the same run of today.
pub(super) struct RunPair<'a> {
    pub seed: u64,
    pub baseline: &'a BaselineRun,
    pub today: BaselineRun,
}

/// How metrics are compared.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// To the bit.
    Bytes,
    /// By Welch's interval of the difference of the means. `matters` is the smallest difference that counts, in standard
    /// deviations over the seeds.
    Interval { matters: f64 },
}

/// A figure that must be the same on both sides.
struct Gate {
    name: &'static str,
    /// Whether it must be the same even where metrics need not be the same to the bit.
    everywhere: bool,
    /// The figure as text; `None` if the record lacks it, which is then not compared.
    of: fn(&BaselineRun) -> Option<String>,
}

/// Hexadecimal digits of a digest that are shown.
const SHOWN: usize = 12;

const GATES: [Gate; 8] = [
    Gate { name: "parameters", everywhere: true, of: |run| run.parameter_count.map(|n| n.to_string()) },
    Gate { name: "queries", everywhere: true, of: |run| run.queries.map(|n| n.to_string()) },
    Gate { name: "metrics", everywhere: true, of: |run| Some(names(run)) },
    Gate { name: "split", everywhere: true, of: |run| Some(run.digests.split.to_string()) },
    Gate { name: "dataset", everywhere: false, of: |run| Some(run.digests.dataset.to_string()) },
    Gate { name: "epochs", everywhere: false, of: |run| run.epochs_run.map(|n| n.to_string()) },
    Gate { name: "weights", everywhere: false, of: |run| run.digests.weights.map(|digest| digest.to_string()) },
    Gate {
        name: "lists",
        everywhere: false,
        of: |run| Some(run.digests.lists.map_or("none".into(), |digest| digest.to_string())),
    },
];

fn names(run: &BaselineRun) -> String {
    run.metrics.keys().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The case of all counts and digests: with `exact` all of them must be the same, else only those that are the same
/// everywhere.
pub(super) fn counts(pairs: &[RunPair<'_>], exact: bool) -> Case {
    let mut changes = Vec::new();
    for gate in GATES.iter().filter(|gate| exact || gate.everywhere) {
        let both = |pair: &RunPair<'_>| Some((pair.seed, (gate.of)(pair.baseline)?, (gate.of)(&pair.today)?));
        let differ: Vec<_> = pairs.iter().filter_map(both).filter(|(_, before, now)| before != now).collect();
        if let Some((_, before, now)) = differ.first() {
            let seeds: Vec<u64> = differ.iter().map(|(seed, ..)| *seed).collect();
            changes.push(format!("{} {} → {} ({})", gate.name, shown(before), shown(now), of_seeds(&seeds)));
        }
    }
    let verdict = if changes.is_empty() { DriftVerdict::Fine } else { DriftVerdict::Drift };
    Case { name: Case::COUNTS.into(), verdict, values: None, why: changes.join("; ") }
}

/// A digest is shown by its first digits, any other text in full.
fn shown(text: &str) -> &str {
    let digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digest { &text[..SHOWN] } else { text }
}

/// `seed 0`, `seeds 0, 1, 2`
pub(super) fn of_seeds(seeds: &[u64]) -> String {
    let texts: Vec<_> = seeds.iter().map(u64::to_string).collect();
    format!("seed{} {}", if seeds.len() == 1 { "" } else { "s" }, texts.join(", "))
}

/// The case of one metric of a trial; `None` if no pair has the metric on both sides. `accepted` holds its values over
/// all seeds of the baseline.
pub(super) fn metric(name: &str, pairs: &[RunPair<'_>], accepted: Vec<f64>, rule: Rule) -> Option<Case> {
    let both =
        |pair: &RunPair<'_>| Some((pair.seed, *pair.baseline.metrics.get(name)?, *pair.today.metrics.get(name)?));
    let values: Vec<(u64, f64, f64)> = pairs.iter().filter_map(both).collect();
    let (before, now): (Vec<f64>, Vec<f64>) = values.iter().map(|(_, before, now)| (*before, *now)).unzip();
    let means = (Summary::of(&before)?.mean, Summary::of(&now)?.mean);
    let spread = Summary::of(&accepted).and_then(|summary| summary.sd);
    let in_spreads = spread.filter(|sd| *sd > 0.0).map(|sd| (means.1 - means.0) / sd);
    let differ: Vec<_> = values.iter().filter(|(_, before, now)| before.to_bits() != now.to_bits()).collect();
    let (verdict, why) = match (differ.first(), rule) {
        (None, _) => (DriftVerdict::Fine, String::new()),
        (Some(first), Rule::Bytes) => {
            let seeds: Vec<u64> = differ.iter().map(|(seed, ..)| *seed).collect();
            let (seed, before, now) = first;
            (DriftVerdict::Drift, format!("other bytes at {}; seed {seed}: {before} → {now}", of_seeds(&seeds)))
        }
        (Some(_), Rule::Interval { matters }) => over_seeds(&before, &now, means.1 - means.0, spread, matters),
    };
    let values = Some(MeanChange { baseline: means.0, today: means.1, in_spreads });
    Some(Case { name: name.into(), verdict, values, why })
}

/// Largest relative difference that counts as rounding.
const ROUNDING: f64 = 1e-9;

/// Rule 3 in `judge.rs`, for values that are not the same to the bit. `change` is the difference of the
/// means, today's minus the baseline's, and `spread` the standard deviation over the baseline's seeds.
///
/// ```text
///                      −matters·spread        0        +matters·spread
///   drift    ───[═══]────────┼────────────────┼────────────────┼────────   zero outside the interval, change large
///   fine     ────────────────┼────[══════]────┼────────────────┼────────   zero outside the interval, change small
///   fine     ───[════════════╪════════════════╪══]─────────────┼────────   zero in the interval
/// ```
fn over_seeds(before: &[f64], now: &[f64], change: f64, spread: Option<f64>, matters: f64) -> (DriftVerdict, String) {
    if spread == Some(0.0) {
        // Another arithmetic may sum in another order.
        let scale = before.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        if before.iter().zip(now).all(|(before, now)| (before - now).abs() <= ROUNDING * scale) {
            return (DriftVerdict::Fine, "the same but for rounding".into());
        }
        return (DriftVerdict::Drift, "the baseline has no spread over seeds, and the value differs".into());
    }
    let (Some(spread), Some(interval)) = (spread, welch_interval(now, before, LEVEL)) else {
        return (DriftVerdict::CouldNotJudge, "an interval of the difference needs two seeds on both sides".into());
    };
    let large = change.abs() > matters * spread;
    let Interval { low, high } = interval;
    let place = if interval.contains(0.0) { "in" } else { "outside" };
    let range = format!("zero is {place} the {:.0} % interval {low:+.4} to {high:+.4}", 100.0 * LEVEL);
    let (size, units) = (if large { "more" } else { "no more" }, if matters == 1.0 { "spread" } else { "spreads" });
    let why = format!("{range}; the change is {size} than {matters} seed {units}, the least that matters");
    (if large && !interval.contains(0.0) { DriftVerdict::Drift } else { DriftVerdict::Fine }, why)
}
