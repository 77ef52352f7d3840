//! Losses over lists of scores that several papers share, and the weights of their items.

pub mod exemplary;
pub mod list_weights;
pub mod relaxed;
pub mod weighting;
