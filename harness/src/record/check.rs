//! Checks of a record: names that can be names of folders, and figures that agree with each other.

use std::collections::BTreeSet;

use super::ranks::by_period;
use super::stored::{Check, flaw};
use super::{CurveRecord, ParameterShape, PeriodRecord, QueryRanks, Record, Stored};
use crate::meter::{Latency, Machine};
use crate::metrics::Metric;
use crate::train::Fact;

impl Stored for Record {
    const FORMAT: u32 = 1;
    const WHAT: &'static str = "a record";
    const HINT: &'static str = "records are not edited by hand: `reprise run` writes this one again";

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Check {
        names(&self.spec, &self.profile, &self.trial, &self.machine)?;
        made_at(&self.started, &self.machine)?;
        if self.threads == 0 {
            return flaw("threads", "at least 1", "0");
        }
        origin(self)?;
        if let Some(count) = self.parameter_count {
            parameters("", &self.parameters, count)?;
        }
        if let Some(meta) = &self.meta {
            parameters("meta.", &meta.parameters, meta.parameter_count)?;
        }
        metrics(self)?;
        times(self)?;
        if let Some((name, _)) = self.facts.iter().find(|(_, fact)| matches!(fact, Fact::Number(x) if !x.is_finite())) {
            return flaw(format!("facts.{name}"), "a finite number or a text", "another number");
        }
        if let Some(curve) = &self.curve {
            check_curve("curve", curve, self.epochs_run.unwrap_or(0))?;
        }
        periods(self)?;
        self.ranks.as_ref().map_or(Ok(()), |ranks| check_ranks(ranks, self))
    }
}

/// Spec, profile, trial and machine class become names of folders, on any system.
pub(super) fn names(spec: &str, profile: &str, trial: &str, machine: &Machine) -> Check {
    let plain = |name: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !name.is_empty() && !name.starts_with('.') && name.chars().all(legal)
    };
    for (key, name) in [("profile", profile), ("trial", trial), ("machine.class", &machine.class)] {
        if !plain(name) {
            return flaw(key, "letters, digits, `.`, `_` and `-`, not a leading `.`", format!("`{name}`"));
        }
    }
    if !spec.split('/').all(plain) {
        return flaw("spec", "names of letters, digits, `.`, `_` and `-`, joined by `/`", format!("`{spec}`"));
    }
    Ok(())
}

/// A time that can be read, and a machine with processors.
pub(super) fn made_at(started: &str, machine: &Machine) -> Check {
    if started.parse::<jiff::Timestamp>().is_err() {
        return flaw("started", "a time such as `2026-11-21T20:15:00Z`", format!("`{started}`"));
    }
    if machine.cores == 0 {
        return flaw("machine.cores", "at least 1", "0");
    }
    Ok(())
}

/// A run that this program trained has what it cost, and lists of another program have a file.
fn origin(record: &Record) -> Check {
    let external = record.is_external();
    let ran = record.lists.as_ref().and_then(|lists| lists.ran.as_ref());
    if !external && !record.seconds.contains_key("total") {
        return flaw("seconds", "the phase `total`", "none of that name");
    }
    if external && !record.seconds.keys().eq(ran.iter().map(|_| "total")) {
        return flaw("seconds", "the phase `total` alone, exactly of a program that was run here", "another");
    }
    if external && ran.is_none() && record.memory.peak_rss_bytes.is_some() {
        return flaw("memory", "no figure of lists that were brought", "one");
    }
    if ran.is_some_and(|ran| ran.command.is_empty()) {
        return flaw("lists.ran.command", "a command", "none");
    }
    let by = record.lists.as_ref().and_then(|lists| lists.by.as_ref());
    if let Some(by) = by.filter(|by| by.trim().is_empty() || by.contains(char::is_control)) {
        return flaw("lists.by", "one line of text", format!("`{}`", by.escape_debug()));
    }
    if let Some(seconds) = ran.and_then(|ran| ran.cpu_seconds) {
        not_negative("lists.ran.cpu_seconds", seconds)?;
    }
    let costs = [
        ("parameter_count", record.parameter_count.is_some()),
        ("epochs_run", record.epochs_run.is_some()),
        ("digests.weights", record.digests.weights.is_some()),
    ];
    if let Some((key, _)) = costs.iter().find(|(_, there)| *there == external) {
        return match external {
            true => flaw(*key, "nothing of another program's model", "a figure"),
            false => flaw(*key, "a figure, of a run that is not `external`", "none"),
        };
    }
    if external && !(record.parameters.is_empty() && record.latency.is_none()) {
        return flaw("parameters", "nothing of another program's model", "a figure");
    }
    if external != record.lists.is_some() || external != record.digests.lists.is_some() {
        return flaw("lists", "a file and its digest, exactly of lists of another program", "another");
    }
    let missing =
        |period: &PeriodRecord| (period.epochs_run.is_some(), period.seconds.is_some()) != (!external, !external);
    match record.periods.iter().position(missing) {
        Some(index) => {
            flaw(format!("periods[{index}].seconds"), "epochs and seconds, exactly where they were measured", "another")
        }
        None => Ok(()),
    }
}

