//! What each metric means: id, formula, cutoff rule, direction, and whether it reads ranks or scores.
//!
//! A ranking metric is a pure function of the ranks of a query's targets; ties are settled before, where ranks are made
//! (`rank/`). Metrics of scores are computed in `pointwise.rs`. Logarithms come from `libm`: the same bits on every
//! platform.

use std::sync::LazyLock;

/// The formula of a metric, without its cutoff. The texts are printed by reports.
///
/// Symbols of ranking metrics: G the targets (held-out items) of a query, k the cutoff, r the rank of a target (from 1,
/// among the candidates), hits the targets with r ≤ k. Of metrics of scores: (z, y) the score, a logit, and the label,
/// 0 or 1, of a (query, item) pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Definition {
    Recall,
    Precision,
    Ndcg,
    NdcgRd,
    Mrr,
    Map,
    Ap,
    Hr,
    LooHr,
    LooNdcg,
    LooMrr,
    Auc,
    AucByRow,
    LogLoss,
}

use Definition::*;

/// Which of two values of a metric is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    HigherIsBetter,
    LowerIsBetter,
}

impl Direction {
    /// Whether `a` is strictly better than `b`; false where one of them is not a number.
    pub fn prefers(self, a: f64, b: f64) -> bool {
        match self {
            Self::HigherIsBetter => a > b,
            Self::LowerIsBetter => a < b,
        }
    }
}

/// What a metric is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The ranks of each query's held-out items among its candidates; the value of a run is the mean over queries.
    Ranks,
    /// The scores of labelled (query, item) pairs: one value for all pairs at once, without candidates or cutoff.
    Scores,
}

