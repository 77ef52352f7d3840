//! The point-wise ranking loss that sequential models train on.

use harness::nn::log_loss;

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
