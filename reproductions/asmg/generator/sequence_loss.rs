//! The loss of a sequence of generated models: Σ λ_j · L(j-th model on the data that the j-th input was tested on).

use schemars::JsonSchema;
use serde::Deserialize;

/// The weights λ of a sequence's losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SequenceLoss {
    /// In proportion to the place: 1/6, 2/6, 3/6 of three. The proposed one.
    Linear,
    Uniform,
    /// The softmax of the places (code; no published variant).
    Exponential,
    /// The newest alone.
    Last,
}

impl SequenceLoss {
    /// The weights of `k` losses, oldest first; they add up to 1.
    pub fn weights(self, k: usize) -> Vec<f64> {
        let raw: Vec<f64> = (1..=k)
            .map(|place| match self {
                Self::Linear => place as f64,
                Self::Uniform => 1.0,
                Self::Exponential => libm::exp(place as f64 - k as f64),
                Self::Last => f64::from(u8::from(place == k)),
            })
            .collect();
        let sum: f64 = raw.iter().sum();
        raw.into_iter().map(|weight| weight / sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_near, case, doubles, rows};

    #[test]
    fn weights_agree_with_the_reference() {
        let case = case("asmg.json", "multi_step_loss_weights");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        for (loss, name) in
            [(SequenceLoss::Linear, "linear"), (SequenceLoss::Exponential, "exp"), (SequenceLoss::Uniform, "uniform")]
        {
            for (k, want) in doubles(&inputs["k"]).into_iter().zip(rows(&expected[name])) {
                assert_near(&loss.weights(k as usize), &want, 1e-9, name);
            }
        }
        let losses = doubles(&inputs["losses"]);
        let total: f64 = SequenceLoss::Linear.weights(3).iter().zip(losses).map(|(weight, loss)| weight * loss).sum();
        assert_near(&[total], &doubles(&expected["total_linear_k3"]), 1e-9, "total");
        assert_eq!(SequenceLoss::Last.weights(3), [0.0, 0.0, 1.0]);
    }
}
