//! Elastic weight consolidation (Kirkpatrick et al., PNAS 2017) as ADER's baseline has it: a penalty
//! keeps weights near their values of the last period, in proportion to their Fisher information there.

use harness::error::{Error, Kind, Result};
use harness::nn::DenseParameter;
use rayon::prelude::*;

use crate::models::sasrec::{SasRec, Sequences};

/// Weights that one task goes over; sums over them are made in order.
const BLOCK: usize = 4096;

/// L gains (λ/2)·Σ F·(θ − θ*)². F and θ* are of the last period alone: every period replaces them (code).
///
/// The authors' code also computes them anew after every epoch, without effect on the loss, whose graph has the
/// values of the period's start; that is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Penalty {
    /// λ. Its published value is not known: the authors' README says that it must be tuned.
    pub weight: f64,
    anchors: Vec<Anchor>,
}

/// The anchor of one parameter, or of its first values: the rows of items seen so far.
#[derive(Clone, Debug, PartialEq)]
struct Anchor {
    /// θ*
    weights: Vec<f32>,
    /// F, the diagonal of the Fisher information.
    fisher: Vec<f32>,
}

impl Penalty {
    /// Anchors `model` as it is. The Fisher information is the mean over samples, inputs with their labels, of the
    /// squared gradient of a sample's cross entropy, over the first `items` items and without dropout. The authors
    /// draw up to 1,000 samples from the exemplars of the period that ends (code).
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if there is no sample, or one is not of these items.
    pub fn new(weight: f64, model: &mut SasRec, samples: &Sequences, labels: &[u32], items: usize) -> Result<Self> {
        let fisher = model.fisher(samples, labels, items)?;
        let anchors = model.dense_mut().zip(fisher).map(|(dense, fisher)| {
            let weights = dense.weights[..fisher.len()].to_vec();
            Anchor { weights, fisher }
        });
        Ok(Self { weight, anchors: anchors.collect() })
    }

    /// Adds the gradient of the penalty to the step in progress, and returns the penalty.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if the model has other parameters.
    pub fn add(&self, model: &mut SasRec) -> Result<f64> {
        let fits = |(dense, anchor): (&mut DenseParameter, &Anchor)| anchor.weights.len() <= dense.weights.len();
        let count = model.dense_mut().count();
        if count != self.anchors.len() || !model.dense_mut().zip(&self.anchors).all(fits) {
            return Err(Error::new(Kind::Internal, "the penalty of EWC is of another model"));
        }
        let sums = model.dense_mut().zip(&self.anchors).map(|(dense, anchor)| {
            add(self.weight, anchor, &dense.weights[..anchor.weights.len()], &mut dense.gradient)
        });
        Ok(sums.sum())
    }
}

/// The penalty of one parameter; its gradient is added to `gradient`.
fn add(weight: f64, Anchor { weights, fisher }: &Anchor, now: &[f32], gradient: &mut [f32]) -> f64 {
    let lambda = weight as f32;
    let blocks: Vec<f64> = gradient[..now.len()]
        .par_chunks_mut(BLOCK)
        .zip(now.par_chunks(BLOCK))
        .zip(weights.par_chunks(BLOCK).zip(fisher.par_chunks(BLOCK)))
        .map(|((gradient, now), (weights, fisher))| {
            let mut sum = 0.0;
            for (((gradient, now), weight), fisher) in gradient.iter_mut().zip(now).zip(weights).zip(fisher) {
                let slope = fisher * (now - weight);
                sum += f64::from(slope) * f64::from(now - weight);
                *gradient += lambda * slope;
            }
            sum
        })
        .collect();
    0.5 * weight * blocks.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_near, case, doubles, floats};

    #[test]
    fn the_penalty_agrees_with_the_reference() {
        let case = case("ader.json", "ewc");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let anchor = Anchor { weights: floats(&inputs["theta_prev"]), fisher: floats(&expected["fisher"]) };
        let mut gradient = vec![0.0; 3];
        let penalty = add(inputs["lam"].as_f64().unwrap(), &anchor, &floats(&inputs["theta"]), &mut gradient);
        let total = inputs["base_loss"].as_f64().unwrap() + penalty;
        let want = ["penalty", "total"].map(|key| expected[key].as_f64().unwrap());
        assert_near(&[penalty, total], &want, 1e-6, "losses");
        assert_near(&gradient, &doubles(&expected["penalty_grad"]), 1e-6, "gradient");
    }
}
