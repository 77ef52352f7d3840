//! What of ours stands beside published figures.

use std::collections::BTreeMap;

use super::Column;
use crate::record::Runs;

/// Figures of our runs by trial, name and seed.
pub type Figures = BTreeMap<String, BTreeMap<String, BTreeMap<u64, f64>>>;

/// See the module's head.
pub struct Ours<'a> {
    runs: &'a Runs<'a>,
    /// Under the names that columns have in place of a metric.
    others: Figures,
}

impl<'a> Ours<'a> {
    /// Metrics of runs, and other figures of their trials.
    pub fn new(runs: &'a Runs<'a>, others: Figures) -> Self {
        Self { runs, others }
    }

    /// A column of a trial's runs, by seed.
    pub fn by_seed(&self, trial: &str, column: &Column) -> BTreeMap<u64, f64> {
        match self.others.get(trial).and_then(|figures| figures.get(&column.metric)) {
            Some(figure) => figure.clone(),
            None => self.runs.by_seed(trial, |record| column.ours(record)),
        }
    }
}
