//! A SASRec with scaled blocks as a network over pieces, in training and afterwards.

use harness::error::Result;
use harness::weights::{Settings, Weights};

use super::group::GroupTrace;
use super::layers::ResidualSasRecLayers;
use super::sizes::{ResidualSasRecSizes, TABLES};
use crate::models::pieces::{NetworkEncoder, PieceNetwork, PieceSizes};

/// A SASRec with scaled blocks in training.
pub type ResidualSasRec = PieceNetwork<ResidualSasRecSizes>;

/// A SASRec with scaled blocks as students read it and as it is served.
pub type ResidualSasRecEncoder<'a> = NetworkEncoder<'a, ResidualSasRecSizes>;

impl PieceSizes for ResidualSasRecSizes {
    type Layers = ResidualSasRecLayers;
    type Group = GroupTrace;

    const TABLES: usize = TABLES;

    fn of(weights: &Weights) -> Result<Self> {
        ResidualSasRecSizes::of(weights)
    }

    fn settings(&self) -> Settings {
        ResidualSasRecSizes::settings(self)
    }

    fn layers(&self, values: &[&[f32]]) -> ResidualSasRecLayers {
        ResidualSasRecLayers::new(*self, values)
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
}
