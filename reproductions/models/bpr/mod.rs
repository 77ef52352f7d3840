//! BPR: matrix factorisation trained on pairs (Rendle et al., UAI 2009), as DE-RRD's authors train it
//! (SeongKu-Kang/DE-RRD_CIKM20).
//!
//! User table U×d and item table N×d, no biases, Normal(0, `init_std`). The loss of a batch of
//! (u, i, j) is the **sum** Σ ln(1 + e^−(s_ui − s_uj)); Adam adds the L2 term to the gradient of every
//! row at every step. Because losses are sums, the relative strength of the decay depends on the
//! batch size.

mod fused;
mod graph;
mod weights;

use candle_core::Device;
use harness::error::Result;
use harness::train::Context;
use harness::weights::Init;

pub use self::fused::FusedBpr;
pub use self::graph::GraphBpr;
pub use self::weights::{layout, of_tables, representations, scorer};
use super::{PairHyper, PairKind, Recommender};

/// BPR as a kind of model.
pub const KIND: PairKind =
    PairKind { name: "bpr", layout, model, scorer, representations, representation_width: |dim| dim };

fn model(cx: &Context<'_>, hyper: &PairHyper) -> Result<Box<dyn Recommender>> {
    let layout = layout(cx.split().n_users, cx.split().n_items, hyper.dim.get());
    let initial = layout.initial(|purpose| cx.stream(purpose, 0), |_, _| Init::Normal(hyper.init_std.get()));
    Ok(match cx.device {
        Device::Cpu => Box::new(FusedBpr::new(initial.into())?),
        device => Box::new(GraphBpr::new(initial.into(), device)?),
    })
}

#[cfg(test)]
mod tests;
