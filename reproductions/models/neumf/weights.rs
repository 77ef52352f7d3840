//! The tensors of a NeuMF, how they start, and what is read of them once it is trained.

use harness::error::Result;
use harness::metrics::Scorer;
use harness::rng::Stream;
use harness::weights::{Init, Layout, Weights};

use super::scorer::MlpScorer;
use crate::models::Side;

/// The tensors, in their order.
pub const NAMES: [&str; 8] = [
    "user-product",
    "item-product",
    "user-mlp",
    "item-mlp",
    "hidden-weight",
    "hidden-bias",
    "output-weight",
    "output-bias",
];

/// Shapes in the order of [`NAMES`]. Weights of layers are `[out, in]`, as torch and candle keep them; the hidden layer reads
/// [user, item], the output layer [product, hidden]. Biases are rows.
pub fn shapes(n_users: usize, n_items: usize, dim: usize) -> [[usize; 2]; 8] {
    let tables = [[n_users, dim], [n_items, dim]];
    let layers = [[dim, 2 * dim], [1, dim], [1, 2 * dim], [1, 1]];
    [tables[0], tables[1], tables[0], tables[1], layers[0], layers[1], layers[2], layers[3]]
}

/// Names and shapes.
pub fn layout(n_users: usize, n_items: usize, dim: usize) -> Layout {
    Layout::new("NeuMF", NAMES.into_iter().zip(shapes(n_users, n_items, dim)))
}

/// Initial values of the tensor of a name.
fn init(name: &str, dim: usize, init_std: f64) -> Init {
    let d = dim as f64;
    match name {
        "hidden-weight" => Init::Uniform((6.0 / (2.0 * d + d)).sqrt()),
        "output-weight" => Init::Uniform((6.0 / (2.0 * d)).sqrt()),
        "hidden-bias" | "output-bias" => Init::Zeros,
        _ => Init::Normal(init_std),
    }
}

/// Initial weights; each tensor draws from a stream of its own.
pub fn initial(n_users: usize, n_items: usize, dim: usize, init_std: f64, stream: impl Fn(&str) -> Stream) -> Weights {
    layout(n_users, n_items, dim).initial(stream, |name, _| init(name, dim, init_std)).into()
}

/// d.
///
/// # Errors
/// If the weights are not a NeuMF's.
pub fn dim(weights: &Weights) -> Result<usize> {
    let dim = weights.size(0, 1);
    layout(weights.size(0, 0), weights.size(1, 0), dim).check(weights)?;
    Ok(dim)
}

/// A trained model, asked by one side for the best of the other.
///
/// # Errors
/// If the weights are not a NeuMF's.
pub fn scorer(weights: &Weights, asker: Side) -> Result<Box<dyn Scorer>> {
    Ok(Box::new(MlpScorer::new(dim(weights)?, weights.values("NeuMF")?, asker)))
}

/// The vectors that represent the entities of a side, `[entities, 2d]`, and 2d: the rows of both parts side by
/// side. The paper does not say what DE takes of a NeuMF teacher; this is our reading.
///
/// # Errors
/// If the weights are not a NeuMF's.
pub fn representations(weights: &Weights, side: Side) -> Result<(usize, Vec<f32>)> {
    let dim = dim(weights)?;
    let [user_product, item_product, user_mlp, item_mlp, ..] = weights.values::<8>("NeuMF")?;
    let [product, mlp] = match side {
        Side::User => [user_product, user_mlp],
        Side::Item => [item_product, item_mlp],
    };
    let rows = product.chunks_exact(dim).zip(mlp.chunks_exact(dim));
    Ok((2 * dim, rows.flat_map(|(product, mlp)| product.iter().chain(mlp)).copied().collect()))
}
