//! Pointwise evaluation: every labelled (query, item) pair is scored by itself, and nothing is ranked.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::index::not_finite;
use crate::error::Result;
use crate::metrics::{Metric, Scorer};
use crate::simd::all_finite;

/// A (query, item) pair whose outcome is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelledPair {
    pub query: u32,
    pub item: u32,
    /// Whether it is a positive: the item was clicked, bought, or rated highly.
    pub label: bool,
}

/// The result of a pointwise evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct PointwiseEvaluation {
    pub pairs: usize,
    pub positives: usize,
    /// Each metric over all pairs at once.
    pub values: BTreeMap<Metric, f64>,
}

impl PointwiseEvaluation {
    /// Scores all `pairs` and computes `metrics` from the scores, which are taken as logits. Pairs of one query that stand
    /// side by side are scored together. Runs on the current rayon pool; the values do not depend on it by a bit. Takes at
    /// most 13 bytes a pair beside its input.
    ///
    /// # Errors
    /// [`Diverged`](crate::error::Kind::Diverged): a score that is not finite. [`Data`](crate::error::Kind::Data): no pair,
    /// or for `auc` pairs of one label only.
    ///
    /// # Panics
    /// If a metric reads ranks, or the scorer does not know a query or an item.
    pub fn new(scorer: &dyn Scorer, pairs: &[LabelledPair], metrics: &[Metric]) -> Result<Self> {
        let scores = scores(scorer, pairs)?;
        let labels: Vec<bool> = pairs.iter().map(|pair| pair.label).collect();
        let value = |metric: &Metric| Ok((*metric, metric.value_of_scores(&scores, &labels)?));
        Ok(Self {
            pairs: pairs.len(),
            positives: labels.iter().filter(|label| **label).count(),
            values: metrics.iter().map(value).collect::<Result<_>>()?,
        })
    }
}

/// Pairs that one task scores.
const BLOCK: usize = 4096;

fn scores(scorer: &dyn Scorer, pairs: &[LabelledPair]) -> Result<Vec<f32>> {
    let mut scores = vec![0.0; pairs.len()];
    let blocks = pairs.par_chunks(BLOCK).zip(scores.par_chunks_mut(BLOCK));
    // The first of several errors, so that the message does not depend on the pool.
    let checked: Vec<Result<()>> = blocks
        .map(|(pairs, scores)| {
            let items: Vec<u32> = pairs.iter().map(|pair| pair.item).collect();
            let mut start = 0;
            for of_query in pairs.chunk_by(|a, b| a.query == b.query) {
                let these = start..start + of_query.len();
                scorer.score(of_query[0].query, &items[these.clone()], &mut scores[these.clone()]);
                start = these.end;
            }
            if all_finite(scores) {
                return Ok(());
            }
            let at = scores.iter().position(|score| !score.is_finite()).expect("one of them is not finite");
            Err(not_finite(pairs[at].query, pairs[at].item, scores[at]))
        })
        .collect();
    checked.into_iter().collect::<Result<()>>()?;
    Ok(scores)
}
