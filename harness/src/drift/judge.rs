//! The rules of drift, for every trial of the baseline and of the spec:
//!
//! 1. A run is compared if the baseline, the spec and today's records have it, all with one fingerprint. Otherwise it
//!    could not be judged; a baseline with another fingerprint is stale, which is not drift.
//! 2. If both sides were computed on CPUs, of whatever machines, metrics, counts and digests must be the same to the bit,
//!    unless the baseline exempts the trial.
//! 3. Otherwise a metric drifted if zero lies outside Welch's interval of the difference of the means *and* the
//!    difference is larger than the smallest one that matters; where the baseline has no spread over seeds,
//!    if any value differs. The numbers of parameters and queries, the names of the metrics and the split must be the
//!    same even then.
//! 4. Wall time is shown and never judged.

use std::collections::BTreeMap;

use super::baseline::classes;
use super::change::{Rule, RunPair, counts, metric};
use super::{Baseline, BaselineRun, Case, Compared, DriftVerdict, JudgedTrial, Judgement, Seeds, Today};
use crate::meter::Arithmetic;

/// Compares today's records with a baseline.
pub fn judge(baseline: &Baseline, today: &Today<'_>) -> Judgement {
    let trials = today.asked(baseline).into_iter().map(|(trial, seeds)| one(baseline, today, trial, seeds));
    Judgement { class: baseline.class.clone(), accepted: baseline.newest().clone(), trials: trials.collect() }
}

fn one(baseline: &Baseline, today: &Today<'_>, id: &str, seeds: impl IntoIterator<Item = u64>) -> JudgedTrial {
    let none = Seeds::default();
    let accepted = &baseline.runs.get(id).unwrap_or(&none).0;
    let ours = today.of(id, baseline.arithmetic());
    let mut doubts = BTreeMap::<String, Vec<u64>>::new();
    let mut pairs = Vec::new();
    for seed in seeds {
        match (today.doubt(id, seed, accepted.get(&seed), &ours), accepted.get(&seed), ours.get(&seed)) {
            (None, Some(accepted), Some(record)) => {
                pairs.push(RunPair { seed, baseline: accepted, today: BaselineRun::of(record) });
            }
            (why, ..) => doubts.entry(why.unwrap_or_default()).or_default().push(seed),
        }
    }
    let of_cpus =
        |pair: &RunPair<'_>| [pair.baseline, &pair.today].iter().all(|run| run.arithmetic() == Arithmetic::Cpu);
    let exact = !baseline.inexact.contains(id) && pairs.iter().all(of_cpus);
    let mut cases: Vec<Case> = doubts.into_iter().map(|(why, seeds)| doubt(&why, &seeds)).collect();
    if !pairs.is_empty() {
        cases.push(counts(&pairs, exact));
    }
    for (name, matters) in &baseline.matters {
        let spread = accepted.values().filter_map(|run| run.metrics.get(name).copied()).collect();
        let rule = if exact { Rule::Bytes } else { Rule::Interval { matters: *matters } };
        // A metric that one side lacks is reported by `counts`.
        cases.extend(metric(name, &pairs, spread, rule));
    }
    let label = ours.values().next().map_or(id, |record| &record.label);
    let seconds = pairs.iter().filter_map(seconds);
    JudgedTrial {
        id: id.into(),
        label: label.into(),
        class: classes(ours.values().copied()),
        exact,
        seeds: pairs.iter().map(|pair| pair.seed).collect(),
        runs: pairs.iter().map(compared).collect(),
        seconds: seconds.reduce(|sum, each| (sum.0 + each.0, sum.1 + each.1)),
        cases,
    }
}

fn compared(pair: &RunPair<'_>) -> Compared {
    let bits =
        |run: &BaselineRun| run.metrics.iter().map(|(name, value)| (name.clone(), value.to_bits())).collect::<Vec<_>>();
    Compared {
        seed: pair.seed,
        same_weights: pair.baseline.digests.weights == pair.today.digests.weights,
        same_metrics: bits(pair.baseline) == bits(&pair.today),
        seconds: seconds(pair),
    }
}

fn seconds(pair: &RunPair<'_>) -> Option<(f64, f64)> {
    pair.baseline.seconds.zip(pair.today.seconds)
}

fn doubt(why: &str, seeds: &[u64]) -> Case {
    let why = format!("{}: {why}", super::change::of_seeds(seeds));
    Case { name: Case::RUNS.into(), verdict: DriftVerdict::CouldNotJudge, values: None, why }
}