fn parameters(under: &str, parameters: &[ParameterShape], count: u64) -> Check {
    // Wrong shapes may overflow.
    let size = |shape: &[usize]| shape.iter().try_fold(1u64, |size, n| size.checked_mul(*n as u64));
    let sum = parameters.iter().try_fold(0u64, |sum, p| sum.checked_add(size(&p.shape)?));
    if sum != Some(count) {
        let sum = sum.map_or("more than can be counted".into(), |sum| sum.to_string());
        return flaw(format!("{under}parameter_count"), format!("the shapes' {sum}"), count.to_string());
    }
    let names: BTreeSet<_> = parameters.iter().map(|parameter| &parameter.name).collect();
    if names.len() != parameters.len() {
        return flaw(format!("{under}parameters"), "each name once", "a name twice");
    }
    Ok(())
}

fn metrics(record: &Record) -> Check {
    if record.metrics.is_empty() {
        return flaw("metrics", "at least one", "none");
    }
    let maps = [("metrics", &record.metrics), ("pessimistic", &record.pessimistic), ("validation", &record.validation)];
    for (key, map) in maps {
        for (name, value) in map {
            not_negative(&format!("{key}.{name}"), *value)?;
            let largest = name.parse().map_or(1.0, |metric: Metric| metric.definition().largest());
            if *value > largest + rounding(1) {
                return flaw(format!("{key}.{name}"), format!("at most {largest}"), value.to_string());
            }
            if !record.metrics.contains_key(name) {
                return flaw(format!("{key}.{name}"), "a name that `metrics` has", "another");
            }
        }
    }
    if record.pessimistic.len() != record.metrics.len() {
        return flaw("pessimistic", "the names of `metrics`", "fewer");
    }
    for (name, epoch) in &record.selected {
        if !record.metrics.contains_key(name) {
            return flaw(format!("selected.{name}"), "a name that `metrics` has", "another");
        }
        let epochs = record.epochs_run.unwrap_or(0);
        if *epoch >= epochs {
            return flaw(format!("selected.{name}"), format!("below epochs_run, {epochs}"), epoch.to_string());
        }
    }
    Ok(())
}

fn times(record: &Record) -> Check {
    for (phase, seconds) in &record.seconds {
        not_negative(&format!("seconds.{phase}"), *seconds)?;
    }
    record.latency.as_ref().map_or(Ok(()), |latency| check_latency("latency", latency))
}

pub(super) fn check_latency(key: &str, latency: &Latency) -> Check {
    not_negative(&format!("{key}.p50_us"), latency.p50_us)?;
    not_negative(&format!("{key}.p99_us"), latency.p99_us)?;
    if latency.p99_us < latency.p50_us {
        let least = format!("at least p50_us, {}", latency.p50_us);
        return flaw(format!("{key}.p99_us"), least, latency.p99_us.to_string());
    }
    if latency.requests == 0 || latency.threads == 0 {
        return flaw(key, "at least 1 request and 1 thread", "0");
    }
    Ok(())
}

