//! BERT4Rec (Sun et al., CIKM 2019) as AdaRec trains it as a teacher (code): self-attention to both sides, first on masked
//! items, then on next items.
//!
//! ```text
//! x = dropout(E[id] + P[position])                                the padding's row is 0 and stays so
//! each block:
//!   a = LN(x);  Q = a·W_Q + b_Q;  K = a·W_K + b_K;  V = a·W_V + b_V
//!   y = x + dropout(dropout(softmax(Q·Kᵀ/√(C/heads), no padding))·V·W_O + b_O)
//!   z = LN(y)
//!   x ← dropout(y + dropout(dropout(gelu(z·W₁ + b₁))·W₂ + b₂))    4·C inside; no norm on top
//! logits = x·Wᵀ + b at every position
//! ```
//!
//! On masked items, labels are the masked ones, and what comes next is asked for by a mask after the last item. On next
//! items, nothing keeps a position from its own label, which is the next position's input (specification of AdaRec, section
//! 2): the loss says little, and the record says how many labels are seen. The outputs of the blocks are what students learn
//! from.

mod block;
mod group;
mod layers;
mod masking;
mod network;
mod sizes;

use harness::error::{Error, Kind, Result};
use harness::nn::Dropout;
use harness::rng::Stream;
use harness::value::{Count, Share, checked};
use harness::weights::Weights;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use self::masking::Masking;
pub use self::network::{Bert4Rec, Bert4RecEncoder};
pub use self::sizes::Bert4RecSizes;
use super::pieces::{PieceBatch, PieceHyper, PieceKind, PieceModel, PieceTraining, Start};

const NAME: &str = "bert4rec";

/// BERT4Rec as a kind of network over pieces.
pub static KIND: PieceKind = PieceKind { name: NAME, encoder: |weights| Ok(Box::new(Bert4RecEncoder::new(weights)?)) };

/// Hyper-parameters of BERT4Rec and of its training; AdaRec's for its teacher stand in parentheses (code).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Bert4RecHyper {
    /// C (128).
    pub width: Count,
    /// Blocks, whose outputs students learn from (8).
    pub blocks: Count,
    /// Heads of attention, C/heads wide each (4).
    pub heads: Count,
    /// Dropout rate wherever something is dropped (0.1).
    pub dropout: Share,
    /// What is predicted (first masked items, then next items).
    pub task: Bert4RecTask,
    /// (The model on masked items is fresh, and the one on next items inherits its weights.)
    pub start: Start,
    pub training: PieceTraining,
}

/// What a BERT4Rec learns to predict.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Bert4RecTask {
    /// Items that are masked with this probability (ML-2K 0.5, the others 0.4). In a spec `{ masked = 0.5 }`.
    Masked(Share),
    /// The item after each position. In a spec `"next-items"`.
    NextItems,
}

impl<'de> Deserialize<'de> for Bert4RecHyper {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        checked(Self::deserialize(deserializer)?, Self::check)
    }
}

impl Bert4RecHyper {
    fn check(&self) -> Result<()> {
        let (width, heads) = (self.width.get(), self.heads.get());
        if !width.is_multiple_of(heads) {
            return Err(Error::new(Kind::Input, format!("`heads` = {heads} does not divide `width` = {width}")));
        }
        if matches!(self.task, Bert4RecTask::Masked(share) if share.get() == 0.0) {
            return Err(Error::new(Kind::Input, "`masked` = 0 leaves nothing to predict").expected("a number above 0"));
        }
        Ok(())
    }

    /// The sizes of a model for so many items.
    pub fn sizes(&self, items: usize) -> Bert4RecSizes {
        let [width, length, blocks, heads] =
            [self.width, self.training.length, self.blocks, self.heads].map(Count::get);
        let asks_by_mask = matches!(self.task, Bert4RecTask::Masked(_));
        Bert4RecSizes { items, width, length, blocks, heads, asks_by_mask }
    }
}

impl PieceHyper for Bert4RecHyper {
    fn kind(&self) -> &'static PieceKind {
        &KIND
    }

    fn training(&self) -> &PieceTraining {
        &self.training
    }

    fn start(&self) -> Start {
        self.start
    }

    fn learns_from(&self) -> &'static [&'static str] {
        match self.start {
            Start::Fresh => &[],
            Start::Inherited => &[NAME],
        }
    }

    fn count(&self, items: usize) -> usize {
        self.sizes(items).layout().count()
    }

    /// Of each block some 26 rows of activations and masks, and attention weights with their masks.
    fn kept(&self) -> usize {
        let [width, length, blocks, heads] =
            [self.width, self.training.length, self.blocks, self.heads].map(Count::get);
        blocks.saturating_mul(width.saturating_mul(26).saturating_add(heads.saturating_mul(length).saturating_mul(3)))
    }

    fn model(
        &self,
        items: usize,
        inherited: Option<&Weights>,
        stream: &dyn Fn(&str) -> Stream,
    ) -> Result<Box<dyn PieceModel>> {
        let sizes = self.sizes(items);
        let initial = match inherited {
            None => sizes.initial(stream),
            Some(weights) => {
                let theirs = Bert4RecSizes::of(weights)?;
                if (Bert4RecSizes { asks_by_mask: sizes.asks_by_mask, ..theirs }) != sizes {
                    return Err(Error::new(Kind::Input, "the model to start from is of another size")
                        .expected(sizes.to_string())
                        .got(theirs.to_string()));
                }
                Weights { settings: sizes.settings(), ..weights.clone() }
            }
        };
        Ok(Box::new(Bert4Rec::new(initial, Dropout::new(self.dropout.get()))?))
    }

    fn fill(
        &self,
        batch: &mut PieceBatch,
        pieces: &mut dyn Iterator<Item = &[u32]>,
        items: usize,
        draws: &mut Stream,
    ) -> Result<()> {
        match self.task {
            Bert4RecTask::NextItems => batch.set(pieces),
            Bert4RecTask::Masked(share) => {
                let masking = Masking { share: share.get(), mask: self.sizes(items).mask(), items: items as u32 };
                batch.clear();
                for piece in pieces {
                    let [inputs, labels] = batch.add();
                    masking.apply(piece, inputs, labels, draws);
                }
                Ok(())
            }
        }
    }

    /// Not where it masks items anew.
    fn keeps_inputs(&self) -> bool {
        self.task == Bert4RecTask::NextItems
    }

    /// All labels of next items but the last; of masked items none but those that the mask leaves as they are.
    fn labels_seen(&self) -> Option<usize> {
        (self.task == Bert4RecTask::NextItems).then(|| self.training.length.get() - 1)
    }
}

#[cfg(test)]
mod tests;
