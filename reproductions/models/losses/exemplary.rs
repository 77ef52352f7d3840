//! The loss of the exemplary list, and how it is added to the base model's.

use harness::nn::log_loss;
use harness::value::{Share, Weight};
use schemars::JsonSchema;
use serde::Deserialize;

/// L_D = Σ_r w_r ln(1 + e^−ŷ_r) over a list with these `scores`, times `scale`. `weights` come as w_r
/// and leave as `scale` times the gradient, −w_r σ(−ŷ_r).
///
/// # Panics
/// If the lengths differ.
pub fn exemplary(scores: &[f32], scale: f64, weights: &mut [f32]) -> f64 {
    assert_eq!(scores.len(), weights.len(), "a weight for each score");
    let mut sum = 0.0;
    for (&score, weight) in scores.iter().zip(weights) {
        // Most weights by discrepancy are 0 once a student has learnt.
        if *weight != 0.0 {
            let (loss, slope) = log_loss(score, 1.0);
            let scaled = scale * f64::from(*weight);
            sum += scaled * f64::from(loss);
            *weight = (scaled * f64::from(slope)) as f32;
        }
    }
    sum
}

/// The combination of ranking and distillation loss. α' = α/(1 − α) makes them the same but for the factor
/// 1 − α, which matters to nothing but weight decay under Adam.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Combination {
    /// L_R + α' L_D: the authors' code, with α' = 1.
    Added(Weight),
    /// (1 − α) L_R + α L_D: the paper, best at α of about 0.3 to 0.5.
    Mixed(Share),
}

impl Combination {
    /// The factors of L_R and of L_D.
    pub fn factors(self) -> (f64, f64) {
        match self {
            Self::Added(alpha) => (1.0, alpha.get()),
            Self::Mixed(alpha) => (1.0 - alpha.get(), alpha.get()),
        }
    }
}
