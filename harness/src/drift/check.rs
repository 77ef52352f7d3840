//! Whether a baseline is true to itself.

use std::collections::BTreeSet;

use super::Baseline;

/// What is wrong with a baseline: the key, what was expected, what was got.
pub(super) struct Flaw {
    pub key: String,
    pub expected: String,
    pub got: String,
}

/// Seconds of a year: nothing runs longer.
const YEAR: f64 = 366.0 * 86_400.0;

type Check = Result<(), Flaw>;

fn flaw(key: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Check {
    Err(Flaw { key: key.into(), expected: expected.into(), got: got.into() })
}

pub(super) fn check(baseline: &Baseline) -> Check {
    if baseline.accepted.is_empty() {
        return flaw("accepted", "at least one acceptance", "none");
    }
    for (index, accepted) in baseline.accepted.iter().enumerate() {
        if accepted.when.parse::<jiff::Timestamp>().is_err() {
            let key = format!("accepted[{index}].when");
            return flaw(key, "a time such as `2026-11-21T20:15:00Z`", format!("`{}`", accepted.when));
        }
        if accepted.reason.trim().is_empty() {
            return flaw(format!("accepted[{index}].reason"), "a reason in words", "an empty text");
        }
    }
    for (metric, units) in &baseline.matters {
        if *units < 0.0 {
            return flaw(format!("matters.{metric}"), "0 or more", units.to_string());
        }
    }
    if let Some(trial) = baseline.inexact.iter().find(|trial| !baseline.runs.contains_key(*trial)) {
        return flaw("inexact", "trials that have runs", format!("`{trial}`"));
    }
    if baseline.runs.is_empty() {
        return flaw("runs", "at least one trial", "none");
    }
    baseline.runs.iter().try_for_each(|(trial, seeds)| runs(baseline, trial, seeds))
}

fn runs(baseline: &Baseline, trial: &str, seeds: &super::Seeds) -> Check {
    let expected: BTreeSet<_> = baseline.matters.keys().collect();
    if seeds.0.is_empty() {
        return flaw(format!("runs.{trial}"), "at least one seed", "none");
    }
    for (seed, run) in &seeds.0 {
        let key = |name: &str| format!("runs.{trial}.{seed}.{name}");
        if !run.metrics.keys().eq(expected.iter().copied()) {
            let names: Vec<_> = run.metrics.keys().map(String::as_str).collect();
            return flaw(key("metrics"), "the metrics of `matters`", crate::suggest::quoted(names));
        }
        if !(0.0..=YEAR).contains(&run.seconds) {
            return flaw(key("seconds"), "0 or more, and less than a year", format!("{:e}", run.seconds));
        }
    }
    Ok(())
}
