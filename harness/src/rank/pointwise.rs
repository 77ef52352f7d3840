//! Pointwise evaluation: every labelled pair of an asker and an item is scored by itself, and nothing is ranked.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Evaluation;
use super::index::not_finite;
use crate::error::{Error, Kind, Result};
use crate::metrics::{Metric, Score, Scorer};
use crate::queries::LabelledPair;
use crate::simd::all_finite;

/// Scores all `pairs` and computes `metrics` from the scores, which are taken as logits. Pairs of one asker that stand side
/// by side are scored together. Runs on the current rayon pool; the values do not depend on it by a bit. Takes at most 13
/// bytes a pair beside its input.
///
/// # Errors
/// [`Diverged`](crate::error::Kind::Diverged): a score that is not finite. [`Data`](crate::error::Kind::Data): no pair, or
/// for `auc` pairs of one label only.
///
/// # Panics
/// If a metric reads ranks, or the scorer does not know an asker or an item.
pub(super) fn evaluate(scorer: &dyn Scorer, pairs: &[LabelledPair], metrics: &[Metric]) -> Result<Evaluation> {
    Evaluation::of_scores(&scores(scorer, pairs)?, pairs, metrics)
}

impl Evaluation {
    /// The metrics of the scores of labelled pairs, which are taken as logits.
    ///
    /// # Errors
    /// As [`Metric::value_of_scores`]; [`Data`](Kind::Data) where a value is infinite.
    ///
    /// # Panics
    /// If a metric reads ranks, or there is not one score for each pair.
    pub(crate) fn of_scores<S: Score>(scores: &[S], pairs: &[LabelledPair], metrics: &[Metric]) -> Result<Self> {
        let labels: Vec<bool> = pairs.iter().map(|pair| pair.label).collect();
        let all = |value: &dyn Fn(Metric) -> Result<f64>| -> Result<BTreeMap<Metric, f64>> {
            metrics.iter().map(|metric| Ok((*metric, value(*metric)?))).collect()
        };
        let values = all(&|metric| metric.value_of_scores(scores, &labels))?;
        if let Some((metric, value)) = values.iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::new(Kind::Data, format!("`{metric}` of these scores has no value"))
                .expected("scores that are logits, of which the sum over all pairs is finite")
                .got(value.to_string()));
        }
        let pessimistic = all(&|metric| metric.pessimistic_value_of_scores(scores, &labels))?;
        Ok(Self { pairs: pairs.len(), values, pessimistic, ..Self::default() })
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
            for of_asker in pairs.chunk_by(|a, b| a.asker == b.asker) {
                let these = start..start + of_asker.len();
                scorer.score(of_asker[0].asker, &items[these.clone()], &mut scores[these.clone()]);
                start = these.end;
            }
            if all_finite(scores) {
                return Ok(());
            }
            let at = scores.iter().position(|score| !score.is_finite()).expect("one of them is not finite");
            Err(not_finite(pairs[at].asker, pairs[at].item, scores[at]))
        })
        .collect();
    checked.into_iter().collect::<Result<()>>()?;
    Ok(scores)
}
