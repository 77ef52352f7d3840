//! What sequential models share: the windows of users' training sequences, the loop over them, and how a
//! trained model answers. (RD, KDD 2018, and its authors' code, graytowne/rank_distill, mark [code].)
//!
//! Inside, items go by their *id*: item `i` of a split is id `i + 1`, and id 0 is [`PADDING`].

mod base;
#[cfg(test)]
pub mod checks;
#[cfg(all(test, feature = "cuda"))]
pub mod cuda_checks;
mod draw;
mod dropout;
mod graph;
mod kept;
mod loss;
mod model;
mod queries;
mod setting;
mod term;
mod training;
mod windows;

pub use base::{Base, Student, caser as build_caser, check_scored, fossil as build_fossil, serve_caser, serve_fossil};
pub use draw::{Drawn, Source, Streams};
pub use dropout::Dropout;
pub use graph::{Scored, backward};
pub use kept::Kept;
pub use loss::{BatchLoss, pointwise};
pub use model::{Encoder, Output, SequentialModel, WindowBatch, WindowLoss};
pub use queries::Queries;
pub use setting::{setting, setting_of};
pub use term::WindowTerm;
pub use training::{Training, train};
pub use windows::{Window, Windows, check_sequences};

/// The id of no item: it stands before a sequence that is too short.
pub const PADDING: u32 = 0;

/// The id of an item.
#[inline]
pub fn id_of(item: u32) -> u32 {
    item + 1
}
