//! `export.json`: what an export is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::record::{Check, Stored, flaw, unique};

/// What an export holds and how lists that are made from it are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRecord {
    /// Version of the form, [`Stored::FORMAT`].
    pub format: u32,
    /// Id of the spec, such as `de-rrd/citeulike`.
    pub spec: String,
    pub profile: String,
    /// Id of the dataset's manifest.
    pub dataset: String,
    /// Form of the files: `csv`, `recbole` or `trec`.
    pub files_are: String,
    pub digests: ExportDigests,
    pub counts: ExportCounts,
    /// Of a stream: its periods in their order, the first of which has the number 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<ExportPeriod>,
    /// The seeds of the spec, one run of a trial for each.
    pub seeds: Vec<u64>,
    pub protocol: ExportProtocol,
    /// In the order of the spec.
    pub metrics: Vec<ExportMetric>,
    /// The files of the export, without this one.
    #[serde(deserialize_with = "unique")]
    pub files: BTreeMap<String, ExportFile>,
}

/// Digests of what an export was made from, as records have them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportDigests {
    /// The raw files.
    pub data: Digest,
    /// The prepared dataset.
    pub dataset: Digest,
    pub split: Digest,
    /// The protocol: candidates, draws and metrics.
    pub protocol: Digest,
}

/// Sizes of a split, or of a stream of periods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportCounts {
    /// Users, or pieces of their sequences; absent for sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u64>,
    pub items: u64,
    /// Interactions, events or labelled samples that are learnt from; of a stream all of them.
    pub train: u64,
    /// Held-out interactions of the validation part.
    pub valid: u64,
    /// Held-out interactions of the test, of all evaluated periods together.
    pub test: u64,
    /// Lists that are to be made, or impressions that are to be scored, for the test.
    pub queries: u64,
}

/// A period of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportPeriod {
    /// `pre-training`: learnt from before anything is tested; `warm-up`: tested and then learnt from, without counting;
    /// `tested`: the same, and its results count.
    pub role: String,
    /// Rows of its `train.csv`.
    pub train: u64,
    /// Lists that are to be made, or impressions that are to be scored; absent in pre-training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries: Option<u64>,
}

/// How lists are ranked and evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportProtocol {
    /// The candidates in words.
    pub candidates: String,
    /// Which of equal scores comes first; ids are the numbers of `items.csv`.
    pub ties: String,
    /// Length that a list must have; absent where it must hold all candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<u32>,
}

/// A metric and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportMetric {
    /// Such as `ndcg@10`.
    pub name: String,
    pub formula: String,
    pub list: String,
    pub higher_is_better: bool,
}

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportFile {
    pub sha256: Digest,
    pub bytes: u64,
    /// Number of rows, a header not counted.
    pub rows: u64,
}

impl Stored for ExportRecord {
    const FORMAT: u32 = 1;
    const WHAT: &'static str = "an export";
    const HINT: &'static str = "`reprise export` writes it again";

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Check {
        if self.metrics.is_empty() {
            return flaw("metrics", "at least one", "none");
        }
        Ok(())
    }
}
