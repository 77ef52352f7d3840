//! The tensors of a BPR, and what is read of them once it is trained.

use harness::error::Result;
use harness::metrics::Scorer;
use harness::weights::{Layout, Parameter, Weights};

use crate::models::{Factors, Side};

/// The tensors: a table of users, `[n_users, d]`, and one of items, `[n_items, d]`.
pub fn layout(n_users: usize, n_items: usize, dim: usize) -> Layout {
    Layout::new("BPR", [("user", [n_users, dim]), ("item", [n_items, dim])])
}

/// The weights that are these two tables, row-major.
pub fn of_tables(dim: usize, users: Vec<f32>, items: Vec<f32>) -> Weights {
    let table =
        |name: &str, values: Vec<f32>| Parameter { name: name.into(), shape: vec![values.len() / dim, dim], values };
    vec![table("user", users), table("item", items)].into()
}

/// d.
///
/// # Errors
/// If the weights are not a BPR's.
pub fn dim(weights: &Weights) -> Result<usize> {
    let dim = weights.size(0, 1);
    layout(weights.size(0, 0), weights.size(1, 0), dim).check(weights)?;
    Ok(dim)
}

/// A trained model, asked by one side for the best of the other.
///
/// # Errors
/// If the weights are not a BPR's.
pub fn scorer(weights: &Weights, asker: Side) -> Result<Box<dyn Scorer>> {
    let dim = dim(weights)?;
    let table = |side: Side| weights.parameters[side as usize].values.clone().into();
    Ok(Box::new(Factors { dim, users: table(asker), items: table(asker.other()) }))
}

/// The factors of a side, `[entities, d]`, and d.
///
/// # Errors
/// If the weights are not a BPR's.
pub fn representations(weights: &Weights, side: Side) -> Result<(usize, Vec<f32>)> {
    Ok((dim(weights)?, weights.parameters[side as usize].values.clone()))
}
