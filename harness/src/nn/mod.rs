//! What candle lacks or does slowly: embedding tables whose gradient is a few rows, and fused losses.

mod device_table;
mod embedding;
mod loss;
mod occurrences;

pub use device_table::DeviceTable;
pub use embedding::EmbeddingTable;
pub use loss::{log_loss, sigmoid, softplus, softplus_neg_sum};
pub use occurrences::Occurrences;

#[cfg(test)]
mod tests;
