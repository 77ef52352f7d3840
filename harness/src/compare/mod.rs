//! Published figures beside ours, and the paper's claims held against our runs.

mod cell;
mod claim;
mod effect;
mod logged;
mod published;
mod verdict;
mod word;

pub use cell::{Cell, cells};
pub use claim::{Finding, Part, Theirs, findings};
pub use effect::{Effect, effects};
pub use logged::Logged;
pub use published::{Kind, Published, Row, Source, Table};
pub use verdict::Verdict;
pub use word::{CLOSE, MIN_SEEDS, Word};

use std::collections::BTreeMap;

use crate::record::Runs;

/// Ours by trial, metric and seed: what a comparison needs of the records.
pub type Values = BTreeMap<String, BTreeMap<String, BTreeMap<u64, f64>>>;

/// Test metrics of all runs.
pub fn values(runs: &Runs) -> Values {
    let mut values = Values::new();
    for record in runs.all() {
        let of_trial = values.entry(record.trial.clone()).or_default();
        for (metric, value) in &record.metrics {
            of_trial.entry(metric.clone()).or_default().insert(record.seed, *value);
        }
    }
    values
}
