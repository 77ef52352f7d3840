//! The selection of exemplars among the candidates of an item.

use harness::rng::Stream;
use schemars::JsonSchema;
use serde::Deserialize;

use super::herding::{End, herd};

/// A rule.
///
/// The authors' `loss` sorts a batch's mean loss, a single number, and so keeps one candidate of each item, whichever
/// came first; that is a slip, and no option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExemplarSelection {
    /// Herding with [`End::Capped`] (code).
    HerdingCapped,
    /// Herding with [`End::Exact`] (paper).
    HerdingExact,
    /// Any, each subset equally likely (ER_random).
    Random,
    /// The candidates with the smallest cross entropy (paper) (ER_loss).
    Loss,
}

/// The candidates of one item.
pub struct ExemplarCandidates<'a> {
    /// `[candidates, stride]`
    pub representations: &'a [f32],
    pub stride: usize,
    pub dim: usize,
    /// Cross entropies with the label; read by [`ExemplarSelection::Loss`] only.
    pub losses: &'a [f64],
}

impl ExemplarSelection {
    /// Whether the selection needs the loss of each candidate.
    pub fn needs_losses(self) -> bool {
        self == Self::Loss
    }

    /// Positions of up to `quota` candidates.
    pub fn of(self, candidates: &ExemplarCandidates<'_>, quota: usize, stream: &mut Stream) -> Vec<usize> {
        let &ExemplarCandidates { representations, stride, dim, losses } = candidates;
        let count = representations.len() / stride;
        match self {
            Self::HerdingCapped => herd(representations, stride, dim, quota.min(count), End::Capped),
            Self::HerdingExact => herd(representations, stride, dim, quota.min(count), End::Exact),
            Self::Random => {
                let drawn = stream.without_replacement(count as u32, quota.min(count));
                drawn.into_iter().map(|position| position as usize).collect()
            }
            Self::Loss => smallest(losses, quota),
        }
    }
}

/// Positions of the `m` smallest, smallest first; of equals the first.
fn smallest(losses: &[f64], m: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..losses.len()).collect();
    order.sort_by(|&a, &b| losses[a].total_cmp(&losses[b]));
    order.truncate(m);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, doubles, ids};

    #[test]
    fn losses_agree_with_the_reference() {
        let case = case("ader.json", "loss_selection_as_in_paper");
        let losses = doubles(&case["inputs"]["per_row_loss"]);
        let m = case["inputs"]["m"].as_u64().unwrap() as usize;
        let got: Vec<u32> = smallest(&losses, m).into_iter().map(|k| k as u32).collect();
        assert_eq!(got, ids(&case["expected"]["selected"]));
    }

    #[test]
    fn every_rule_keeps_distinct_candidates_and_no_more_than_there_are() {
        let representations = Stream::new(0, "selection", "rows", 0).normals(9 * 4, 1.0);
        let losses: Vec<f64> = (0..9).map(|k| f64::from((k * 7) % 5)).collect();
        let candidates = ExemplarCandidates { representations: &representations, stride: 4, dim: 3, losses: &losses };
        for rule in [
            ExemplarSelection::HerdingCapped,
            ExemplarSelection::HerdingExact,
            ExemplarSelection::Random,
            ExemplarSelection::Loss,
        ] {
            for quota in [0, 1, 4, 9, 30] {
                let mut stream = Stream::new(0, "selection", "draws", quota as u64);
                let mut got = rule.of(&candidates, quota, &mut stream);
                let n = got.len();
                got.sort_unstable();
                got.dedup();
                assert!(got.len() == n && got.iter().all(|&k| k < 9), "{rule:?} of {quota}");
                let wanted = quota.min(9);
                assert!(
                    if rule == ExemplarSelection::HerdingCapped { n <= wanted } else { n == wanted },
                    "{rule:?} of {quota}"
                );
            }
        }
    }
}
