//! Optimisers with the reference semantics.

mod adam;
mod adamw;
mod clip;
mod lamb;

pub use adam::{Adam, AdamStep, Optimiser, TfAdam};
pub use adamw::AdamW;
pub use clip::clip_factor;
pub use lamb::Lamb;
pub(crate) use lamb::LambNorms;
