//! All that a method gets to work with.

use std::path::PathBuf;
use std::time::Duration;

use candle_core::Device;

use super::{Checkpoint, Observer, State, Task};
use crate::digest::Digest;
use crate::error::Result;
use crate::meter::{Meter, Phase};
use crate::metrics::Scorer;
use crate::periods::Periods;
use crate::rank::{Evaluation, Ranker};
use crate::rng::Stream;
use crate::split::{HeldOut, Split, UserItems};
use crate::weights::{Parameter, content_digest};

/// A trained model that a student learns from.
pub struct Teacher {
    pub trial: String,
    pub parameters: Vec<Parameter>,
    /// Fingerprint of the run that made it.
    pub fingerprint: Digest,
    /// Where what is derived from it is kept.
    pub folder: PathBuf,
}

impl Teacher {
    /// Ids that follow from this teacher's weights and the split alone, such as its best lists: made once
    /// and kept with the teacher. `name` says all that they depend on besides. What is damaged, of other
    /// weights, or cannot be kept is told, and made again.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn derived(
        &self,
        name: &str,
        len: usize,
        below: u32,
        observer: &dyn Observer,
        make: impl FnOnce() -> Result<Vec<u32>>,
    ) -> Result<Vec<u32>> {
        const IDS: &str = "ids";
        let path = self.folder.join(format!("{name}.safetensors"));
        let weights = content_digest(&self.parameters).to_string();
        if path.exists() {
            match State::read(&path) {
                Ok(mut state) if state.text == weights => match state.ids.remove(IDS) {
                    Some(ids) if ids.len() == len && ids.iter().all(|id| *id < below) => return Ok(ids.into_owned()),
                    _ => observer.note(&format!("{}: holds something else; it is made again", path.display())),
                },
                Ok(_) => observer.note(&format!("{}: is of other weights; it is made again", path.display())),
                Err(error) => observer.note(&format!("{error}\nit is made again from the teacher")),
            }
        }
        observer.note(&format!("{name} of the teacher `{}` are made, once for all of its students", self.trial));
        let ids = make()?;
        let mut state = State { text: weights, ..State::default() };
        state.ids.insert(IDS.into(), ids[..].into());
        if let Err(error) = state.write(&path) {
            observer.note(&format!("what was derived from the teacher is not kept: {error}"));
        }
        Ok(ids)
    }
}

/// The period that a run is in.
#[derive(Clone, Copy, Debug)]
pub struct InHand {
    pub number: usize,
    /// Of the last period of the stream.
    pub last: usize,
    /// What the run had taken when the period began.
    pub began: Duration,
}

/// The world of one run.
pub struct Context<'a> {
    /// The stream of periods, where the spec has one. In a period `split` is what it
    /// validates by, and otherwise the test of the last one.
    pub periods: Option<&'a Periods>,
    pub period: Option<InHand>,
    pub split: &'a Split,
    /// The training part, sorted: for set membership.
    pub seen: &'a UserItems,
    pub ranker: &'a Ranker,
    pub trial: &'a str,
    pub seed: u64,
    pub device: &'a Device,
    pub teacher: Option<&'a Teacher>,
    pub meter: Meter,
    pub checkpoint: Checkpoint,
    pub observer: &'a dyn Observer,
}

impl<'a> Context<'a> {
    /// Of a run at its begin, without a teacher.
    pub fn new(
        task: &'a Task,
        trial: &'a str,
        seed: u64,
        device: &'a Device,
        checkpoint: Checkpoint,
        observer: &'a dyn Observer,
    ) -> Self {
        let Task { periods, split, seen, ranker } = task;
        let (periods, meter) = (periods.as_ref(), Meter::new(device));
        let (period, teacher) = (None, None);
        Self { periods, period, split, seen, ranker, trial, seed, device, teacher, meter, checkpoint, observer }
    }

    /// The random stream for `purpose` in `epoch` of this run, and of the period in hand. Use epoch 0 for what happens
    /// once.
    pub fn stream(&self, purpose: &str, epoch: usize) -> Stream {
        match self.period {
            None => Stream::new(self.seed, self.trial, purpose, epoch as u64),
            Some(InHand { number, .. }) => {
                Stream::new(self.seed, self.trial, &format!("period-{number}.{purpose}"), epoch as u64)
            }
        }
    }

    /// Ranks the held-out items under the spec's protocol; the time counts as evaluation.
    ///
    /// # Errors
    /// [`Diverged`](crate::error::Kind::Diverged) if a score is not finite.
    pub fn evaluate(&mut self, scorer: &dyn Scorer, part: HeldOut) -> Result<Evaluation> {
        let ranker = self.ranker;
        self.meter.time(Phase::Evaluate, || ranker.evaluate(scorer, part))
    }
}
