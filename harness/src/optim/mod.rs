//! Optimisers with the reference semantics.

mod adam;

pub use adam::{Adam, AdamStep, Optimiser, TfAdam};
