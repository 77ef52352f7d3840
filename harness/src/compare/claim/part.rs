//! One inequality of a claim, and what our runs say for it and against it.

use std::collections::BTreeMap;

use crate::compare::MIN_SEEDS;
use crate::metrics::Metric;
use crate::record::{Record, Runs};
use crate::spec::{Bound, Inequality, Measure, Quantity};
use crate::stats::{Interval, LEVEL, OneSided, Summary, bootstrap_interval, mean_interval, paired_differences, t_test};

/// See the module's head.
#[derive(Clone, Debug, PartialEq)]
pub struct Part<'a> {
    pub inequality: Inequality<'a>,
    /// a − b of a metric, or a / b of a quantity (of a measured one the geometric mean), over the seeds that both trials
    /// have.
    pub ours: Option<Summary>,
    /// Where its mean is, by the spread over seeds …
    pub over_seeds: Option<Interval>,
    /// … and by the spread over queries, with the models as they are: bootstrap.
    pub over_queries: Option<Interval>,
    /// The paper's own a − b, where a comparison of the spec has both cells.
    pub published: Option<Theirs>,
    /// `None` where too few seeds were run to say anything.
    pub p: Option<Against>,
}

/// A published effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theirs {
    pub value: f64,
    /// It is known to ± this: both printed figures are rounded.
    pub rounding: f64,
}

/// p-values of the two sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Against {
    /// Of no more than the bound: small if the inequality holds.
    pub holds: f64,
    /// Of the bound at least: small if the inequality fails.
    pub fails: f64,
    /// Whether nothing was drawn or timed: then 0 and 1 are no estimates, and there is nothing to correct.
    pub exact: bool,
}

impl<'a> Part<'a> {
    pub fn new(inequality: Inequality<'a>, published: Option<Theirs>, runs: &Runs) -> Self {
        match inequality.of {
            Measure::Metric(metric) => Self::of_metric(inequality, metric, published, runs),
            Measure::Quantity(Quantity::Parameters) => Self::of_parameters(inequality, runs),
            Measure::Quantity(Quantity::Latency) => Self::of_measured(inequality, runs, |record| {
                record.latency.as_ref().filter(|_| runs.is_on_the_processor(record)).map(|latency| latency.p50_us)
            }),
            Measure::Quantity(Quantity::Memory) => {
                Self::of_measured(inequality, runs, |record| record.memory.peak_rss_bytes.map(|bytes| bytes as f64))
            }
            Measure::Quantity(Quantity::Training) => {
                Self::of_measured(inequality, runs, |record| runs.is_timed(record).then(|| record.training_seconds()))
            }
        }
    }

    fn of_metric(inequality: Inequality<'a>, metric: Metric, published: Option<Theirs>, runs: &Runs) -> Self {
        let key = metric.to_string();
        let values = |trial: &str| runs.by_seed(trial, |record| record.metrics.get(&key).copied());
        let differences = paired_differences(&values(inequality.a), &values(inequality.b));
        let queries = over_queries(&runs.by_query(inequality.a, metric), &runs.by_query(inequality.b, metric));
        let p = (differences.len() >= MIN_SEEDS).then_some(()).and_then(|()| {
            let seeds = tested(inequality.bound, &differences)?;
            // Both must speak: another seed could have given other models, other users other queries. So the larger p.
            let queries = queries.as_deref().and_then(|of| tested(inequality.bound, of));
            // Equal values of a few seeds may be chance: without queries there is nothing to tell.
            let spread = Summary::of(&differences)?.sd? > 0.0;
            let queries = queries.or(spread.then_some(seeds))?;
            Some(Against { holds: seeds.above.max(queries.above), fails: seeds.below.max(queries.below), exact: false })
        });
        Self {
            ours: Summary::of(&differences),
            over_seeds: mean_interval(&differences, LEVEL),
            over_queries: queries.and_then(|of| bootstrap_interval(&of, LEVEL)),
            published,
            p,
            inequality,
        }
    }

