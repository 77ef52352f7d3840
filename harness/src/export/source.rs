//! What is exported, and in which form.

use std::fmt;

use crate::data::Manifest;
use crate::spec::{Spec, SpecData, SplitIds};

/// Name of the file that says what an export is.
pub const EXPORT: &str = "export.json";

/// The form of the files of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma-separated tables with headers.
    Csv,
    /// RecBole's atomic files, and a configuration that makes it take exactly this split.
    RecBole,
    /// Relevance judgements (qrels) for the tools of TREC; the training part as CSV.
    Trec,
}

impl ExportFormat {
    /// The word of the command line and of `export.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::RecBole => "recbole",
            Self::Trec => "trec",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is exported.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub spec: &'a Spec,
    /// Manifest of the spec's dataset.
    pub manifest: &'a Manifest,
    pub data: &'a SpecData,
    pub ids: &'a SplitIds,
}
