//! Matrix factorisation with biases, logit(u, i) = ⟨p_u, q_i⟩ + b_u + b_i: what SML was proposed on (Zhang et al., SIGIR
//! 2020).
//!
//! A row of a table is an embedding with its bias behind it, `[dim + 1]`, because a transfer takes both together (code of
//! ASMG's authors).

mod kernel;
mod scorer;

use harness::error::Result;
use harness::rng::Stream;
use harness::value::Count;
use harness::weights::{Init, Layout, Parameter, Weights};
use schemars::JsonSchema;
use serde::Deserialize;

pub use self::kernel::{MfSample, forward_backward};
pub use self::scorer::scorer;

/// The kind of model in artefacts and specs.
pub const NAME: &str = "mf";

/// All that shapes a matrix factorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MfSizes {
    pub users: usize,
    pub items: usize,
    /// Length of an embedding.
    pub dim: usize,
}

/// Hyper-parameters of the model.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MfHyper {
    /// Length of an embedding (8).
    pub dim: Count,
}

impl MfHyper {
    /// The sizes of a model with tables of so many rows.
    pub fn sizes(&self, users: usize, items: usize) -> MfSizes {
        MfSizes { users, items, dim: self.dim.get() }
    }
}

impl MfSizes {
    /// Names and shapes: `user` and `item`, a row of each `dim + 1` values.
    pub fn layout(&self) -> Layout {
        let width = self.dim.saturating_add(1);
        Layout::new("matrix factorisation", [("user", [self.users, width]), ("item", [self.items, width])])
    }

    /// Initial values: embeddings Glorot-uniform as a matrix `[rows, dim]`, biases 0 (code).
    pub fn initial(&self, stream: impl Fn(&str) -> Stream) -> Vec<Parameter> {
        let dim = self.dim;
        let start = |_: &str, shape: &[usize]| {
            let row = [(dim, Init::glorot(&[shape[0], dim])), (1, Init::Zeros)];
            Init::Pieces((0..shape[0]).flat_map(|_| row.clone()).collect())
        };
        self.layout().initial(stream, start)
    }

    /// The sizes of a model with these weights.
    ///
    /// # Errors
    /// [`Internal`](harness::error::Kind::Internal) if they are not a matrix factorisation's.
    pub fn of(weights: &Weights) -> Result<Self> {
        let [users, items] = [weights.size(0, 0), weights.size(1, 0)];
        let sizes = Self { users, items, dim: weights.size(0, 1).saturating_sub(1) };
        sizes.layout().check(weights)?;
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests;