    /// Counted, not measured: one run is enough.
    fn of_parameters(inequality: Inequality<'a>, runs: &Runs) -> Self {
        let count = |record: &Record| Some(record.parameter_count as f64);
        let ratios = ratios(&runs.by_seed(inequality.a, count), &runs.by_seed(inequality.b, count));
        let satisfied = |ratio: f64| match inequality.bound {
            Bound::Above(bound) => ratio > bound,
            Bound::AtLeast(bound) => ratio >= bound,
            Bound::AtMost(bound) => ratio <= bound,
        };
        let p = (!ratios.is_empty()).then(|| {
            let p = |said: bool| if said { 0.0 } else { 1.0 };
            let holds = ratios.iter().all(|&ratio| satisfied(ratio));
            Against { holds: p(holds), fails: p(!holds), exact: true }
        });
        Self { ours: Summary::of(&ratios), over_seeds: None, over_queries: None, published: None, p, inequality }
    }

    /// Ratios are tested as logarithms: twice and half are the same distance from one.
    fn of_measured(inequality: Inequality<'a>, runs: &Runs, of: impl Fn(&Record) -> Option<f64>) -> Self {
        let ratios = ratios(&runs.by_seed(inequality.a, &of), &runs.by_seed(inequality.b, &of));
        let logs: Vec<f64> = ratios.iter().map(|&ratio| libm::log(ratio)).collect();
        let p = (logs.len() >= MIN_SEEDS).then_some(()).and_then(|()| {
            let p = sides(inequality.bound, t_test(&logs, libm::log(inequality.bound.value()))?);
            Some(Against { holds: p.above, fails: p.below, exact: false })
        });
        let exp = |of: Summary| Summary { mean: libm::exp(of.mean), sd: None, ..of };
        let interval = |of: Interval| Interval { low: libm::exp(of.low), high: libm::exp(of.high) };
        Self {
            ours: Summary::of(&logs).map(exp),
            over_seeds: mean_interval(&logs, LEVEL).map(interval),
            over_queries: None,
            published: None,
            p,
            inequality,
        }
    }
}

/// The test of an inequality over some values. Of values that all are the bound itself, as where two trials gave the same
/// bytes, there is nothing to estimate: `≥` and `≤` are true of them, and `>` is not.
fn tested(bound: Bound, values: &[f64]) -> Option<OneSided> {
    let summary = Summary::of(values)?;
    if summary.sd == Some(0.0) && summary.mean == bound.value() {
        let strict = matches!(bound, Bound::Above(_));
        let p = |said: bool| if said { 0.0 } else { 1.0 };
        return Some(OneSided { above: p(!strict), below: p(strict) });
    }
    Some(sides(bound, t_test(values, bound.value())?))
}

/// Whichever side the bound is on, `above` is that of the inequality.
fn sides(bound: Bound, p: OneSided) -> OneSided {
    match bound {
        Bound::Above(_) | Bound::AtLeast(_) => p,
        Bound::AtMost(_) => OneSided { above: p.below, below: p.above },
    }
}

/// a / b for every seed that both have, of positive quantities.
fn ratios(a: &BTreeMap<u64, f64>, b: &BTreeMap<u64, f64>) -> Vec<f64> {
    let pairs = a.iter().filter_map(|(seed, a)| Some((a, b.get(seed)?)));
    pairs.filter(|(a, b)| **a > 0.0 && **b > 0.0).map(|(a, b)| a / b).collect()
}

/// For each query the mean of a − b over the seeds that both have; `None` without any.
fn over_queries(a: &BTreeMap<u64, Vec<f64>>, b: &BTreeMap<u64, Vec<f64>>) -> Option<Vec<f64>> {
    let pairs: Vec<_> = a.iter().filter_map(|(seed, a)| Some((a, b.get(seed)?))).collect();
    let queries = pairs.first()?.0.len();
    let n = pairs.len() as f64;
    let same = pairs.iter().all(|(a, b)| a.len() == queries && b.len() == queries);
    same.then(|| (0..queries).map(|q| pairs.iter().map(|(a, b)| a[q] - b[q]).sum::<f64>() / n).collect())
}
