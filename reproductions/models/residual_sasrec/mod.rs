//! SASRec as AdaRec trains it as a teacher (code): self-attention over a piece, each block scaled by a learned number that
//! starts at 0. It differs from Kang and McAuley's of 2018 and from ADER's ([`sasrec`](super::sasrec)).
//!
//! ```text
//! x = E[id] + P[position]
//! each block:
//!   a = LN(x);  Q = a·W_Q + b_Q;  K = a·W_K + b_K;  V = a·W_V + b_V
//!   y = dropout(softmax(Q·Kᵀ/√(C/heads), no later key))·V + a        heads side by side, no output projection
//!   z = LN(y);  x ← x + ε·(dropout(W₂·dropout(relu(W₁·z + b₁)) + b₂) + z)
//! logits = LN(x)·Wᵀ + b at every position
//! ```
//!
//! The padding is attended to like any item: the code's mask for it asks for rows that sum to 0, and the padding's row is
//! trained away from 0 (specification of AdaRec, section 2). The outputs of the blocks are what students learn from.

mod block;
mod group;
mod layers;
mod network;
mod sizes;

use harness::error::{Error, Kind, Result};
use harness::nn::Dropout;
use harness::rng::Stream;
use harness::value::{Count, Share, checked};
use harness::weights::Weights;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

pub use self::network::{ResidualSasRec, ResidualSasRecEncoder};
pub use self::sizes::ResidualSasRecSizes;
use super::pieces::{PieceHyper, PieceKind, PieceModel, PieceTraining};

/// SASRec with scaled blocks as a kind of network over pieces.
pub static KIND: PieceKind =
    PieceKind { name: "residual-sasrec", encoder: |weights| Ok(Box::new(ResidualSasRecEncoder::new(weights)?)) };

/// Hyper-parameters of SASRec with scaled blocks and of its training; AdaRec's for its teacher stand in parentheses (code).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct ResidualSasRecHyper {
    /// C (128).
    pub width: Count,
    /// Blocks, whose outputs students learn from (8).
    pub blocks: Count,
    /// Heads of attention, C/heads wide each (4).
    pub heads: Count,
    /// Dropout rate of attention weights and after both layers of the feed-forward; none of embeddings (0.2).
    pub dropout: Share,
    pub training: PieceTraining,
}

impl<'de> Deserialize<'de> for ResidualSasRecHyper {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check)
    }
}

impl ResidualSasRecHyper {
    fn check(&self) -> Result<()> {
        let (width, heads) = (self.width.get(), self.heads.get());
        if !width.is_multiple_of(heads) {
            return Err(Error::new(Kind::Input, format!("`heads` = {heads} does not divide `width` = {width}")));
        }
        Ok(())
    }

    /// The sizes of a model for so many items.
    pub fn sizes(&self, items: usize) -> ResidualSasRecSizes {
        let [width, length, blocks, heads] =
            [self.width, self.training.length, self.blocks, self.heads].map(Count::get);
        ResidualSasRecSizes { items, width, length, blocks, heads }
    }
}

impl PieceHyper for ResidualSasRecHyper {
    fn kind(&self) -> &'static PieceKind {
        &KIND
    }

    fn training(&self) -> &PieceTraining {
        &self.training
    }

    fn count(&self, items: usize) -> usize {
        self.sizes(items).layout().count()
    }

    /// Of each block a dozen rows of activations, and attention weights with their masks.
    fn kept(&self) -> usize {
        let [width, length, blocks, heads] =
            [self.width, self.training.length, self.blocks, self.heads].map(Count::get);
        blocks
            .saturating_mul(width.saturating_mul(14).saturating_add(heads.saturating_mul(length).saturating_mul(3) / 2))
    }

    fn model(&self, items: usize, _: Option<&Weights>, stream: &dyn Fn(&str) -> Stream) -> Result<Box<dyn PieceModel>> {
        let initial = self.sizes(items).initial(stream);
        Ok(Box::new(ResidualSasRec::new(initial, Dropout::new(self.dropout.get()))?))
    }
}

#[cfg(test)]
mod tests;
