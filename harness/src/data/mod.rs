//! From a manifest to verified, canonical interactions in memory.
//!
//! ```text
//! manifest (TOML) → fetch (mirror, network) → verify (size, digest) → read → Dataset (counts, digest)
//! ```
//!
//! Nothing here reads an environment variable or prints: folders and progress come in as arguments.

mod bytes;
mod cache;
mod catalog;
mod categories;
mod dataset;
mod describe;
mod download;
mod fetch;
mod identity;
mod layout;
mod load;
mod lock;
mod manifest;
mod moment;
mod names;
mod read;
mod source_ids;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod verify;
mod wire;

pub(crate) use bytes::Members as GzipMembers;
pub use cache::Cache;
pub use catalog::Catalog;
pub use categories::ItemCategories;
pub use dataset::{Dataset, Interaction, Part, Values};
pub use describe::{DescribedColumn, Description, LOADED_UP_TO, default_manifest, describe, kinds_of};
pub use fetch::{FetchEvent, fetch};
pub use identity::{GitBlob, Identity};
pub use layout::{FieldKind, FileLayout, Leading, Separator};
pub use load::{DatasetCounts, load, load_with_ids};
pub use lock::Lock;
pub use manifest::{DataFile, FileSource, IdScheme, IdTable, Licence, Manifest, TakeOut};
pub use moment::Moment;
pub use source_ids::{DatasetIds, SourceIds};
pub use time::{Clock, Time, TimeUnit};
pub use verify::{FileCheck, FileState, Verification, status, verify};
