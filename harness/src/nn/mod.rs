//! Layers that candle lacks or computes slowly: embedding tables whose gradient is a few rows, parameters with a dense one,
//! fused losses, products of small matrices.

mod activation;
mod deferred_table;
mod dense_parameter;
mod device_table;
mod dropout;
mod embedding;
mod graph;
mod layer_norm;
mod loss;
mod matrix;
mod occurrences;
mod product;
pub mod softmax;
mod trainable;

pub use activation::Activation;
pub use deferred_table::{DeferredTable, TINY};
pub use dense_parameter::{DenseParameter, clip_gradients};
pub use device_table::DeviceTable;
pub use dropout::Dropout;
pub use embedding::EmbeddingTable;
pub use graph::{Graph, Leaves};
pub use layer_norm::LayerNorm;
pub use loss::{log_loss, sigmoid, softplus, softplus_neg_sum};
pub use matrix::{Matrix, multiply};
pub use occurrences::Occurrences;
pub use product::{PAD, add_product, add_transposed_product, padded, transpose};
pub use trainable::{Trainable, set_weights};

#[cfg(test)]
mod tests;
