//! Base models and classical baselines: one file each.

pub mod bpr;
mod factors;
pub mod item_cf;
pub mod pop;

pub use factors::Factors;
