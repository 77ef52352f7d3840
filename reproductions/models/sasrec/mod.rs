//! SASRec as ADER trains it (Mi, Lin, Faltings, RecSys 2020; DoubleMuL/ADER (code)): self-attention over a
//! session's last items, and a softmax over all items seen so far. It differs from Kang and McAuley's of 2018.
//!
//! ```text
//! x = dropout(√d · E[item] + P[place])                     place L − n..L − 1 for n items
//! each block:
//!   q = LN(x);  Q = q·W_Q + b_Q;  K = x·W_K + b_K;  V = x·W_V + b_V          K, V of x itself
//!   y = dropout(softmax(Q·Kᵀ/√(d/heads), no later key))·V + q                the residual is q, not x
//!   z = LN(y);  x ← dropout(W₂·dropout(relu(W₁·z + b₁)) + b₂) + z
//! representation = LN(x) of the last item;  score of item i = ⟨representation, E_i⟩
//! ```
//!
//! The authors pad inputs to L on the left and mask the padding. Here no padding exists: only real places are
//! computed, which is exact (the vector `padding_truncation_is_exact`), and of the last block only the last
//! place's query. A real place whose LN(x) sums to exactly 0 would be masked in the original; that is ignored.
//!
//! Items count from 0: the authors' item id is one more, their row 0 is the padding's and does not exist here.

mod attention;
mod backward;
mod dropout;
mod encoder;
mod fisher;
mod forward;
mod fused;
mod gradients;
mod layers;
mod sequences;
mod sizes;

use harness::error::{Error, Kind, Result};
use harness::metrics::Scorer;
use harness::queries::Queries;
use harness::value::{Count, Share, checked};
use harness::weights::Weights;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

pub use self::encoder::{SasRecEncoder, SasRecScorer};
pub use self::fused::{BatchPart, SasRec};
pub use self::sequences::Sequences;
pub use self::sizes::SasRecSizes;

/// The name of the model in the registry.
pub const NAME: &str = "sasrec";

/// A trained model as it is served.
///
/// # Errors
/// If the weights are not a SASRec's, or of a smaller catalogue.
pub fn scorer(weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>> {
    Ok(Box::new(SasRecScorer::new(SasRecEncoder::new(weights)?, queries)?))
}

/// Hyper-parameters of the model; the authors' stand in parentheses.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct SasRecHyper {
    /// d (150).
    pub dim: Count,
    /// L, most recent items that are read (50).
    pub length: Count,
    /// Blocks (2).
    pub blocks: Count,
    /// Heads of attention, d/heads wide each (1).
    pub heads: Count,
    /// Dropout rate of embeddings, attention weights and both layers of the feed-forward (0.3; 0 for Finetune and EWC).
    pub dropout: Share,
}

impl<'de> Deserialize<'de> for SasRecHyper {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check)
    }
}

impl SasRecHyper {
    fn check(&self) -> Result<()> {
        let (dim, heads) = (self.dim.get(), self.heads.get());
        if !dim.is_multiple_of(heads) {
            return Err(Error::new(Kind::Input, format!("`heads` = {heads} does not divide `dim` = {dim}")));
        }
        Ok(())
    }

    /// The sizes of a model for a number of items, including those of later periods.
    pub fn sizes(&self, items: usize) -> SasRecSizes {
        let [dim, length, blocks, heads] = [self.dim, self.length, self.blocks, self.heads].map(Count::get);
        SasRecSizes { items, dim, length, blocks, heads }
    }
}

#[cfg(test)]
mod tests;
