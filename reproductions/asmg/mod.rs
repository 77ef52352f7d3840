//! ASMG: a generator of models for incremental recommendation, and what it is compared with.

pub mod sml;
pub mod spmf;
mod stream;
