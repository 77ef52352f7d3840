//! What is measured once a run is trained, and its record.

use std::collections::BTreeMap;

use super::world::World;
use super::{Job, Run};
use crate::data::Manifest;
use crate::digest::{Digest, FieldHasher};
use crate::error::Result;
use crate::meter::{self, PeakMemory, Seconds};
use crate::method::Trained;
use crate::metrics::Metric;
use crate::rank::{Evaluation, Index};
use crate::record::{
    Curve, Digests, FORMAT, Hits, Latency, Memory, ParameterShape, PeriodRecord, RankSet, Ranks, Record,
};
use crate::train::{self, Context, Learnt, Selected};
use crate::weights::Weights;

/// Everything about a trained run that goes into its record.
pub(super) struct Measured {
    pub weights: Weights,
    reported: Vec<Reported>,
    selected: Option<Selected>,
    periods: Vec<Learnt>,
    seconds: Seconds,
    peak_rss_bytes: Option<u64>,
    latency: meter::Latency,
}

/// The test result that some metrics are reported from.
struct Reported {
    metrics: Vec<Metric>,
    epoch: Option<usize>,
    test: Evaluation,
    /// Values on the validation part; none where the split has no such part.
    valid: Option<BTreeMap<Metric, f64>>,
}

impl Measured {
    pub fn new(cx: &mut Context<'_>, job: &Job<'_>, trained: Trained, peak: &PeakMemory) -> Result<Self> {
        let Trained { scorer, weights, selected, periods } = trained;
        let metrics = &job.spec.protocol.metrics;
        let mut reported = selected.as_ref().map_or(Vec::new(), |selected| reported(selected, metrics));
        if !periods.is_empty() {
            reported.push(over_periods(&periods, metrics));
        }
        if reported.is_empty() {
            let task = cx.task;
            let valid = task.valid.as_ref().map(|valid| cx.evaluate(valid, &*scorer)).transpose()?;
            let (valid, test) = (valid.map(|valid| valid.values), cx.evaluate(&task.test, &*scorer)?);
            reported.push(Reported { metrics: metrics.clone(), epoch: None, test, valid });
        }
        let peak_rss_bytes = peak.bytes();
        let latency = meter::latency(&Index::new(&*scorer), cx.seen())?;
        Ok(Self { weights, reported, selected, periods, seconds: cx.meter.seconds.clone(), peak_rss_bytes, latency })
    }

    /// The first metric, for a progress line.
    pub fn headline(&self) -> String {
        let first = &self.reported[0];
        let metric = first.metrics[0];
        format!("test {metric} {:.4}", first.test.values[&metric])
    }
}

/// All periods as one: plain means over them, and their queries one after the other.
fn over_periods(periods: &[Learnt], metrics: &[Metric]) -> Reported {
    let mean = |of: &dyn Fn(&Learnt, Metric) -> Option<f64>| -> BTreeMap<Metric, f64> {
        let of_metric = |&metric: &Metric| {
            let values: Option<Vec<f64>> = periods.iter().map(|period| of(period, metric)).collect();
            values.map(|values| (metric, values.iter().sum::<f64>() / values.len() as f64))
        };
        metrics.iter().filter_map(of_metric).collect()
    };
    let joined = |of: fn(&Evaluation) -> &Vec<u32>| periods.iter().flat_map(|p| of(&p.test).iter().copied()).collect();
    let test = Evaluation {
        queries: (0..periods.iter().map(|p| p.test.queries.len() as u32).sum()).collect(),
        targets: joined(|test| &test.targets),
        ranks: joined(|test| &test.ranks),
        pessimistic_ranks: joined(|test| &test.pessimistic_ranks),
        values: mean(&|p, metric| p.test.values.get(&metric).copied()),
        pessimistic: mean(&|p, metric| p.test.pessimistic.get(&metric).copied()),
    };
    let valid = mean(&|p, metric| p.selected.as_ref()?.1.get(&metric).copied());
    Reported { metrics: metrics.to_vec(), epoch: None, test, valid: Some(valid) }
}

/// Nothing where nothing was selected.
fn reported(selected: &Selected, metrics: &[Metric]) -> Vec<Reported> {
    let mut all: Vec<Reported> = Vec::new();
    for &metric in metrics {
        let Some((best, test)) = selected.reported(metric).and_then(|best| Some((best, best.test.as_ref()?))) else {
            continue;
        };
        match all.iter_mut().find(|r| r.epoch == Some(best.epoch)) {
            Some(reported) => reported.metrics.push(metric),
            None => all.push(Reported {
                metrics: vec![metric],
                epoch: Some(best.epoch),
                test: test.clone(),
                valid: Some(best.valid.values.clone()),
            }),
        }
    }
    all
}

