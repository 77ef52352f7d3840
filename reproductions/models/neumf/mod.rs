//! NeuMF: a product part and a multi-layer perceptron side by side (He et al., WWW 2017), as the
//! authors of DE-RRD train it (SeongKu-Kang/RS_Implicit_Feedback_PyTorch).
//!
//! ```text
//! z_ui = ⟨w_product, p_u ⊙ q_i⟩ + ⟨w_hidden, relu(W [m_u, n_i] + c)⟩ + b
//! ```
//!
//! Two tables of width d for each side, Normal(0, `init_std`): p, q of the product part and m, n of the
//! perceptron. The hidden layer (2d → d) starts Xavier-uniform, the output layer (2d → 1) uniform
//! within √(6/2d), the biases at 0. One hidden layer: the only number that fits the parameter counts of
//! DE-RRD's tables. The score is the logit z. The loss of a batch of (u, i, j) is the **sum**
//! Σ ln(1 + e^−z_ui) + ln(1 + e^z_uj); Adam adds the L2 term to the gradient of every parameter.

mod fused;
mod graph;
mod kernel;
mod scorer;
mod side;
mod weights;

use candle_core::Device;
use harness::error::Result;
use harness::train::Context;

pub use self::fused::FusedNeuMf;
pub use self::graph::GraphNeuMf;
pub use self::weights::{NAMES, initial, layout, representations, scorer, shapes};
use super::{PairHyper, PairKind, Recommender};

/// NeuMF as a kind of model.
pub const KIND: PairKind =
    PairKind { name: "neumf", layout, model, scorer, representations, representation_width: |dim| 2 * dim };

fn model(cx: &Context<'_>, hyper: &PairHyper) -> Result<Box<dyn Recommender>> {
    let (n_users, n_items) = (cx.split().n_users, cx.split().n_items);
    let initial = initial(n_users, n_items, hyper.dim.get(), hyper.init_std.get(), |purpose| cx.stream(purpose, 0));
    Ok(match cx.device {
        Device::Cpu => Box::new(FusedNeuMf::new(initial)?),
        device => Box::new(GraphNeuMf::new(initial, device)?),
    })
}

#[cfg(test)]
mod tests;
