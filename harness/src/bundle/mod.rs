//! The results of a spec as an archive that a reviewer can check without us.
//!
//! ```text
//! spec, manifest, records, report → files → bundle.json, FILE.zip
//! FILE.zip → names, sizes and digests checked → files
//! ```
//!
//! The tree in the archive is that of the repository, so that the program works in the folder that it is unpacked into.

mod anonymous;
mod archive;
mod checklist;
mod crate_metadata;
mod croissant;
mod files;
mod index;
mod readme;
mod source;

pub use anonymous::{Names, anonymous};
pub use archive::{read_archive, write_archive};
pub use files::bundle;
pub use index::{BUNDLE, BundleIndex, BundledFile, ProgramFile};
pub use source::BundleSource;
