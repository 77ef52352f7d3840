//! Embedding&MLP, the base model of ASMG: embeddings of user, target item and pooled history through three layers
//! (Peng et al., RecSys 2021; danni9594/ASMG at 75ea1e0 marks (code)).
//!
//! ```text
//! item vector   e(i) = [item row ; mean of its category rows]          the item row alone without categories
//! pooled        Σ e(h_j) / (n + 1e-8)                                  over the n items of the history; n = 0: zeros
//! logit         [user row ; pooled ; e(target)] → ReLU → ReLU → linear
//! ```
//!
//! One [kernel](EmbeddingMlpKernel) serves every method on it. It works on a [`LocalBatch`]: the rows that a batch names,
//! numbered from 0, so that whoever makes the rows (a table, a generator, a transfer) makes no others, and gets a gradient
//! for these alone.

mod batch;
mod kernel;
mod layers;
mod model;
mod scorer;
mod sizes;
mod tensors;

use harness::error::Result;
use harness::metrics::Scorer;
use harness::queries::Queries;
use harness::value::Count;
use harness::weights::Weights;
use schemars::JsonSchema;
use serde::Deserialize;

pub use self::batch::{LocalBatch, LocalPart, NamedRows, RowCounts};
pub use self::kernel::EmbeddingMlpKernel;
pub use self::model::{EmbeddingMlp, has_moments, without_moments};
pub use self::scorer::EmbeddingMlpScorer;
pub use self::sizes::{EmbeddingMlpSizes, LAYER_NAMES};
pub use self::tensors::EmbeddingMlpTensors;

/// The kind of model in artefacts and specs.
pub const NAME: &str = "embedding-mlp";

/// Hyper-parameters of the model.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingMlpHyper {
    /// Length of an embedding (8). The hidden layers have a half and a quarter of the input's width, and at least one unit
    /// (code): 24 → 12 → 6, or 40 → 20 → 10 with categories.
    pub dim: Count,
}

impl EmbeddingMlpHyper {
    /// The sizes of a model with tables of so many rows.
    pub fn sizes(&self, users: usize, items: usize, categories: Option<usize>) -> EmbeddingMlpSizes {
        let fields = if categories.is_some() { 5 } else { 3 };
        let input = self.dim.get().saturating_mul(fields);
        EmbeddingMlpSizes {
            users,
            items,
            categories,
            dim: self.dim.get(),
            hidden: [input / 2, input / 4].map(|units| units.max(1)),
        }
    }
}

/// A trained model for these queries; what its weights keep of the optimiser is not needed.
///
/// # Errors
/// As [`EmbeddingMlpScorer::new`].
pub fn scorer(weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>> {
    let scorer = match has_moments(weights) {
        true => EmbeddingMlpScorer::new(&without_moments(weights.clone())?, queries),
        false => EmbeddingMlpScorer::new(weights, queries),
    };
    Ok(Box::new(scorer?))
}

#[cfg(test)]
mod tests;
