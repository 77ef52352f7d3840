//! Batch update: a model is trained on a window of periods; on one alone it is the incremental update.

use harness::error::Result;
use harness::split::periods::Period;
use harness::train::Context;
use harness::value::Limit;

use super::strategy::{Strategy, TrainingSet, no_samples};
use crate::models::embedding_mlp::EmbeddingMlp;

/// Trains on the last periods. The first windows reach into those of the pre-training (code).
pub struct BatchUpdate {
    /// Number of periods.
    pub window: usize,
}

impl Strategy for BatchUpdate {
    fn training_set<'p>(
        &mut self,
        _: &mut Context<'_>,
        period: Period<'p>,
        _: &mut EmbeddingMlp,
    ) -> Result<TrainingSet<'p>> {
        period.samples_before(Limit::At(self.window)).map(TrainingSet::of).ok_or_else(no_samples)
    }
}
