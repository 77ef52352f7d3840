//! The evidence of our runs on one inequality of a claim.

use std::collections::BTreeMap;

use crate::compare::{MIN_SEEDS, Measurements, PublishedEffect, Scope};
use crate::metrics::Metric;
use crate::spec::{Bound, Inequality, Measure, Quantity};
use crate::stats::{Interval, LEVEL, OneSided, Summary, bootstrap_interval, mean_interval, paired_differences, t_test};

/// What our runs say for and against an inequality of a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence<'a> {
    /// The inequality: a − b of a metric, or a / b of a quantity, within a bound.
    pub inequality: Inequality<'a>,
    /// a − b, or a / b (of a measured quantity the geometric mean), over the seeds that both trials have; `None` if there
    /// are none.
    pub ours: Option<Summary>,
    /// Confidence interval of its mean, by the spread over seeds.
    pub over_seeds: Option<Interval>,
    /// Bootstrap interval of its mean by the spread over queries, with the models as they are.
    pub over_queries: Option<Interval>,
    /// The paper's own a − b, where a comparison of the spec has both cells.
    pub published: Option<PublishedEffect>,
    /// p-values of the tests; `None` where there are too few seeds for one.
    pub p: Option<PValues>,
}

/// One-sided p-values of an inequality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PValues {
    /// p-value of the hypothesis that it is violated: small if the inequality holds.
    pub holds: f64,
    /// p-value of the hypothesis that it is satisfied: small if the inequality fails.
    pub fails: f64,
    /// Whether the quantity was counted, neither drawn nor timed: then the two are 0 and 1, nothing was estimated, and there
    /// is nothing to correct.
    pub exact: bool,
}

impl<'a> Evidence<'a> {
    /// The evidence on an inequality; `published` is the paper's own effect.
    pub fn new(inequality: Inequality<'a>, published: Option<PublishedEffect>, ours: &Measurements) -> Self {
        let by_seed = [inequality.a, inequality.b].map(|trial| ours.by_seed(trial, inequality.of, Scope::Run));
        match inequality.of {
            Measure::Metric(metric) => Self::of_metric(inequality, metric, published, by_seed, ours),
            Measure::Quantity(Quantity::Parameters) => Self::of_parameters(inequality, by_seed),
            Measure::Quantity(_) => Self::of_measured(inequality, by_seed),
        }
    }

    fn of_metric(
        inequality: Inequality<'a>,
        metric: Metric,
        published: Option<PublishedEffect>,
        [a, b]: [BTreeMap<u64, f64>; 2],
        ours: &Measurements,
    ) -> Self {
        let differences = paired_differences(&a, &b);
        let by_query = |trial: &str| ours.runs.by_query(trial, metric);
        let queries = over_queries(&by_query(inequality.a), &by_query(inequality.b));
        let p = (differences.len() >= MIN_SEEDS).then_some(()).and_then(|()| {
            let seeds = tested(inequality.bound, &differences)?;
            // Another seed could have given other models, and other users other queries: both tests must reject, so the
            // larger p-value counts.
            let queries = queries.as_deref().and_then(|of| tested(inequality.bound, of));
            // Equal values of a few seeds may be chance: without queries nothing can be said of their spread.
            let spread = Summary::of(&differences)?.sd? > 0.0;
            let queries = queries.or(spread.then_some(seeds))?;
            Some(PValues { holds: seeds.above.max(queries.above), fails: seeds.below.max(queries.below), exact: false })
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

    /// Numbers of parameters are counted, not estimated: one run is enough.
    fn of_parameters(inequality: Inequality<'a>, [a, b]: [BTreeMap<u64, f64>; 2]) -> Self {
        let ratios = ratios(&a, &b);
        let satisfied = |ratio: f64| match inequality.bound {
            Bound::Above(bound) => ratio > bound,
            Bound::AtLeast(bound) => ratio >= bound,
            Bound::AtMost(bound) => ratio <= bound,
        };
        let p = (!ratios.is_empty()).then(|| {
            let p = |said: bool| if said { 0.0 } else { 1.0 };
            let holds = ratios.iter().all(|&ratio| satisfied(ratio));
            PValues { holds: p(holds), fails: p(!holds), exact: true }
        });
        Self { ours: Summary::of(&ratios), over_seeds: None, over_queries: None, published: None, p, inequality }
    }

    /// Ratios are tested as logarithms: twice and half are the same distance from one.
    fn of_measured(inequality: Inequality<'a>, [a, b]: [BTreeMap<u64, f64>; 2]) -> Self {
        let logs: Vec<f64> = ratios(&a, &b).into_iter().map(libm::log).collect();
        let p = (logs.len() >= MIN_SEEDS).then_some(()).and_then(|()| {
            let p = sides(inequality.bound, t_test(&logs, libm::log(inequality.bound.value()))?);
            Some(PValues { holds: p.above, fails: p.below, exact: false })
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

/// The t test of an inequality over some values. Where all values are the bound itself, as where two trials gave the same
/// bytes, there is nothing to estimate: `≥` and `≤` hold, and `>` does not.
fn tested(bound: Bound, values: &[f64]) -> Option<OneSided> {
    let summary = Summary::of(values)?;
    if summary.sd == Some(0.0) && summary.mean == bound.value() {
        let strict = matches!(bound, Bound::Above(_));
        let p = |said: bool| if said { 0.0 } else { 1.0 };
        return Some(OneSided { above: p(!strict), below: p(strict) });
    }
    Some(sides(bound, t_test(values, bound.value())?))
}

/// The p-values with `above` as the side of the inequality, whichever side the bound is on.
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
