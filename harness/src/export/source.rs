//! What is exported, and in which form.

use crate::data::Manifest;
use crate::spec::{Spec, SpecData, SplitIds};

/// Name of the file that says what an export is.
pub const EXPORT: &str = "export.json";

/// What is exported.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub spec: &'a Spec,
    /// Manifest of the spec's dataset.
    pub manifest: &'a Manifest,
    pub data: &'a SpecData,
    pub ids: &'a SplitIds,
}
