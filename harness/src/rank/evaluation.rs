//! The result of an evaluation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::Metric;

/// The values of the metrics, and what they follow from: the ranks of every query's targets, or so many scored pairs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Ascending; every query has at least one target. Empty, as all ranks, where labelled pairs were scored.
    pub queries: Vec<u32>,
    /// Number of targets of each query.
    pub targets: Vec<u32>,
    /// Ranks of the targets from 1, exact at any depth; ascending within a query, the queries one
    /// after the other.
    pub ranks: Vec<u32>,
    /// The same with every target behind all other items of its score.
    pub pessimistic_ranks: Vec<u32>,
    /// Number of labelled pairs that were scored; 0 where targets were ranked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pairs: usize,
    /// Means over the queries, or over all pairs at once.
    pub values: BTreeMap<Metric, f64>,
    /// The same with every tie decided against the model. A gap between the two says that scores are tied.
    pub pessimistic: BTreeMap<Metric, f64>,
}

impl Evaluation {
    pub(crate) fn new(queries: Vec<u32>, targets: Vec<u32>, blocks: Vec<Ranks>, metrics: &[Metric]) -> Self {
        let (mut ranks, mut pessimistic_ranks) = (Vec::new(), Vec::new());
        for block in blocks {
            ranks.extend(block.ranks);
            pessimistic_ranks.extend(block.pessimistic);
        }
        let means = |ranks: &[u32]| {
            let mean = |metric: Metric| {
                let sum: f64 = values(metric, &targets, ranks).sum();
                sum / targets.len() as f64
            };
            metrics.iter().map(|&metric| (metric, mean(metric))).collect()
        };
        let (values, pessimistic) = (means(&ranks), means(&pessimistic_ranks));
        Self { queries, targets, ranks, pessimistic_ranks, pairs: 0, values, pessimistic }
    }

    /// Number of queries that were ranked, or of labelled pairs that were scored.
    pub fn asked(&self) -> usize {
        self.queries.len() + self.pairs
    }

    /// The values of a metric, one for each of [`Self::queries`]; any metric, measured or not.
    pub fn per_query(&self, metric: Metric) -> Vec<f64> {
        values(metric, &self.targets, &self.ranks).collect()
    }
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

fn values<'a>(metric: Metric, targets: &'a [u32], mut ranks: &'a [u32]) -> impl Iterator<Item = f64> + 'a {
    targets.iter().map(move |&n| {
        let (of_query, rest) = ranks.split_at(n as usize);
        ranks = rest;
        metric.value(of_query, n as usize)
    })
}

/// Ranks of some queries' targets, as in [`Evaluation`].
#[derive(Default)]
pub(crate) struct Ranks {
    ranks: Vec<u32>,
    pessimistic: Vec<u32>,
}

impl Ranks {
    /// Adds a query. `ranks`: of its targets, in any order. `or_equal`: for each of them the number
    /// of candidates, itself included, whose score is not lower.
    pub fn push(&mut self, ranks: impl IntoIterator<Item = u32>, or_equal: impl IntoIterator<Item = u32>) {
        let start = self.ranks.len();
        self.ranks.extend(ranks);
        self.ranks[start..].sort_unstable();
        self.pessimistic.extend(or_equal);
        let last = &mut self.pessimistic[start..];
        last.sort_unstable();
        // Tied targets share a count: the last of them stands there, the others just before it.
        for i in (1..last.len()).rev() {
            last[i - 1] = last[i - 1].min(last[i] - 1);
        }
    }
}
