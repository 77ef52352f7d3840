//! The figures that a paper published, as data: `published.toml` of each paper.
//!
//! Only tables and their sources are read. The files hold more for people (hyper-parameters, datasets, discrepancies,
//! descriptive keys of a table), which is passed over.

mod tables;
#[cfg(test)]
pub(in crate::compare) mod tests;
mod wire;

pub use tables::{Published, PublishedRow, PublishedSource, PublishedTable};
