//! Specs: strict wire types, then checked types.
//!
//! A spec is one TOML file that states one experiment. It goes one way:
//!
//! ```text
//! file → Document (tree with spans) → profile laid over → likenesses written out → Wire (strict serde) → Spec (checked)
//! ```
//!
//! Nothing outside this module sees the wire form. Nothing has a default: what a run does stands in
//! the file, though a trial may be `like` another. The base document is a profile itself, named by [`base_profile`]; other profiles
//! override what it declares and add nothing.

mod beside;
mod check;
mod checked;
mod claim;
mod efficiency;
mod filter;
mod fingerprint;
mod like;
mod listing;
mod origin;
mod profile;
#[cfg(test)]
mod tests;
mod trials;
mod wire;

use std::path::Path;

pub use checked::{Columns, Comparison, LoggedCurve, Spec, Trial};
pub use claim::{Bound, Claim, Inequality, Measure, Quantity, Statement};
pub use efficiency::Efficiency;
pub use filter::Filter;
pub use fingerprint::run_fingerprint;
pub use listing::{Listed, Summary, discover, find, is_spec};
pub use origin::{Origin, Section, print_spec};
pub use profile::base_profile;

use crate::document::{Document, read_text};
use crate::error::Result;
use crate::method::Registry;
use crate::metrics::{Metric, Protocol};
use crate::split::{Events, SplitRule};

/// Reads the spec in `file`, lays `profile` over it (none: the base as written) and checks all of it.
///
/// # Errors
/// [`Io`](crate::error::Kind::Io) where the file cannot be read; else
/// [`Input`](crate::error::Kind::Input) with file, line, column and key of the first thing that is wrong.
pub fn load(file: &Path, profile: Option<&str>, registry: &Registry) -> Result<Spec> {
    resolve(file, &read_text(NOUN, file)?, profile, registry)
}

/// What the files are called in errors.
const NOUN: &str = "spec";

fn resolve(file: &Path, text: &str, profile: Option<&str>, registry: &Registry) -> Result<Spec> {
    let document = Document::parse(NOUN, file, text)?;
    // The base is checked first, so that a mistake of its own is not blamed on a profile.
    let base = check::check(&document, &profile::base(&document)?, registry)?;
    let resolved = profile::resolve(&document, profile.unwrap_or(&base.profile))?;
    if resolved.profile == base.profile { Ok(base) } else { check::check(&document, &resolved, registry) }
}