fn check_curve(key: &str, curve: &CurveRecord, epochs: u64) -> Check {
    let distinct: BTreeSet<_> = curve.columns.iter().collect();
    if distinct.len() != curve.columns.len() {
        return flaw(format!("{key}.columns"), "each name once", "a name twice");
    }
    if curve.rows.len() as u64 != epochs {
        return flaw(format!("{key}.rows"), format!("one per epoch, {epochs}"), curve.rows.len().to_string());
    }
    for (epoch, row) in curve.rows.iter().enumerate() {
        let key = format!("{key}.rows[{epoch}]");
        if row.len() != curve.columns.len() {
            return flaw(key, format!("{} values", curve.columns.len()), row.len().to_string());
        }
        row.iter().flatten().try_for_each(|value| finite(&key, *value))?;
    }
    for (name, value) in &curve.start {
        let key = format!("{key}.start.{name}");
        if !curve.columns.contains(name) {
            return flaw(key, "a name that `columns` has", "another");
        }
        finite(&key, *value)?;
    }
    Ok(())
}

/// Periods that follow each other, and figures of the run that are those of its periods together.
fn periods(record: &Record) -> Check {
    let periods = &record.periods;
    if periods.is_empty() {
        return Ok(());
    }
    for (index, period) in periods.iter().enumerate() {
        let key = |below: &str| format!("periods[{index}].{below}");
        // The first period is trained on and never tested; which one is tested first is the spec's.
        if period.period == 0 || Some(period.period) != periods[0].period.checked_add(index as u64) {
            return flaw(key("period"), "numbers from 1 on, each the next", period.period.to_string());
        }
        let after_a_test = index > 0 && !periods[index - 1].warm_up;
        if period.warm_up && (after_a_test || index + 1 == periods.len()) {
            return flaw(key("warm_up"), "warm-up periods first, then those that are tested", "true");
        }
        if period.queries == 0 || period.items == 0 {
            return flaw(key("queries"), "at least 1 query and 1 item", "0");
        }
        period.seconds.map_or(Ok(()), |seconds| not_negative(&key("seconds"), seconds))?;
        period.training_seconds.map_or(Ok(()), |seconds| not_negative(&key("training_seconds"), seconds))?;
        let epochs = period.epochs_run.unwrap_or(0);
        check_curve(&key("curve"), &period.curve, epochs)?;
        if let Some(epoch) = period.selected.filter(|epoch| *epoch >= epochs) {
            return flaw(key("selected"), format!("below epochs_run, {epochs}"), epoch.to_string());
        }
        let maps = [
            ("facts", &period.facts),
            ("metrics", &period.metrics),
            ("pessimistic", &period.pessimistic),
            ("validation", &period.validation),
        ];
        for (name, value) in
            maps.iter().flat_map(|(map, values)| values.iter().map(move |(n, v)| (format!("{map}.{n}"), v)))
        {
            finite(&key(&name), *value)?;
        }
        if !period.metrics.keys().eq(record.metrics.keys()) || !period.pessimistic.keys().eq(record.metrics.keys()) {
            return flaw(key("metrics"), "the names of the run's `metrics`", "others");
        }
    }
    // Wrong counts may overflow.
    let epochs = periods.iter().map(|period| u128::from(period.epochs_run.unwrap_or(0))).sum::<u128>();
    let of_run = record.epochs_run.unwrap_or(0);
    if epochs != u128::from(of_run) {
        return flaw("epochs_run", format!("the periods' {epochs}"), of_run.to_string());
    }
    for (name, got) in &record.metrics {
        let tested = record.tested_periods().count();
        let mean = record.tested_periods().map(|period| period.metrics[name]).sum::<f64>() / tested as f64;
        if (mean - got).abs() > rounding(tested) * mean.abs() {
            return flaw(format!("metrics.{name}"), format!("{mean}, the mean of its periods"), got.to_string());
        }
    }
    let queries = record.tested_periods().map(|period| u128::from(period.queries)).sum::<u128>();
    match record.queries() {
        Some(ranked) if u128::from(ranked) != queries => {
            flaw("ranks.sets", format!("the periods' {queries} queries"), ranked.to_string())
        }
        _ => Ok(()),
    }
}

