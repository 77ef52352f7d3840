//! Clipping of gradients by their norm.

/// Beside the norm, as torch has it.
const EPS: f64 = 1e-6;

/// The factor by which all gradients are multiplied so that their common norm is at most `most`, as
/// `torch.nn.utils.clip_grad_norm_` has it: most/(norm + 1e-6), or none where that is not below 1. `squares` is the sum of the
/// squares of all elements of all gradients.
pub fn clip_factor(most: f64, squares: f64) -> Option<f32> {
    let factor = most / (squares.sqrt() + EPS);
    (factor < 1.0).then_some(factor as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{case, doubles};

    #[test]
    fn gradients_are_clipped_as_the_reference_clips_them() {
        let case = case("adarec.json", "grad_clip");
        let gradients = doubles(&case["inputs"]["grads"]);
        let squares = gradients.iter().map(|g| g * g).sum();
        let factor = clip_factor(case["inputs"]["max_norm"].as_f64().unwrap(), squares).unwrap();
        for (gradient, want) in gradients.iter().zip(doubles(&case["expected"]["clipped"])) {
            assert!((gradient * f64::from(factor) - want).abs() < 1e-6, "{gradient} {want}");
        }
        assert_eq!(clip_factor(14.0, squares), None);
    }
}
