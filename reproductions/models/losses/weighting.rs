//! Weights of the positions of a teacher's list: the four ways that RD's paper compares.

use harness::value::Rate;
use schemars::JsonSchema;
use serde::Deserialize;

use super::list_weights::{self, RankEstimate};

/// The weights w_r of a list. `S` says how many items are sampled, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Weighting<S> {
    /// 1/K.
    Uniform,
    /// w^a ∝ e^(−r/λ).
    Position { lambda: Rate },
    /// w^b = tanh(μ · places behind).
    Discrepancy(Discrepancy<S>),
    /// w^a until `start_epoch`, then w^a · w^b.
    Hybrid {
        /// λ of w^a.
        position_lambda: Rate,
        discrepancy: Discrepancy<S>,
        /// Whether products have the sum 1: so in the paper and in the re-implementations, not in the
        /// authors' code.
        normalised: bool,
        /// Epochs with w^a alone: 10 in the authors' code.
        start_epoch: usize,
    },
}

/// The number of ranks that the student puts an item behind the teacher, estimated from samples.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discrepancy<S> {
    pub mu: Rate,
    /// ε.
    pub samples: S,
    pub rank_estimate: RankEstimate,
}

impl<S> Weighting<S> {
    /// The comparison of student and teacher, where the weights have one.
    pub fn discrepancy(&self) -> Option<&Discrepancy<S>> {
        match self {
            Self::Uniform | Self::Position { .. } => None,
            Self::Discrepancy(discrepancy) | Self::Hybrid { discrepancy, .. } => Some(discrepancy),
        }
    }

    /// The first epoch in which it does.
    pub fn start_epoch(&self) -> usize {
        match self {
            Self::Hybrid { start_epoch, .. } => *start_epoch,
            _ => 0,
        }
    }

    /// The comparison in this epoch, if it has begun.
    pub fn in_epoch(&self, epoch: usize) -> Option<&Discrepancy<S>> {
        self.discrepancy().filter(|_| epoch >= self.start_epoch())
    }

    /// Weights of `k` positions that no student changes: 1/K, or w^a.
    pub fn fixed(&self, k: usize) -> Vec<f32> {
        match self {
            Self::Uniform | Self::Discrepancy(_) => list_weights::uniform(k),
            Self::Position { lambda } | Self::Hybrid { position_lambda: lambda, .. } => {
                list_weights::position(k, lambda.get())
            }
        }
    }

    /// Turns w^b, in an epoch that [has it](Self::in_epoch), into the weights.
    pub fn finish(&self, fixed: &[f32], weights: &mut [f32]) {
        if let Self::Hybrid { normalised, .. } = self {
            list_weights::hybrid(fixed, weights, *normalised);
        }
    }
}