fn check_ranks(ranks: &QueryRanks, record: &Record) -> Check {
    let queries = match (&ranks.targets, ranks.sets.first()) {
        (_, None) => return flaw("ranks.sets", "at least one", "none"),
        (Some(targets), _) => targets.len(),
        (None, Some(set)) => set.hits.len(),
    };
    if queries == 0 {
        return flaw("ranks.sets", "at least one query", "none");
    }
    let targets = ranks.targets.iter().flatten().map(|targets| u64::from(*targets)).sum::<u64>();
    if targets > MOST_TARGETS {
        return flaw("ranks.targets", format!("at most {MOST_TARGETS} together"), targets.to_string());
    }
    let mut served = BTreeSet::new();
    for (index, set) in ranks.sets.iter().enumerate() {
        let key = format!("ranks.sets[{index}]");
        for metric in &set.metrics {
            if !record.metrics.contains_key(metric) || !served.insert(metric) {
                return flaw(format!("{key}.metrics"), "names that `metrics` has, each once", format!("`{metric}`"));
            }
        }
        if set.hits.len() != queries {
            return flaw(format!("{key}.hits"), format!("{queries} queries"), set.hits.len().to_string());
        }
        for (query, hits) in set.hits.iter().enumerate() {
            let targets = ranks.targets.as_ref().map_or(1, |targets| targets[query]);
            if targets == 0 || hits.len() > targets as usize {
                return flaw(
                    format!("{key}.hits"),
                    format!("at most {targets} ranks, at least one target, for query {query}"),
                    format!("{} ranks", hits.len()),
                );
            }
            if let (Some(last), Some(within)) = (hits.last(), set.within)
                && *last > within
            {
                return flaw(
                    format!("{key}.hits"),
                    format!("ranks up to {within}"),
                    format!("{last} for query {query}"),
                );
            }
        }
        for metric in &set.metrics {
            follows(metric, record)?;
        }
    }
    match record.metrics.keys().find(|metric| !served.contains(metric)) {
        Some(metric) => flaw("ranks.sets", "every metric in one of them", format!("`{metric}` in none")),
        None => Ok(()),
    }
}

/// Relative difference that rounding allows between two sums of the same number of terms: each addition may add half a
/// unit in the last place.
fn rounding(terms: usize) -> f64 {
    (terms as f64 * f64::EPSILON).max(1e-12)
}

/// Most held-out items of all queries together: more than any published dataset has, and few enough for ideal lists to
/// be summed over them in seconds.
const MOST_TARGETS: u64 = 1 << 26;

/// A metric of the run, and of each period, that is the mean over the recorded ranks.
fn follows(name: &str, record: &Record) -> Check {
    let key = || format!("metrics.{name}");
    let Some(mut values) = name.parse().ok().and_then(|metric: Metric| record.per_query(metric)) else {
        return flaw(key(), "a metric of ranks that this program knows", format!("`{name}`"));
    };
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let got = record.metrics[name];
    if (mean - got).abs() > rounding(values.len()) * mean.abs() {
        return flaw(key(), format!("{mean}, the mean of its ranks"), got.to_string());
    }
    let (share, rounding) = (values.len() as f64 / record.tested_periods().count() as f64, rounding(values.len()));
    let warm_up = record.periods.iter().filter(|period| period.warm_up).count();
    for (index, (period, of_period)) in by_period(&record.periods, &mut values).enumerate() {
        let (mean, got) = (of_period.iter().sum::<f64>() / share, period.metrics[name]);
        if (mean - got).abs() > rounding * mean.abs() {
            let expected = format!("{mean}, the mean of its ranks");
            return flaw(format!("periods[{}].metrics.{name}", warm_up + index), expected, got.to_string());
        }
    }
    Ok(())
}

fn finite(key: &str, value: f64) -> Check {
    if value.is_finite() { Ok(()) } else { flaw(key, "a finite number", value.to_string()) }
}

fn not_negative(key: &str, value: f64) -> Check {
    finite(key, value)?;
    if value >= 0.0 { Ok(()) } else { flaw(key, "0 or more", value.to_string()) }
}

#[cfg(test)]
mod tests;
