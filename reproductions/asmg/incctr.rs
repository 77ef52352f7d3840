//! IncCTR: the model before an update teaches the updated one (Wang et al., 2020; as ASMG's authors have it).

use harness::error::Result;
use harness::nn::sigmoid;
use harness::split::periods::Period;
use harness::train::Context;
use harness::value::Limit;

use super::strategy::{Strategy, TrainingSet, logits, no_samples};
use crate::models::embedding_mlp::EmbeddingMlp;

/// Trains on the last period with the loss (1 − λ) · BCE(label) + λ · BCE(soft label), where the soft label is the probability
/// that the model gave before the update (no temperature; code).
pub struct IncCtr {
    /// λ.
    pub weight: f32,
}

impl IncCtr {
    /// The label whose log-loss is that of both, which is linear in the label.
    pub fn mixed(&self, label: f32, soft: f32) -> f32 {
        self.weight.mul_add(soft, (1.0 - self.weight) * label)
    }
}

impl Strategy for IncCtr {
    fn training_set<'p>(
        &mut self,
        _: &mut Context<'_>,
        period: Period<'p>,
        model: &mut EmbeddingMlp,
    ) -> Result<TrainingSet<'p>> {
        let mut set = period.samples_before(Limit::At(1)).map(TrainingSet::of).ok_or_else(no_samples)?;
        let answers = logits(model, set.samples, &set.positions, period.categories());
        let labels = set.samples.labels().iter().zip(answers);
        set.labels =
            Some(labels.map(|(&label, logit)| self.mixed(f32::from(u8::from(label)), sigmoid(logit))).collect());
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use harness::nn::log_loss;

    use super::*;
    use crate::golden::{assert_near, case, doubles, floats};

    /// The vector is of f64; each value here is rounded a few times to a spacing of 6e-8 or less.
    const TOLERANCE: f64 = 2e-7;

    #[test]
    fn the_loss_of_mixed_labels_is_that_of_the_reference() {
        let case = case("asmg.json", "incctr_loss");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let [logits, labels, soft] = ["logits", "labels", "teacher_scores"].map(|name| floats(&inputs[name]));
        let mean = |weight: f32| {
            let incctr = IncCtr { weight };
            let each = |k: usize| log_loss(logits[k], incctr.mixed(labels[k], soft[k]));
            let (losses, slopes): (Vec<f32>, Vec<f32>) = (0..logits.len()).map(each).unzip();
            let n = logits.len() as f64;
            let slopes: Vec<f64> = slopes.iter().map(|slope| f64::from(*slope) / n).collect();
            (losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / n, slopes)
        };
        let weight = inputs["lam"].as_f64().unwrap() as f32;
        let total = mean(weight);
        let losses = [mean(0.0).0, mean(1.0).0, total.0];
        let want = ["ce", "kd", "total"].map(|name| expected[name].as_f64().unwrap());
        assert_near(&losses, &want, TOLERANCE, "losses");
        // One of the logits is 0, where the slope is σ(0) − y as everywhere.
        assert_near(&total.1, &doubles(&expected["grad"]), TOLERANCE, "slopes");
    }
}
