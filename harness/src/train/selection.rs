//! Early stopping and the choice of an epoch, on validation data only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sound::{self, require};
use crate::error::Result;
use crate::metrics::Metric;
use crate::rank::Evaluation;
use crate::value::{Count, Decimals};

/// When training ends and which epoch is reported.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stopping {
    /// Validation metrics that are watched. Each keeps the epoch of its own best value; test values
    /// at a cutoff come from the epoch of the watched metric with that cutoff, else from the first's.
    pub watch: Vec<Metric>,
    /// Evaluations in a row in which none of them improved, after which training ends.
    pub patience: Count,
    /// Epochs between evaluations.
    pub every: Count,
    /// Values are rounded to this many decimals before they are compared (DE-RRD's code: 4).
    pub decimals: Decimals,
    /// The epoch that is kept of those with the same rounded value; the earlier where a spec does not say.
    #[serde(default)]
    pub ties: EpochTies,
    /// Whether the weights that training starts from are evaluated, too, and kept if no epoch is better: for a model that
    /// inherits them (AdaRec's code when it fine-tunes).
    #[serde(default)]
    pub from_start: bool,
}

/// The epoch that is kept of those whose rounded values are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EpochTies {
    /// Only a better value replaces the best one.
    #[default]
    Earlier,
    /// An equal value replaces it, too, and counts as an improvement (ASMG's code takes the last of the best checkpoints).
    Later,
}

impl Stopping {
    fn round(&self, value: f64) -> f64 {
        let scale = self.decimals.power_of_ten();
        (value * scale).round() / scale
    }
}

/// The best epoch of one watched metric.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Best {
    pub watched: Metric,
    /// None: the weights that training started from.
    pub epoch: Option<usize>,
    /// The watched value, rounded as it was compared.
    pub value: f64,
    pub valid: Evaluation,
    /// None where the test is not at hand in training: see [`learn`](super::learn).
    pub test: Option<Evaluation>,
}

/// Loss of every epoch, and validation values of the watched metrics at those that were evaluated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    pub loss: Vec<f64>,
    /// Parts of the loss and other numbers of an epoch's training, by name: as many as losses, none in an epoch that had none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Vec<Option<f64>>>,
    pub validation: BTreeMap<Metric, Vec<Option<f64>>>,
    /// The same values of the weights that training started from; empty where they were not evaluated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub start: BTreeMap<Metric, f64>,
}

/// Watches validation values over epochs.
#[derive(Clone, Debug)]
pub struct Selection {
    stopping: Stopping,
    so_far: SoFar,
}

/// The state of a selection, as a checkpoint keeps it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SoFar {
    best: Vec<Best>,
    /// Evaluations since any watched metric improved.
    stale: usize,
    /// None before the first evaluation, and where none has improved on the start.
    last_improving: Option<usize>,
}

impl SoFar {
    /// Checks that this can be the state of a selection by `stopping` after `next` epochs, `evaluated` or not, with test results
    /// (`tests`) or without; returns whether an epoch was selected.
    ///
    /// # Errors
    /// [`Data`](crate::error::Kind::Data)
    pub(super) fn check(&self, stopping: &Stopping, next: usize, evaluated: bool, tests: bool) -> Result<bool> {
        require(self.best.is_empty() != evaluated, || format!("{} best epochs after {next}", self.best.len()))?;
        let stale = self.stale <= next && self.last_improving.is_none_or(|epoch| epoch < next);
        require(stale, || format!("no gain in {} evaluations since epoch {:?}", self.stale, self.last_improving))?;
        for (index, best) in self.best.iter().enumerate() {
            let trained = best.epoch.map_or(stopping.from_start, |epoch| epoch < next);
            let known = stopping.watch.contains(&best.watched) && best.value.is_finite() && trained;
            let once = self.best[..index].iter().all(|other| other.watched != best.watched);
            require(known && once, || format!("a best epoch of `{}` that cannot be", best.watched))?;
            sound::evaluation("a best epoch", &best.valid)?;
            require(best.valid.values.contains_key(&best.watched), || format!("no value of `{}`", best.watched))?;
            require(best.test.is_some() == tests, || "a best epoch with the test of another training".into())?;
            if let Some(test) = &best.test {
                sound::evaluation("a best epoch", test)?;
                require(test.values.keys().eq(best.valid.values.keys()), || "a test of other metrics".into())?;
                require(test.asked() > 0, || "a test without queries".into())?;
            }
        }
        Ok(!self.best.is_empty())
    }
}

