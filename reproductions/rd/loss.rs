//! The losses: of the exemplary list, of the base model, and their sum.

use harness::nn::log_loss;

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

/// L_R = Σ ln(1 + e^−s) over the first `positives` scores + Σ ln(1 + e^s) over the others: the
/// point-wise ranking loss of a window. Writes its gradient.
///
/// # Panics
/// If there is not a slot for each gradient.
pub fn pointwise(scores: &[f32], positives: usize, gradients: &mut [f32]) -> f64 {
    assert_eq!(scores.len(), gradients.len(), "a slot for each score");
    let mut sum = 0.0;
    for (k, (&score, gradient)) in scores.iter().zip(gradients).enumerate() {
        let (loss, slope) = log_loss(score, if k < positives { 1.0 } else { 0.0 });
        sum += f64::from(loss);
        *gradient = slope;
    }
    sum
}

/// How ranking and distillation loss become one. α' = α/(1 − α) makes them the same but for the factor
/// 1 − α, which matters to nothing but weight decay under Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Combination {
    /// L_R + α' L_D: the authors' code, with α' = 1.
    Added(f64),
    /// (1 − α) L_R + α L_D: the paper, best at α of about 0.3 to 0.5.
    Mixed(f64),
}

impl Combination {
    /// The factors of L_R and of L_D.
    pub fn factors(self) -> (f64, f64) {
        match self {
            Self::Added(alpha) => (1.0, alpha),
            Self::Mixed(alpha) => (1.0 - alpha, alpha),
        }
    }
}
