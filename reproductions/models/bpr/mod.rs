//! BPR: matrix factorisation trained on pairs (Rendle et al., UAI 2009), as DE-RRD's authors train it
//! (SeongKu-Kang/DE-RRD_CIKM20).
//!
//! User table U×d and item table N×d, no biases, Normal(0, `init_std`). The loss of a batch of
//! (u, i, j) is the **sum** Σ ln(1 + e^−(s_ui − s_uj)); Adam adds the L2 term to the gradient of every
//! row at every step. Because losses are sums, the relative strength of the decay depends on the
//! batch size.

mod fused;
mod graph;

use candle_core::Device;
use harness::error::{Error, Kind, Result};
use harness::metrics::Scorer;
use harness::train::Context;
use harness::weights::Parameter;

pub use self::fused::FusedBpr;
pub use self::graph::GraphBpr;
use super::{Factors, Hyper, Recommender, Side};

/// The parameters of the model, in their order.
pub const NAMES: [&str; 2] = ["user", "item"];

/// A fresh model on the run's device.
///
/// # Errors
/// If the device fails.
pub fn model(cx: &Context<'_>, hyper: &Hyper) -> Result<Box<dyn Recommender>> {
    let dim = hyper.dim.get();
    let table = |purpose: &str, rows: usize| cx.stream(purpose, 0).normals(rows * dim, hyper.init_std.get());
    let (users, items) = (table("init.user", cx.split.n_users), table("init.item", cx.split.n_items));
    Ok(match cx.device {
        Device::Cpu => Box::new(FusedBpr::new(dim, users, items)),
        device => Box::new(GraphBpr::new(dim, users, items, device)?),
    })
}

fn tables(parameters: &[Parameter]) -> Result<(&Parameter, &Parameter)> {
    match parameters {
        [users, items] if users.name == NAMES[0] && items.name == NAMES[1] => Ok((users, items)),
        _ => Err(Error::new(Kind::Internal, "these are not the parameters of a BPR model")),
    }
}

fn factors(users: &Parameter, items: &Parameter) -> Box<dyn Scorer> {
    Box::new(Factors { dim: users.shape[1], users: users.values.clone().into(), items: items.values.clone().into() })
}

pub fn scorer(parameters: &[Parameter]) -> Result<Box<dyn Scorer>> {
    let (users, items) = tables(parameters)?;
    Ok(factors(users, items))
}

pub fn swapped_scorer(parameters: &[Parameter]) -> Result<Box<dyn Scorer>> {
    let (users, items) = tables(parameters)?;
    Ok(factors(items, users))
}

pub fn representations(parameters: &[Parameter], side: Side) -> Result<(usize, Vec<f32>)> {
    let (users, items) = tables(parameters)?;
    let table = match side {
        Side::User => users,
        Side::Item => items,
    };
    Ok((table.shape[1], table.values.clone()))
}

#[cfg(test)]
mod tests;
