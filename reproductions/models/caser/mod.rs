//! Caser: convolutions over the last items of a user (Tang and Wang, WSDM 2018), as the authors of RD train it
//! (graytowne/rank_distill, graytowne/caser_pytorch; both (code)).
//!
//! ```text
//! X = the L rows of E that were read                               [L, d]
//! vertical:   b_f + Σ_l w_fl X_l                                   [nv, d], no activation
//! horizontal: max over time of act(b_f + ⟨W_f, h rows of X⟩)       [nh] for each height h = 1..L
//! z = act(A · dropout([vertical, horizontal]) + c)                 [d]
//! score of id i = ⟨[z, P_u], W2_i⟩ + b2_i
//! ```
//!
//! Tables have a row for the padding, which starts and moves like any other (code).

mod backward;
mod block;
mod encoder;
mod fused;
mod graph;
mod layers;
mod sizes;

use std::sync::Arc;

use candle_core::Device;
use harness::error::Result;
use harness::nn::{Activation, Dropout};
use harness::split::UserItems;
use harness::train::Context;
use harness::value::{Count, Share};
use harness::weights::Layout;
use schemars::JsonSchema;
use serde::Deserialize;

pub use self::encoder::CaserEncoder;
pub use self::fused::FusedCaser;
pub use self::graph::GraphCaser;
pub use self::sizes::{CaserSizes, NAMES};
use super::sequence::{SequentialHyper, SequentialKind, SequentialModel, WindowTraining};

/// Caser as a kind of model.
pub static KIND: SequentialKind =
    SequentialKind { name: "caser", encoder: |weights, train| Ok(Box::new(CaserEncoder::new(weights, train)?)) };

/// Hyper-parameters of Caser and of its training. RD's for Gowalla stand in parentheses.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaserHyper {
    /// d (teacher 100, student 50).
    pub dim: Count,
    /// nv (2).
    pub vertical_filters: Count,
    /// nh, of each height (16).
    pub horizontal_filters: Count,
    /// After the horizontal filters (identity).
    pub convolution: Activation,
    /// After the hidden layer (sigmoid).
    pub hidden: Activation,
    /// Dropout rate of the input of the hidden layer (0.5).
    pub dropout: Share,
    pub training: WindowTraining,
}

impl CaserHyper {
    /// The sizes of a model for some users and items.
    pub fn sizes(&self, users: usize, items: usize) -> CaserSizes {
        CaserSizes {
            users,
            ids: items + 1,
            dim: self.dim.get(),
            length: self.training.length.get(),
            vertical: self.vertical_filters.get(),
            horizontal: self.horizontal_filters.get(),
            convolution: self.convolution,
            hidden: self.hidden,
        }
    }
}

impl SequentialHyper for CaserHyper {
    fn kind(&self) -> &'static SequentialKind {
        &KIND
    }

    fn training(&self) -> &WindowTraining {
        &self.training
    }

    fn layout(&self, users: usize, items: usize) -> Layout {
        self.sizes(users, items).layout()
    }

    /// Outputs of the filters; each horizontal filter at each place, of which the largest counts.
    fn features(&self) -> usize {
        let length = self.training.length.get();
        let of_rows = self.vertical_filters.get().saturating_mul(self.dim.get());
        of_rows.saturating_add(self.horizontal_filters.get().saturating_mul(length).saturating_mul(length))
    }

    fn model(&self, cx: &Context<'_>, _: Arc<UserItems>) -> Result<Box<dyn SequentialModel>> {
        let sizes = self.sizes(cx.split().n_users, cx.split().n_items);
        let initial = sizes.initial(|purpose| cx.stream(purpose, 0));
        let dropout = Dropout::new(self.dropout.get());
        Ok(match cx.device {
            Device::Cpu => Box::new(FusedCaser::new(initial, dropout)?),
            device => Box::new(GraphCaser::new(initial, dropout, device)?),
        })
    }
}

#[cfg(test)]
mod tests;
