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

use candle_core::Device;
use harness::error::{Error, Kind, Result};
use harness::metrics::Scorer;
use harness::rng::Stream;
use harness::train::Context;
use harness::weights::Parameter;

pub use self::fused::FusedNeuMf;
pub use self::graph::GraphNeuMf;
use self::scorer::MlpScorer;
use super::{Hyper, Recommender, Side};

/// The parameters of the model, in their order.
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

/// Shapes of the parameters. Weights of layers are `[out, in]`, as torch and candle keep them; the
/// hidden layer reads [user, item], the output layer [product, hidden]. Biases are rows.
pub fn shapes(n_users: usize, n_items: usize, dim: usize) -> [[usize; 2]; 8] {
    let tables = [[n_users, dim], [n_items, dim]];
    let layers = [[dim, 2 * dim], [1, dim], [1, 2 * dim], [1, 1]];
    [tables[0], tables[1], tables[0], tables[1], layers[0], layers[1], layers[2], layers[3]]
}

/// Initial values; each parameter draws from a stream of its own.
pub fn initial(
    n_users: usize,
    n_items: usize,
    dim: usize,
    init_std: f64,
    stream: impl Fn(&str) -> Stream,
) -> Vec<Parameter> {
    let uniform = |stream: &mut Stream, n: usize, bound: f64| -> Vec<f32> {
        (0..n).map(|_| ((2.0 * stream.unit() - 1.0) * bound) as f32).collect()
    };
    let d = dim as f64;
    let parameter = |(name, shape): (&str, [usize; 2])| {
        let n = shape[0] * shape[1];
        let mut stream = stream(&format!("init.{name}"));
        let values = match name {
            "hidden-weight" => uniform(&mut stream, n, (6.0 / (2.0 * d + d)).sqrt()),
            "output-weight" => uniform(&mut stream, n, (6.0 / (2.0 * d)).sqrt()),
            "hidden-bias" | "output-bias" => vec![0.0; n],
            _ => stream.normals(n, init_std),
        };
        Parameter { name: name.into(), shape: shape.to_vec(), values }
    };
    NAMES.into_iter().zip(shapes(n_users, n_items, dim)).map(parameter).collect()
}

/// A fresh model on the run's device.
///
/// # Errors
/// If the device fails.
pub fn model(cx: &Context<'_>, hyper: &Hyper) -> Result<Box<dyn Recommender>> {
    let (n_users, n_items) = (cx.split.n_users, cx.split.n_items);
    let initial = initial(n_users, n_items, hyper.dim.get(), hyper.init_std.get(), |purpose| cx.stream(purpose, 0));
    Ok(match cx.device {
        Device::Cpu => Box::new(FusedNeuMf::new(initial)?),
        device => Box::new(GraphNeuMf::new(initial, device)?),
    })
}

/// The parameters of a model in their order, and d.
fn parts(parameters: &[Parameter]) -> Result<(&[Parameter; 8], usize)> {
    let wrong = || Error::new(Kind::Internal, "these are not the parameters of a NeuMF model");
    let parts: &[Parameter; 8] = parameters.try_into().map_err(|_| wrong())?;
    let [users, items] = [&parts[0], &parts[1]].map(|table| table.shape.first().copied().unwrap_or(0));
    let dim = parts[0].shape.get(1).copied().unwrap_or(0);
    let expected = NAMES.iter().zip(shapes(users, items, dim));
    let fits = |(part, (name, shape)): (&Parameter, (&&str, [usize; 2]))| {
        part.name == *name && part.shape == shape && part.values.len() == shape[0] * shape[1]
    };
    if dim == 0 || !parts.iter().zip(expected).all(fits) {
        return Err(wrong());
    }
    Ok((parts, dim))
}

/// The trained model as it is served.
///
/// # Errors
/// If the parameters are not this model's.
pub fn scorer(parameters: &[Parameter]) -> Result<Box<dyn Scorer>> {
    let (parts, dim) = parts(parameters)?;
    Ok(Box::new(MlpScorer::new(dim, parts.each_ref().map(|part| &part.values[..]), Side::User)))
}

/// The same model with the roles swapped: queries are items, and what is ranked are users.
///
/// # Errors
/// If the parameters are not this model's.
pub fn swapped_scorer(parameters: &[Parameter]) -> Result<Box<dyn Scorer>> {
    let (parts, dim) = parts(parameters)?;
    Ok(Box::new(MlpScorer::new(dim, parts.each_ref().map(|part| &part.values[..]), Side::Item)))
}

/// What represents the entities of a side, `[entities, 2d]`, and 2d: the rows of both parts side by
/// side. The paper does not say what DE takes of a NeuMF teacher; this is our reading.
///
/// # Errors
/// If the parameters are not this model's.
pub fn representations(parameters: &[Parameter], side: Side) -> Result<(usize, Vec<f32>)> {
    let (parts, dim) = parts(parameters)?;
    let [product, mlp] = match side {
        Side::User => [&parts[0], &parts[2]],
        Side::Item => [&parts[1], &parts[3]],
    };
    let rows = product.values.chunks_exact(dim).zip(mlp.values.chunks_exact(dim));
    Ok((2 * dim, rows.flat_map(|(product, mlp)| product.iter().chain(mlp)).copied().collect()))
}

#[cfg(test)]
mod tests;
