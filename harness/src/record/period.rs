//! Periods in the record of a run over a stream of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::CurveRecord;
use super::stored::unique;

/// What a run measured in one period: the model had learnt the periods before it and was tested on this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodRecord {
    /// Number of the period; those of the pre-training, at least period 0, are learnt from and have no record.
    pub period: u64,
    /// Whether the period only warms up: it is recorded, and does not count in the figures of the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warm_up: bool,
    /// Number of items that had occurred by then: the candidates.
    pub items: u64,
    /// Number of test queries.
    pub queries: u64,
    /// Figures of the method itself, such as the number of exemplars that it held.
    #[serde(deserialize_with = "unique")]
    pub facts: BTreeMap<String, f64>,
    /// Epochs that were trained for this period; absent where another program trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs_run: Option<u64>,
    /// The epoch (0-based) whose weights were tested and carried on; absent where the last epoch's were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<u64>,
    /// Values on the test queries.
    #[serde(deserialize_with = "unique")]
    pub metrics: BTreeMap<String, f64>,
    /// Values on the test queries with every tie decided against the model.
    #[serde(deserialize_with = "unique")]
    pub pessimistic: BTreeMap<String, f64>,
    /// Values on the validation queries at the selected epoch; empty where no epoch was selected.
    #[serde(deserialize_with = "unique")]
    pub validation: BTreeMap<String, f64>,
    /// Wall-clock seconds of the period, all phases together, until its state was saved; absent where another program
    /// trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The same without evaluation and saved states; absent in records of earlier programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_seconds: Option<f64>,
    /// Learning curve of the period, from its first epoch on.
    pub curve: CurveRecord,
}
