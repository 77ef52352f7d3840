//! Hyper-parameters of training on Embedding&MLP. The authors' values stand in parentheses, for Tmall, Sobazaar, MovieLens
//! where they differ.

use harness::train::Ending;
use harness::value::{Count, Rate};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::models::embedding_mlp::EmbeddingMlpHyper;

/// The training of the model that all methods start from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pretraining {
    pub model: EmbeddingMlpHyper,
    /// Samples (1024, 256, 1024).
    pub batch: Count,
    /// Learning rate of TensorFlow 1's Adam (1e-2, 1e-3, 1e-3).
    pub learning_rate: Rate,
    /// At most (10).
    pub epochs: Count,
    /// By the period that is tested first (AUC at 4 decimals, the later of equal epochs, all epochs).
    pub stopping: Ending,
}

/// The update of a model between two tested periods.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Samples (1024, 256, 1024).
    pub batch: Count,
    /// Learning rate of TensorFlow 1's Adam (1e-2, 1e-3, 1e-3).
    pub learning_rate: Rate,
    /// All are trained, and the last has the model (1).
    pub epochs: Count,
    pub optimiser: OptimiserState,
}

/// The moments of Adam, and the number of its steps, when an update begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserState {
    /// Those that the model before was left with, pre-training included: the authors restore whole checkpoints (code).
    Carried,
    /// None.
    Fresh,
}
