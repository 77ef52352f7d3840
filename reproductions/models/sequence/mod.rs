//! What sequential models share: the windows of users' training sequences, the loop over them, and how a
//! trained model answers. (RD, KDD 2018, and its authors' code, graytowne/rank_distill, mark [code].)
//!
//! Inside, items go by their *id*: item `i` of a split is id `i + 1`, and id 0 is [`PADDING`].

mod dropout;
mod model;
mod queries;
mod setting;
mod windows;

pub use dropout::Dropout;
pub use model::{Encoder, Output, SequentialModel, WindowBatch, WindowLoss};
pub use queries::Queries;
pub use setting::{setting, setting_of};
pub use windows::{Window, Windows};

/// The id of no item: it stands before a sequence that is too short.
pub const PADDING: u32 = 0;

/// The id of an item.
#[inline]
pub fn id_of(item: u32) -> u32 {
    item + 1
}
