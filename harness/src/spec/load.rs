//! From a spec's file to the checked spec.

use std::path::Path;

use super::checked::Spec;
use super::wire::NOUN;
use super::{check, profile};
use crate::document::{Document, read_text};
use crate::error::Result;
use crate::method::Registry;

/// Reads the spec in `file`, applies `profile` to it (`None`: the base as written) and checks all of it.
///
/// # Errors
/// [`Io`](crate::error::Kind::Io) where the file cannot be read; else
/// [`Input`](crate::error::Kind::Input) with file, line, column and key of the first thing that is wrong.
pub fn load(file: &Path, profile: Option<&str>, registry: &Registry) -> Result<Spec> {
    resolve(file, &read_text(NOUN, file)?, profile, registry)
}

/// The same of the text of a spec that stands in `file`.
pub(super) fn resolve(file: &Path, text: &str, profile: Option<&str>, registry: &Registry) -> Result<Spec> {
    let document = Document::parse(NOUN, file, text)?;
    // The base is checked first, so that a mistake of its own is not blamed on a profile.
    let base = check::check(&document, &profile::base(&document)?, registry)?;
    let resolved = profile::resolve(&document, profile.unwrap_or(&base.profile))?;
    if resolved.profile == base.profile { Ok(base) } else { check::check(&document, &resolved, registry) }
}
