//! Weights of the items of an exemplary list. They carry no gradient.
//!
//! Positions count from 0 in the code of this page: position `r` here is r + 1 in the paper.

use schemars::JsonSchema;
use serde::Deserialize;

/// Sums of weights below this are none: the weights stay 0.
const LEAST_SUM: f64 = 1e-12;

/// The same weight 1/K for all of `k` positions.
pub fn uniform(k: usize) -> Vec<f32> {
    vec![1.0 / k as f32; k]
}

/// w^a: e^(−r/`lambda`) over `k` positions, with the sum 1 (the code's; the paper says "proportional").
pub fn position(k: usize, lambda: f64) -> Vec<f32> {
    // Relative to the first, so that a small λ leaves all weight to it, and not 0/0.
    let weights: Vec<f64> = (0..k).map(|r| libm::exp(-(r as f64) / lambda)).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| (w / sum) as f32).collect()
}

/// The estimate of a student's rank of an item from samples: `above` of ε score strictly higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RankEstimate {
    /// ⌊above · (|Ô| − 1)/ε⌋ + 1 against positions from 1, |Ô| the number of items that samples are
    /// drawn from.
    Paper,
    /// ⌊above · N/ε⌋ against positions from 0, N the number of all items.
    Code,
}

impl RankEstimate {
    /// The estimate, as its form counts; `items` is the form's |Ô| or N.
    pub fn rank(self, above: usize, samples: usize, items: usize) -> usize {
        match self {
            Self::Paper => above * (items - 1) / samples + 1,
            Self::Code => above * items / samples,
        }
    }

    /// Number of places that the student ranks an item behind the teacher's `position`, or 0.
    pub fn behind(self, position: usize, above: usize, samples: usize, items: usize) -> usize {
        let teachers = match self {
            Self::Paper => position + 1,
            Self::Code => position,
        };
        self.rank(above, samples, items).saturating_sub(teachers)
    }
}

/// w^b: tanh(`mu` · places behind), which is 0 where the student does not rank an item lower than the
/// teacher. Writes a weight for each of `scores`, the student's of the list in the teacher's order;
/// `samples`: its scores of the sampled items; `items`: see [`RankEstimate::rank`].
///
/// # Panics
/// If there is not a slot for each weight, or no sample.
pub fn discrepancy(
    estimate: RankEstimate,
    mu: f64,
    items: usize,
    scores: &[f32],
    samples: &[f32],
    weights: &mut [f32],
) {
    assert!(scores.len() == weights.len() && !samples.is_empty(), "a slot for each score, and samples");
    for (position, (score, weight)) in scores.iter().zip(weights).enumerate() {
        // Counted in u32: as wide as the scores, so that the loop becomes vector instructions.
        let above: u32 = samples.iter().map(|sample| u32::from(sample > score)).sum();
        let behind = estimate.behind(position, above as usize, samples.len(), items);
        *weight = if behind == 0 { 0.0 } else { libm::tanh(mu * behind as f64) as f32 };
    }
}

/// w^a · w^b: `weights` come as w^b and leave as the product, with the sum 1 if `normalised` (the
/// paper; the code leaves them as they are). All zero stay zero.
///
/// # Panics
/// If the lengths differ.
pub fn hybrid(position: &[f32], weights: &mut [f32], normalised: bool) {
    assert_eq!(position.len(), weights.len(), "w^a and w^b");
    for (weight, position) in weights.iter_mut().zip(position) {
        *weight *= position;
    }
    if normalised {
        let sum: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        let scale = 1.0 / sum.max(LEAST_SUM);
        for weight in weights {
            *weight = (f64::from(*weight) * scale) as f32;
        }
    }
}
