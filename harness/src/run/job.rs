//! What is to be run.

use std::path::PathBuf;

use super::ComputeDevice;
use crate::data::{Cache, Manifest};
use crate::record::Program;
use crate::spec::{Filter, Spec};
use crate::train::Observer;

/// Runs of a spec that are to be trained or measured, where their files lie, and who watches.
pub struct Job<'a> {
    pub spec: &'a Spec,
    /// Manifest of the spec's dataset.
    pub manifest: &'a Manifest,
    /// The runs that are asked for.
    pub filter: &'a Filter,
    /// Data, states and models.
    pub cache: &'a Cache,
    /// Folder of this spec's records.
    pub results: PathBuf,
    pub device: &'a ComputeDevice,
    /// The command line, for the records.
    pub command: String,
    /// The program's version, for the records.
    pub program: Program,
    pub observer: &'a dyn Observer,
}
