//! Ranking: where the targets of each query stand among its candidates, and the best items of a query.
//!
//! ```text
//! scorer → Index → scan of scores → counts → Evaluation
//!                               └→ best k → lists, serving
//! ```
//!
//! [`OnDevice`] scores a dot product on an accelerator instead, and shares the choice of the best.
//!
//! No sort and no score matrix: the rank of a target is one plus the number of candidates that beat
//! it, counted while the scores of a block of queries × a tile of items are in the cache.

mod device;
mod evaluation;
mod full;
mod index;
mod listing;
mod negatives;
mod panels;
mod pointwise;
mod ranker;
mod sampled;
mod server;
mod top_k;

pub use device::OnDevice;
pub use evaluation::Evaluation;
pub(crate) use evaluation::Ranks;
pub use index::Index;
pub use listing::AskerList;
pub use ranker::Ranker;
pub use server::Server;
pub use top_k::Ranked;

#[cfg(test)]
mod tests;