impl Selection {
    /// A selection before the first evaluation.
    pub fn new(stopping: Stopping) -> Self {
        Self { stopping, so_far: SoFar::default() }
    }

    /// Continues from the state of a checkpoint.
    pub fn resume(stopping: Stopping, so_far: SoFar) -> Self {
        Self { stopping, so_far }
    }

    /// The state, for a checkpoint.
    pub fn so_far(&self) -> &SoFar {
        &self.so_far
    }

    /// The rule of early stopping.
    pub fn stopping(&self) -> &Stopping {
        &self.stopping
    }

    /// Takes the validation result of an epoch, or of the start; asks for the test result only if it is kept.
    /// Says whether any watched metric improved after rounding: strictly, or as [`EpochTies`] has it.
    ///
    /// # Errors
    /// Errors of `test`.
    pub fn observe(
        &mut self,
        epoch: Option<usize>,
        valid: &Evaluation,
        test: impl FnOnce() -> Result<Option<Evaluation>>,
    ) -> Result<bool> {
        let improved: Vec<(Metric, f64)> = self
            .stopping
            .watch
            .iter()
            .map(|&metric| (metric, self.stopping.round(valid.values[&metric])))
            .filter(|(metric, value)| {
                self.best_of(*metric).is_none_or(|best| {
                    let tied = self.stopping.ties == EpochTies::Later && *value == best.value;
                    tied || metric.direction().prefers(*value, best.value)
                })
            })
            .collect();
        if improved.is_empty() {
            self.so_far.stale += 1;
            return Ok(false);
        }
        let test = test()?;
        for (watched, value) in improved {
            let best = Best { watched, epoch, value, valid: valid.clone(), test: test.clone() };
            match self.so_far.best.iter_mut().find(|b| b.watched == best.watched) {
                Some(old) => *old = best,
                None => self.so_far.best.push(best),
            }
        }
        self.so_far.stale = 0;
        self.so_far.last_improving = epoch;
        Ok(true)
    }

    fn best_of(&self, metric: Metric) -> Option<&Best> {
        self.so_far.best.iter().find(|best| best.watched == metric)
    }

    /// Evaluations in a row without improvement, and the number of them that ends training.
    pub fn patience(&self) -> (usize, usize) {
        (self.so_far.stale, self.stopping.patience.get())
    }

    /// Whether training ends: no watched metric improved in `patience` evaluations in a row.
    pub fn is_exhausted(&self) -> bool {
        self.so_far.stale >= self.stopping.patience.get()
    }
}

/// The end of training and the epochs that were selected.
#[derive(Clone, Debug)]
pub struct Selected {
    /// In the order in which the spec watches; empty where the last epoch has the model without any choice.
    best: Vec<Best>,
    /// The epoch whose weights are the model: the last at which any watched metric improved, or the last of all. None: it is
    /// the weights that training started from.
    pub epoch: Option<usize>,
    pub epochs_run: usize,
    pub curve: Curve,
}

impl Selected {
    /// # Panics
    /// If nothing was ever observed: the first evaluation always improves.
    pub fn new(selection: Selection, epochs_run: usize, curve: Curve) -> Self {
        let Selection { stopping, so_far: SoFar { mut best, last_improving, .. } } = selection;
        assert!(!best.is_empty(), "selection without any evaluation");
        best.sort_by_key(|b| stopping.watch.iter().position(|metric| *metric == b.watched));
        Self { best, epoch: last_improving, epochs_run, curve }
    }

    /// All epochs were trained, and the last has the model.
    pub fn last(epochs_run: usize, curve: Curve) -> Self {
        Self { best: Vec::new(), epoch: Some(epochs_run.saturating_sub(1)), epochs_run, curve }
    }

    /// The best epochs, one per watched metric; none if nothing was watched.
    pub fn best(&self) -> &[Best] {
        &self.best
    }

    /// The epoch from which `metric` is reported, if one was selected.
    pub fn reported(&self, metric: Metric) -> Option<&Best> {
        let same_cutoff = self.best.iter().find(|best| best.watched.cutoff() == metric.cutoff());
        same_cutoff.or(self.best.first())
    }
}

#[cfg(test)]
mod tests;
