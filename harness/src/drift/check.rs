//! Checks of a baseline: figures that agree with each other.

use std::collections::BTreeSet;

use super::Baseline;
use crate::record::{Check, Stored, flaw};

/// Seconds of a year: no run takes longer.
const YEAR: f64 = 366.0 * 86_400.0;

impl Stored for Baseline {
    const FORMAT: u32 = 1;
    const WHAT: &'static str = "a baseline";
    const HINT: &'static str = "baselines are not edited by hand: restore the committed one, or remove it and accept a \
                                new one with `reprise check SPEC --accept --reason TEXT`";

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Check {
        if self.accepted.is_empty() {
            return flaw("accepted", "at least one acceptance", "none");
        }
        for (index, accepted) in self.accepted.iter().enumerate() {
            if accepted.when.parse::<jiff::Timestamp>().is_err() {
                let key = format!("accepted[{index}].when");
                return flaw(key, "a time such as `2026-11-21T20:15:00Z`", format!("`{}`", accepted.when));
            }
            if accepted.reason.trim().is_empty() {
                return flaw(format!("accepted[{index}].reason"), "a reason in words", "an empty text");
            }
        }
        for (metric, units) in &self.matters {
            if *units < 0.0 {
                return flaw(format!("matters.{metric}"), "0 or more", units.to_string());
            }
        }
        if let Some(trial) = self.inexact.iter().find(|trial| !self.runs.contains_key(*trial)) {
            return flaw("inexact", "trials that have runs", format!("`{trial}`"));
        }
        if self.runs.is_empty() {
            return flaw("runs", "at least one trial", "none");
        }
        self.runs.iter().try_for_each(|(trial, seeds)| runs(self, trial, seeds))
    }
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
        let costs = [run.parameter_count.is_some(), run.epochs_run.is_some(), run.digests.weights.is_some()];
        if costs != [!run.is_external(); 3] {
            return flaw(key("parameter_count"), "a model, exactly of what this program trained", "another");
        }
        if run.seconds.is_none() && !run.is_external() {
            return flaw(key("seconds"), "those of a run that this program trained", "none");
        }
        if let Some(seconds) = run.seconds.filter(|seconds| !(0.0..=YEAR).contains(seconds)) {
            return flaw(key("seconds"), "0 or more, and less than a year", format!("{seconds:e}"));
        }
    }
    Ok(())
}
