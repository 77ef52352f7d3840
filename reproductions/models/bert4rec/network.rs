//! A BERT4Rec as a network over pieces, in training and afterwards.

use harness::error::Result;
use harness::weights::{Settings, Weights};

use super::group::GroupTrace;
use super::layers::Bert4RecLayers;
use super::sizes::{Bert4RecSizes, TABLES};
use crate::models::pieces::{NetworkEncoder, PieceNetwork, PieceSizes, left_padded};

/// A BERT4Rec in training.
pub type Bert4Rec = PieceNetwork<Bert4RecSizes>;

/// A BERT4Rec as students read it and as it is served.
pub type Bert4RecEncoder<'a> = NetworkEncoder<'a, Bert4RecSizes>;

impl PieceSizes for Bert4RecSizes {
    type Layers = Bert4RecLayers;
    type Group = GroupTrace;

    const TABLES: usize = TABLES;

    const PADDING_LEARNS: bool = false;

    fn of(weights: &Weights) -> Result<Self> {
        Bert4RecSizes::of(weights)
    }

    fn settings(&self) -> Settings {
        Bert4RecSizes::settings(self)
    }

    fn layers(&self, values: &[&[f32]]) -> Bert4RecLayers {
        Bert4RecLayers::new(*self, values)
    }

    fn items(&self) -> usize {
        self.items
    }

    fn width(&self) -> usize {
        self.width
    }

    fn length(&self) -> usize {
        self.length
    }

    fn hidden(&self) -> usize {
        self.blocks
    }

    /// The padding, the items and the mask.
    fn ids(&self) -> usize {
        self.items + 2
    }

    fn asks_by_mask(&self) -> bool {
        self.asks_by_mask
    }

    fn read(&self, items: &[u32], row: &mut [u32]) {
        match row {
            [before @ .., last] if self.asks_by_mask => {
                left_padded(items, before);
                *last = self.mask();
            }
            row => left_padded(items, row),
        }
    }
}
