//! What a run over a stream of periods measured in each of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Curve;
use super::run::unique;

/// One period: learnt before it, tested on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodRecord {
    /// Its number; period 0 is only learnt from.
    pub period: u64,
    /// Items known by then: the candidates.
    pub items: u64,
    /// Test queries.
    pub queries: u64,
    /// What the method tells of it, such as the exemplars that it had in store.
    #[serde(deserialize_with = "unique")]
    pub facts: BTreeMap<String, f64>,
    pub epochs_run: u64,
    /// The epoch (0-based) whose weights were tested and went on; none where the last epoch's do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<u64>,
    /// On the test queries.
    #[serde(deserialize_with = "unique")]
    pub metrics: BTreeMap<String, f64>,
    /// The same metrics with every tie decided against the model.
    #[serde(deserialize_with = "unique")]
    pub pessimistic: BTreeMap<String, f64>,
    /// On the validation queries at the selected epoch; empty where nothing was selected.
    #[serde(deserialize_with = "unique")]
    pub validation: BTreeMap<String, f64>,
    /// Wall-clock seconds of its phases, until its state was saved.
    pub seconds: f64,
    /// Epoch by epoch, from the period's first.
    pub curve: Curve,
}
