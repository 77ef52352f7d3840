//! Fossil: similarities of items and a Markov chain of personal order (He and McAuley, ICDM 2016), as a base
//! model of RD, whose authors published no code of it.
//!
//! ```text
//! x = |H|^−α Σ_{i ∈ H} V_i + Σ_{k=1..L} (η_k + η^u_k) V_{S_{t−k}}
//! score of item j = ⟨x, W_j⟩ + b_j
//! ```
//!
//! H is the user's [history](History), S_{t−1} the last item before the place that is asked for. V and W are
//! different tables without a row for the padding: missing items add nothing. V, W and η^u start
//! Normal(0, `init_std`); b and η at 0 (public re-implementations; the papers do not say). With L = 5 and the bias
//! the four sizes of RD's table come out exactly.

mod encoder;
mod fused;
mod graph;
mod sizes;

use std::sync::Arc;

use candle_core::Device;
use harness::error::Result;
use harness::split::UserItems;
use harness::train::Context;
use harness::value::{Count, Rate, Weight};
use harness::weights::Layout;
use schemars::JsonSchema;
use serde::Deserialize;

pub use self::encoder::FossilEncoder;
pub use self::fused::FusedFossil;
pub use self::graph::GraphFossil;
pub use self::sizes::{FossilSizes, History, NAMES};
use super::sequence::{SequentialHyper, SequentialKind, SequentialModel, WindowTraining};

/// Fossil as a kind of model.
pub static KIND: SequentialKind =
    SequentialKind { name: "fossil", encoder: |weights, train| Ok(Box::new(FossilEncoder::new(weights, train)?)) };

/// Hyper-parameters of Fossil and of its training.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FossilHyper {
    /// d.
    pub dim: Count,
    /// α: 1 makes the long-term part a mean, 0 a sum; 0.2 in Fossil's paper.
    pub alpha: Weight,
    pub history: History,
    /// Standard deviation of the initial V, W and η^u.
    pub init_std: Rate,
    pub training: WindowTraining,
}

impl FossilHyper {
    /// The sizes of a model for some users and items.
    pub fn sizes(&self, users: usize, items: usize) -> FossilSizes {
        FossilSizes {
            users,
            items,
            dim: self.dim.get(),
            length: self.training.length.get(),
            targets: self.training.targets.get(),
            alpha: self.alpha.get(),
            history: self.history,
        }
    }
}

impl SequentialHyper for FossilHyper {
    fn kind(&self) -> &'static SequentialKind {
        &KIND
    }

    fn training(&self) -> &WindowTraining {
        &self.training
    }

    fn layout(&self, users: usize, items: usize) -> Layout {
        self.sizes(users, items).layout()
    }

    /// The last items that a window reads.
    fn features(&self) -> usize {
        self.training.length.get().saturating_mul(self.dim.get())
    }

    fn model(&self, cx: &Context<'_>, train: Arc<UserItems>) -> Result<Box<dyn SequentialModel>> {
        let sizes = self.sizes(cx.split().n_users, cx.split().n_items);
        let initial = sizes.initial(self.init_std.get(), |purpose| cx.stream(purpose, 0));
        Ok(match cx.device {
            Device::Cpu => Box::new(FusedFossil::new(initial, train)?),
            device => Box::new(GraphFossil::new(initial, train, device)?),
        })
    }
}

#[cfg(test)]
mod tests;
