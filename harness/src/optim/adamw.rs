//! AdamW: Adam with decoupled weight decay, as `torch.optim.AdamW` computes it.

use super::{Adam, AdamStep};

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019): θ ← (1 − lr·wd)·θ, then the step of [`Adam`] without L2,
/// for every element, with or without a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    pub learning_rate: f64,
    /// wd: each step takes lr·wd of every weight away.
    pub weight_decay: f64,
}

impl AdamW {
    /// The factor of the decay, and the constants of the step after it, for step `t`, counting from 1.
    pub fn at(&self, t: u64) -> (f32, AdamStep) {
        let kept = (1.0 - self.learning_rate * self.weight_decay) as f32;
        (kept, Adam { learning_rate: self.learning_rate, weight_decay: 0.0 }.at(t))
    }
}
