//! From a manifest to verified, canonical interactions in memory.
//!
//! ```text
//! manifest (TOML) → fetch (mirror, network) → verify (size, digest) → read → Dataset (counts, digest)
//! ```

mod dataset;

pub use dataset::{Dataset, Interaction, Part};
