//! The context of a run: everything that a method is given.

use std::collections::BTreeMap;
use std::time::Duration;

use candle_core::Device;

use super::{Checkpoint, Fact, Observer, Task, Teacher};
use crate::error::Result;
use crate::meter::{Meter, Phase};
use crate::metrics::Scorer;
use crate::rank::{Evaluation, Ranker};
use crate::rng::Stream;
use crate::split::{Split, UserItems};
use crate::weights::PeriodArtefacts;

/// The period of a stream that a run is in.
#[derive(Clone, Copy, Debug)]
pub struct CurrentPeriod {
    pub number: usize,
    /// Number of the last period of the stream.
    pub last: usize,
    /// Time on the clock of the run when the period began.
    pub began: Duration,
}

/// The inputs of a run (data, seed, device, teacher) and its state (period, checkpoint, clock).
pub struct Context<'a> {
    // The run.
    pub task: &'a Task,
    pub trial: &'a str,
    pub seed: u64,
    pub device: &'a Device,
    pub teacher: Option<&'a Teacher>,
    /// Where the model that is tested on each period is kept, if another run learns from it.
    pub tested_models: Option<&'a PeriodArtefacts>,
    pub observer: &'a dyn Observer,
    // Its stage.
    /// None outside of a stream of periods.
    pub period: Option<CurrentPeriod>,
    /// Saved state of the current period, or of the run where there are no periods.
    pub checkpoint: Checkpoint,
    pub meter: Meter,
    /// What the method has found out and the record is to say, beside metrics: by name.
    pub facts: BTreeMap<String, Fact>,
}

impl<'a> Context<'a> {
    /// The context at the start of a run without a teacher.
    pub fn new(
        task: &'a Task,
        trial: &'a str,
        seed: u64,
        device: &'a Device,
        checkpoint: Checkpoint,
        observer: &'a dyn Observer,
    ) -> Self {
        let meter = Meter::new(device);
        Self {
            task,
            trial,
            seed,
            device,
            teacher: None,
            tested_models: None,
            observer,
            period: None,
            checkpoint,
            meter,
            facts: BTreeMap::new(),
        }
    }

    /// The split of the task.
    ///
    /// # Panics
    /// As [`Task::split`].
    pub fn split(&self) -> &'a Split {
        self.task.split()
    }

    /// By user of the split: the training items, ascending, for set membership.
    pub fn seen(&self) -> &'a UserItems {
        &self.task.seen
    }

    /// The random stream for `purpose` in `epoch` of this run, and of the current period. Use epoch 0 for what happens
    /// once.
    pub fn stream(&self, purpose: &str, epoch: usize) -> Stream {
        match self.period {
            None => Stream::new(self.seed, self.trial, purpose, epoch as u64),
            Some(CurrentPeriod { number, .. }) => {
                Stream::new(self.seed, self.trial, &format!("period-{number}.{purpose}"), epoch as u64)
            }
        }
    }

    /// Ranks targets under the spec's protocol; the time counts as evaluation.
    ///
    /// # Errors
    /// [`Diverged`](crate::error::Kind::Diverged) if a score is not finite.
    pub fn evaluate(&mut self, ranker: &Ranker, scorer: &dyn Scorer) -> Result<Evaluation> {
        self.meter.time(Phase::Evaluate, || ranker.evaluate(scorer))
    }

    /// Does `work` as a period of the stream, with a checkpoint of its own.
    ///
    /// # Errors
    /// Errors of `work`.
    pub(super) fn in_period<T>(
        &mut self,
        period: CurrentPeriod,
        checkpoint: Checkpoint,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let outside = (self.period.replace(period), std::mem::replace(&mut self.checkpoint, checkpoint));
        let done = work(self);
        (self.period, self.checkpoint) = outside;
        done
    }
}
