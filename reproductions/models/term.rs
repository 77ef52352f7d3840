//! Terms of a distillation loss, and the batches that they are added for.

use harness::error::Result;
use harness::optim::Adam;
use harness::train::Context;
use harness::weights::State;

use super::recommender::Recommender;

/// A term of a distillation loss, added to the base loss of every batch.
pub trait Term {
    /// Before the batches of `epoch`: draws samples, looks at the student.
    ///
    /// # Errors
    /// Errors of the student.
    fn begin_epoch(&mut self, cx: &Context<'_>, epoch: usize, student: &mut dyn Recommender) -> Result<()>;

    /// Adds the term for a batch to the student's step, and returns its weighted value.
    ///
    /// # Errors
    /// Errors of the student.
    fn add(&mut self, batch: &Batch<'_>, student: &mut dyn Recommender) -> Result<f64>;

    /// Moves the term's own parameters, if it has any.
    ///
    /// # Errors
    /// Errors of the device.
    fn step(&mut self, _adam: &Adam) -> Result<()> {
        Ok(())
    }

    /// Adds what the next epoch depends on, if it is more than the epoch's number.
    ///
    /// # Errors
    /// Errors of the device.
    fn save<'a>(&'a self, _state: &mut State<'a>) -> Result<()> {
        Ok(())
    }

    /// Takes back what `save` put; the student has its own state back already.
    ///
    /// # Errors
    /// A state of another term.
    fn restore(&mut self, _state: &mut State<'_>, _student: &mut dyn Recommender) -> Result<()> {
        Ok(())
    }
}

/// A batch and the distinct entities in it, in order of appearance.
pub struct Batch<'a> {
    /// (user, positive item, negative item)
    pub triples: &'a [[u32; 3]],
    pub users: &'a [u32],
    pub positives: &'a [u32],
    pub negatives: &'a [u32],
}

/// Finds distinct ids by stamping them with the number of the batch.
pub(super) struct Distinct {
    stamps: Vec<u32>,
    stamp: u32,
    pub ids: Vec<u32>,
}

impl Distinct {
    pub fn new(n: usize) -> Self {
        Self { stamps: vec![0; n], stamp: 0, ids: Vec::new() }
    }

    /// Finds the distinct ids, in order of appearance.
    pub fn set(&mut self, ids: impl Iterator<Item = u32>) {
        self.stamp += 1;
        self.ids.clear();
        for id in ids {
            if std::mem::replace(&mut self.stamps[id as usize], self.stamp) != self.stamp {
                self.ids.push(id);
            }
        }
    }
}
