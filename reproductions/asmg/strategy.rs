//! What a method of updating trains on.

use std::collections::BTreeMap;

use harness::data::ItemCategories;
use harness::error::{Error, Kind, Result};
use harness::split::SampleRange;
use harness::split::periods::{Period, Periods};
use harness::train::Context;
use harness::weights::State;

use crate::models::embedding_mlp::{EmbeddingMlp, LocalBatch};

/// How a model is updated from period to period: what it is trained on, and what the method carries besides the model. One
/// value goes with one run.
pub trait Strategy {
    /// Refuses a stream that it cannot go through.
    ///
    /// # Errors
    /// [`Input`](Kind::Input)
    fn check(&self, _periods: &Periods) -> Result<()> {
        Ok(())
    }

    /// The samples to train on before `period` is tested; `model` is as the period before left it. Called again when a run is
    /// resumed within the period, so it may depend on what is carried and on the run's streams alone.
    ///
    /// # Errors
    /// Errors of the data.
    fn training_set<'p>(
        &mut self,
        cx: &mut Context<'_>,
        period: Period<'p>,
        model: &mut EmbeddingMlp,
    ) -> Result<TrainingSet<'p>>;

    /// Prepares what the next period needs, after the test of `period`: the first time after that of the pre-trained model.
    ///
    /// # Errors
    /// Errors of the data.
    fn end(&mut self, _cx: &mut Context<'_>, _period: Period<'_>) -> Result<()> {
        Ok(())
    }

    /// Adds what the method carries besides the model.
    ///
    /// # Errors
    /// None of the methods that carry nothing.
    fn save_carried<'a>(&'a self, _state: &mut State<'a>) -> Result<()> {
        Ok(())
    }

    /// Takes back what [`save_carried`](Self::save_carried) put.
    ///
    /// # Errors
    /// If the state is of another method.
    fn restore_carried(&mut self, _state: &mut State<'_>) -> Result<()> {
        Ok(())
    }
}

/// Samples to train on.
pub struct TrainingSet<'p> {
    pub samples: SampleRange<'p>,
    /// Numbers of the samples within the range; one may occur more than once.
    pub positions: Vec<u32>,
    /// For each of `positions`: the label to learn in place of the sample's own, the probability of a positive.
    pub labels: Option<Vec<f32>>,
    pub order: Order,
    /// Numbers for the record, beside `training`, the number of samples.
    pub facts: BTreeMap<String, f64>,
}

/// The order in which an epoch goes through a training set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Drawn anew for each epoch.
    Shuffled,
    /// That of the set.
    AsGiven,
}

impl<'p> TrainingSet<'p> {
    /// All samples of a range with their own labels, shuffled.
    pub fn of(samples: SampleRange<'p>) -> Self {
        let positions = (0..samples.len() as u32).collect();
        Self { samples, positions, labels: None, order: Order::Shuffled, facts: BTreeMap::new() }
    }
}

/// Samples that are scored at once.
const SCORED: usize = 1024;

/// The logits that a model gives to the samples at these positions of a range.
pub fn logits(
    model: &mut EmbeddingMlp,
    samples: SampleRange<'_>,
    positions: &[u32],
    categories: Option<&ItemCategories>,
) -> Vec<f32> {
    let mut batch = LocalBatch::new(&model.sizes());
    let mut logits = vec![0.0; positions.len()];
    for (positions, logits) in positions.chunks(SCORED).zip(logits.chunks_mut(SCORED)) {
        batch.clear();
        batch.push(samples, positions, categories);
        model.logits(&batch, logits);
    }
    logits
}

/// The error where a period has no labelled samples.
pub fn no_samples() -> Error {
    Error::new(Kind::Input, "the methods of ASMG learn from labelled samples")
        .expected("a split rule that makes a stream of labelled samples")
        .got("a stream of sessions, or of events without labels")
}