impl Definition {
    /// Every definition, in the order of reports.
    pub fn all() -> &'static [Self] {
        &[Recall, Precision, Ndcg, NdcgRd, Mrr, Map, Ap, Hr, LooHr, LooNdcg, LooMrr, Auc, AucByRow, LogLoss]
    }

    /// The name in specs and records. Never changes meaning: another formula gets another id.
    pub fn id(self) -> &'static str {
        match self {
            Recall => "recall",
            Precision => "precision",
            Ndcg => "ndcg",
            NdcgRd => "ndcg-rd",
            Mrr => "mrr",
            Map => "map",
            Ap => "ap",
            Hr => "hr",
            LooHr => "loo-hr",
            LooNdcg => "loo-ndcg",
            LooMrr => "loo-mrr",
            Auc => "auc",
            AucByRow => "auc-by-row",
            LogLoss => "logloss",
        }
    }

    /// The formula. Of a metric that reads ranks it is for one query, and the value of a run is the unweighted mean over
    /// queries; of a metric that reads scores it is for all pairs.
    pub fn formula(self) -> &'static str {
        match self {
            Recall => "hits / |G|",
            Precision => "hits / k",
            Ndcg => "Σ_hits 1/log2(r+1) / Σ_{i=1..min(|G|,k)} 1/log2(i+1)",
            NdcgRd => {
                "with m = min(|G|,k): Σ_{r≤m} 1/log2(r+1) / Σ_{i=1..m} 1/log2(i+1); the list is cut at m (code of Tang & Wang 2018)"
            }
            Mrr => "1/r of the first hit, 0 without a hit",
            Map => "(1/min(|G|,k)) Σ_hits (hits up to r)/r",
            Ap => "(1/|G|) Σ_{g∈G} (targets up to r)/r, over the complete list",
            Hr => "1 if there is a hit, else 0",
            LooHr => "[r ≤ k] of the only target",
            LooNdcg => "[r ≤ k] · ln 2 / ln(r+1) of the only target",
            LooMrr => "[r ≤ k] / r of the only target",
            Auc => {
                "share of all pairs of a positive and a negative in which the positive has the higher score; equal scores count half"
            }
            AucByRow => {
                "as auc, but of equal scores the pair that comes first in the data counts as the higher one, by which the value depends on the order of the data (code of Peng et al. 2021)"
            }
            LogLoss => {
                "mean of max(z, 0) − z·y + ln(1 + e^−|z|), which is −ln of the probability σ(z) or 1 − σ(z) given to the label; not clipped"
            }
        }
    }

    /// Where the list ends.
    pub fn cutoff_rule(self) -> &'static str {
        match self {
            Ap => "no cutoff: the complete list of candidates",
            NdcgRd => "the first min(|G|,k) of the list",
            Auc | AucByRow | LogLoss => "no list: all labelled (query, item) pairs at once",
            _ => "the first k of the list",
        }
    }

    /// Whether a cutoff must be given (otherwise it must not).
    pub fn needs_cutoff(self) -> bool {
        !matches!(self, Ap) && self.reads() == Reads::Ranks
    }

    /// Whether a higher or a lower value is the better one.
    pub fn direction(self) -> Direction {
        if self == LogLoss { Direction::LowerIsBetter } else { Direction::HigherIsBetter }
    }

    /// Whether it is computed from ranks or from scores.
    pub fn reads(self) -> Reads {
        if matches!(self, Auc | AucByRow | LogLoss) { Reads::Scores } else { Reads::Ranks }
    }

    /// The largest value that it can have; the least is 0.
    pub fn largest(self) -> f64 {
        if self == LogLoss { f64::INFINITY } else { 1.0 }
    }

    /// Whether the metric is defined for leave-one-out queries only.
    pub fn needs_one_target(self) -> bool {
        matches!(self, LooHr | LooNdcg | LooMrr)
    }

    /// The value of a ranking metric for one query, in 0..=1.
    ///
    /// `ranks`: the ranks of the targets from 1, strictly ascending; those beyond the cutoff may be
    /// left out. `targets` = |G|, at least 1. `cutoff` = k, ignored by `ap`.
    ///
    /// # Panics
    /// If the metric reads scores.
    pub fn value(self, ranks: &[u32], targets: usize, cutoff: Option<u32>) -> f64 {
        debug_assert!(targets >= 1 && ranks.len() <= targets && ranks.is_sorted());
        let k = if self == Ap { u32::MAX } else { cutoff.unwrap_or(u32::MAX) };
        let ideal = k.min(u32::try_from(targets).unwrap_or(u32::MAX));
        let within = |k: u32| &ranks[..ranks.partition_point(|&r| r <= k)];
        let hits = within(k);
        let first = hits.first().copied();
        match self {
            Recall => hits.len() as f64 / targets as f64,
            Precision => hits.len() as f64 / f64::from(k),
            Ndcg => gain(hits) / ideal_gain(ideal),
            NdcgRd => gain(within(ideal)) / ideal_gain(ideal),
            Mrr | LooMrr => first.map_or(0.0, |r| 1.0 / f64::from(r)),
            Map | Ap => {
                let precisions = (1u32..).zip(hits).map(|(nth, &r)| f64::from(nth) / f64::from(r));
                // A sum of no terms is −0 in Rust, and no hit is worth 0.
                (precisions.sum::<f64>() + 0.0) / f64::from(ideal)
            }
            Hr | LooHr => f64::from(first.is_some()),
            LooNdcg => first.map_or(0.0, |r| std::f64::consts::LN_2 / libm::log(f64::from(r) + 1.0)),
            Auc | AucByRow | LogLoss => panic!("`{}` reads scores and has no value of ranks", self.id()),
        }
    }
}

/// Ranks whose discounts are looked up: logarithms would be most of the time of reading a record.
const KNOWN: u32 = 1024;

/// 1/log2(r+1)
fn discount(rank: u32) -> f64 {
    // That of rank 0 is never asked for.
    static DISCOUNTS: LazyLock<Vec<f64>> = LazyLock::new(|| (0..=KNOWN).map(computed).collect());
    fn computed(rank: u32) -> f64 {
        1.0 / libm::log2(f64::from(rank) + 1.0)
    }
    DISCOUNTS.get(rank as usize).copied().unwrap_or_else(|| computed(rank))
}

