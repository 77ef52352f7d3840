//! A NextItNet as a network over pieces, in training and afterwards.

use harness::error::Result;
use harness::weights::{Settings, Weights};

use super::group::GroupTrace;
use super::layers::NextItNetLayers;
use super::sizes::NextItNetSizes;
use crate::models::pieces::{NetworkEncoder, PieceNetwork, PieceSizes};

/// A NextItNet in training.
pub type NextItNet = PieceNetwork<NextItNetSizes>;

/// A NextItNet as students read it and as it is served.
pub type NextItNetEncoder<'a> = NetworkEncoder<'a, NextItNetSizes>;

impl PieceSizes for NextItNetSizes {
    type Layers = NextItNetLayers;
    type Group = GroupTrace;

    const TABLES: usize = 1;

    fn of(weights: &Weights) -> Result<Self> {
        NextItNetSizes::of(weights)
    }

    fn settings(&self) -> Settings {
        NextItNetSizes::settings(self)
    }

    fn layers(&self, values: &[&[f32]]) -> NextItNetLayers {
        NextItNetLayers::new(self.clone(), values)
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
        self.groups
    }
}
