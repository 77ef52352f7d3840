//! Specs: strict wire types, then checked types.
pub mod value;