/// Σ 1/log2(r+1), summed from the best rank down.
fn gain(ranks: &[u32]) -> f64 {
    // A sum of no terms is −0 in Rust, and no hit is worth 0.
    ranks.iter().map(|&rank| discount(rank)).sum::<f64>() + 0.0
}

/// The gain of the ranks 1 to `last`.
fn ideal_gain(last: u32) -> f64 {
    static GAINS: LazyLock<Vec<f64>> = LazyLock::new(|| (0..=KNOWN).map(computed).collect());
    fn computed(last: u32) -> f64 {
        (1..=last).map(discount).sum()
    }
    GAINS.get(last as usize).copied().unwrap_or_else(|| computed(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }

    #[test]
    fn one_query_by_hand() {
        // Three targets at ranks 1, 4 and 9.
        let ranks = [1, 4, 9];
        let at = |d: Definition, k| d.value(&ranks, 3, Some(k));
        close(at(Recall, 5), 2.0 / 3.0);
        close(at(Precision, 5), 2.0 / 5.0);
        close(at(Hr, 1), 1.0);
        close(at(Mrr, 5), 1.0);
        close(at(Map, 5), (1.0 + 2.0 / 4.0) / 3.0);
        close(at(Map, 2), 1.0 / 2.0);
        close(Ap.value(&ranks, 3, None), (1.0 + 2.0 / 4.0 + 3.0 / 9.0) / 3.0);
        let log2 = |x: f64| x.log2();
        close(at(Ndcg, 5), (1.0 + 1.0 / log2(5.0)) / (1.0 + 1.0 / log2(3.0) + 0.5));
        // The coded nDCG looks at the first three only.
        close(at(NdcgRd, 5), 1.0 / (1.0 + 1.0 / log2(3.0) + 0.5));
    }

    /// What is looked up are the very bits that are computed, and beyond it nothing changes.
    #[test]
    fn gains_are_those_of_the_formula() {
        let of = |rank: u32| 1.0 / libm::log2(f64::from(rank) + 1.0);
        for last in [1, 2, 10, 100, KNOWN - 1, KNOWN, KNOWN + 1, 3 * KNOWN] {
            let ideal: f64 = (1..=last).map(of).sum();
            assert_eq!(ideal_gain(last).to_bits(), ideal.to_bits(), "{last}");
            assert_eq!(gain(&[last, last + 7]).to_bits(), (of(last) + of(last + 7)).to_bits(), "{last}");
            let targets = last as usize;
            assert_eq!(Ndcg.value(&[last], targets, Some(last)).to_bits(), (of(last) / ideal).to_bits(), "{last}");
        }
    }

    #[test]
    fn without_a_hit_all_are_zero_and_a_perfect_list_is_one() {
        for &d in Definition::all().iter().filter(|d| d.reads() == Reads::Ranks) {
            if d != Ap {
                assert_eq!(d.value(&[11], 1, Some(10)).to_bits(), 0, "{}: 0, and not −0", d.id());
            }
            let k = if d == Precision { 1 } else { 10 };
            close(d.value(&[1], 1, Some(k)), 1.0);
        }
        close(Ndcg.value(&[1, 2, 3], 3, Some(2)), 1.0);
        close(Map.value(&[1, 2, 3], 3, Some(2)), 1.0);
    }

    #[test]
    fn ids_and_texts_are_distinct() {
        let ids: std::collections::BTreeSet<_> = Definition::all().iter().map(|d| d.id()).collect();
        let formulas: std::collections::BTreeSet<_> = Definition::all().iter().map(|d| d.formula()).collect();
        assert_eq!((ids.len(), formulas.len()), (14, 14));
    }

    #[test]
    fn a_lower_loss_is_better_and_every_other_value_is_better_if_higher() {
        for &d in Definition::all() {
            assert_eq!(d.direction().prefers(0.4, 0.5), d == LogLoss, "{}", d.id());
            assert!(!d.direction().prefers(0.5, 0.5) && !d.direction().prefers(f64::NAN, 0.5));
        }
    }
}
