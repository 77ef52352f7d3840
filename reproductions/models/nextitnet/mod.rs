//! NextItNet (Yuan et al., WSDM 2019) as AdaRec trains it as a teacher (code): dilated causal convolutions over a piece, each
//! residual block scaled by a learned number that starts at 0.
//!
//! ```text
//! x = E[id]                                                     no positions; the padding has an ordinary row
//! each block, of dilation δ:
//!   h = relu(LN(conv(x, δ)))                                    conv(x, δ)_t = b + W₀·x_{t−2δ} + W₁·x_{t−δ} + W₂·x_t
//!   x ← x + ε·relu(LN(conv(h, 2δ)))                             zeros before the first position
//! logits = x·Wᵀ + b at every position
//! ```
//!
//! A group has one block of each dilation; the outputs of the groups are what students learn from.

mod group;
mod layers;
mod network;
mod sizes;

use harness::error::{Error, Kind, Result};
use harness::nn::Dropout;
use harness::rng::Stream;
use harness::value::{Count, checked};
use harness::weights::Weights;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

pub use self::network::{NextItNet, NextItNetEncoder};
pub use self::sizes::NextItNetSizes;
use super::pieces::{PieceHyper, PieceKind, PieceModel, PieceTraining};

/// NextItNet as a kind of network over pieces.
pub static KIND: PieceKind =
    PieceKind { name: "nextitnet", encoder: |weights| Ok(Box::new(NextItNetEncoder::new(weights)?)) };

/// Hyper-parameters of NextItNet and of its training; AdaRec's for its teacher stand in parentheses (code).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct NextItNetHyper {
    /// C (256).
    pub width: Count,
    /// Groups of blocks, whose outputs students learn from (8).
    pub groups: Count,
    /// The dilations of a group's blocks; a block's second convolution has twice its dilation ([1, 4]).
    pub dilations: Vec<Count>,
    pub training: PieceTraining,
}

impl<'de> Deserialize<'de> for NextItNetHyper {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check)
    }
}

impl NextItNetHyper {
    fn check(&self) -> Result<()> {
        if self.dilations.is_empty() {
            return Err(Error::new(Kind::Input, "`dilations` is empty: a group without a block"));
        }
        Ok(())
    }

    /// The sizes of a model for so many items.
    pub fn sizes(&self, items: usize) -> NextItNetSizes {
        NextItNetSizes {
            items,
            width: self.width.get(),
            length: self.training.length.get(),
            groups: self.groups.get(),
            dilations: self.dilations.iter().map(|dilation| dilation.get()).collect(),
        }
    }
}

impl PieceHyper for NextItNetHyper {
    fn kind(&self) -> &'static PieceKind {
        &KIND
    }

    fn training(&self) -> &PieceTraining {
        &self.training
    }

    fn count(&self, items: usize) -> usize {
        self.sizes(items).layout().count()
    }

    /// Of each block its input, and of each convolution the normalised output and what the activation makes of it.
    fn kept(&self) -> usize {
        let blocks = self.groups.get().saturating_mul(self.dilations.len());
        blocks.saturating_mul(5).saturating_add(3).saturating_mul(self.width.get())
    }

    fn model(&self, items: usize, _: Option<&Weights>, stream: &dyn Fn(&str) -> Stream) -> Result<Box<dyn PieceModel>> {
        let sizes = self.sizes(items);
        Ok(Box::new(NextItNet::new(sizes.initial(stream), Dropout::new(0.0))?))
    }
}

#[cfg(test)]
mod tests;