/// The record of a run.
pub(super) fn record(
    job: &Job<'_>,
    world: &World,
    run: &Run<'_>,
    measured: &Measured,
    started: jiff::Timestamp,
) -> Record {
    let Measured { weights, reported, selected, periods, seconds, peak_rss_bytes, latency } = measured;
    let values = |of: fn(&Reported) -> Option<&BTreeMap<Metric, f64>>| -> BTreeMap<String, f64> {
        let measured = reported.iter().filter_map(|r| Some((&r.metrics, of(r)?)));
        measured
            .flat_map(|(metrics, values)| metrics.iter().filter_map(move |m| Some((m.to_string(), *values.get(m)?))))
            .collect()
    };
    let total: f64 = seconds.values().sum();
    let mut by_phase: BTreeMap<String, f64> = seconds.iter().map(|(phase, s)| (phase.name().into(), *s)).collect();
    by_phase.insert("total".into(), total);
    Record {
        format: FORMAT,
        spec: job.spec.id.clone(),
        profile: job.spec.profile.clone(),
        trial: run.trial.id.clone(),
        label: run.trial.label.clone(),
        method: run.trial.method.clone(),
        seed: run.seed,
        command: job.command.to_string(),
        program: job.program.clone(),
        started: started.to_string(),
        digests: Digests {
            run: run.fingerprint,
            data: raw_digest(job.manifest),
            dataset: world.dataset_digest,
            split: world.split_digest,
            weights: weights.digest(),
        },
        device: job.device.name.clone(),
        threads: rayon::current_num_threads(),
        machine: world.machine.clone(),
        parameter_count: weights.count(),
        parameters: weights.listing().map(|(name, shape)| ParameterShape { name, shape }).collect(),
        epochs_run: selected.as_ref().map_or(0, |s| s.epochs_run as u64)
            + periods.iter().map(|period| period.epochs_run as u64).sum::<u64>(),
        selected: reported
            .iter()
            .filter_map(|r| Some((r.epoch?, &r.metrics)))
            .flat_map(|(epoch, metrics)| metrics.iter().map(move |m| (m.to_string(), epoch as u64)))
            .collect(),
        metrics: values(|r| Some(&r.test.values)),
        pessimistic: values(|r| Some(&r.test.pessimistic)),
        validation: values(|r| r.valid.as_ref()),
        seconds: by_phase,
        memory: Memory { peak_rss_bytes: *peak_rss_bytes },
        latency: Some(request(latency)),
        curve: selected.as_ref().map(|selected| curve(&selected.curve)),
        periods: periods.iter().map(period).collect(),
        time_ties: world.time_ties.clone(),
        ranks: Some(ranks(reported)),
    }
}

/// The meter sends requests from one thread.
pub(super) fn request(latency: &meter::Latency) -> Latency {
    Latency { requests: latency.requests as u64, threads: 1, p50_us: latency.p50_us, p99_us: latency.p99_us }
}

fn period(learnt: &Learnt) -> PeriodRecord {
    let named = |values: &BTreeMap<Metric, f64>| values.iter().map(|(metric, v)| (metric.to_string(), *v)).collect();
    PeriodRecord {
        period: learnt.period as u64,
        items: learnt.items as u64,
        queries: learnt.test.queries.len() as u64,
        facts: learnt.facts.clone(),
        epochs_run: learnt.epochs_run as u64,
        selected: learnt.selected.as_ref().map(|(epoch, _)| *epoch as u64),
        metrics: named(&learnt.test.values),
        pessimistic: named(&learnt.test.pessimistic),
        validation: learnt.selected.as_ref().map_or(BTreeMap::new(), |(_, values)| named(values)),
        seconds: learnt.seconds,
        curve: curve(&learnt.curve),
    }
}

fn curve(learnt: &train::Curve) -> Curve {
    let validation = &learnt.validation;
    let columns = std::iter::once("loss".to_string()).chain(validation.keys().map(Metric::to_string));
    let mut curve = Curve::new(columns.collect());
    for (epoch, loss) in learnt.loss.iter().enumerate() {
        let row: Vec<_> = std::iter::once(Some(*loss)).chain(validation.values().map(|v| v[epoch])).collect();
        curve.push(&row);
    }
    curve
}

/// Per query, the ranks that its metrics can see.
fn ranks(reported: &[Reported]) -> Ranks {
    let targets = &reported[0].test.targets;
    let sets = reported.iter().map(|r| {
        let within = r.metrics.iter().map(|m| m.cutoff()).collect::<Option<Vec<_>>>().and_then(|c| c.into_iter().max());
        let mut hits = Hits::default();
        let mut rest = &r.test.ranks[..];
        for &n in &r.test.targets {
            let (of_query, after) = rest.split_at(n as usize);
            rest = after;
            let seen: Vec<u32> = of_query.iter().copied().filter(|&rank| within.is_none_or(|w| rank <= w)).collect();
            hits.push(&seen);
        }
        RankSet { metrics: r.metrics.iter().map(Metric::to_string).collect(), within, hits }
    });
    Ranks { targets: targets.iter().any(|&n| n != 1).then(|| targets.clone()), sets: sets.collect() }
}

/// Digest of the raw files, as their manifest names them.
fn raw_digest(manifest: &Manifest) -> Digest {
    let mut hasher = FieldHasher::new("reprise raw files 1");
    for file in &manifest.files {
        hasher.field(&file.name, file.identity.to_string().as_bytes());
    }
    hasher.finish()
}
