//! What the learner asks of a generator of models.

use harness::error::Result;
use harness::nn::DenseParameter;
use harness::weights::State;

use super::past_models::PastModel;
use crate::models::embedding_mlp::{EmbeddingMlpTensors, LocalBatch};

/// A generator of models from those of past periods. Its inputs are constants: there is a gradient for its own weights alone.
pub trait ModelGenerator {
    /// Its weights, a tensor for each of the base model or one for all.
    fn tensors(&self) -> &[DenseParameter];

    fn tensors_mut(&mut self) -> &mut [DenseParameter];

    /// Generates a model for each part of a batch: after all of `models`, oldest first, for the first part, which is the
    /// newest; after one less for the next part, and so on. Tables have the rows that are named up to and with the part.
    /// What they held before is replaced.
    ///
    /// # Panics
    /// If there are more parts than models.
    fn generate(&mut self, models: &[PastModel], batch: &LocalBatch, generated: &mut [EmbeddingMlpTensors<Vec<f32>>]);

    /// The gradients of all weights, given those of what [`generate`](Self::generate) has just made from the same arguments.
    fn backward(&mut self, models: &[PastModel], batch: &LocalBatch, gradients: &[EmbeddingMlpTensors<Vec<f32>>]);

    /// The whole model after all of `models`: by tensor in the order of its layout, row-major.
    fn whole(&self, models: &[PastModel]) -> Vec<Vec<f32>>;

    /// Whether [`whole`](Self::whole) wants, before the models of the sequence, the model that left it: what it keeps of the
    /// past is the state before that one.
    fn continues(&self) -> bool;

    /// Goes past the model that leaves the sequence.
    fn advance(&mut self, left: &PastModel);

    /// Adds what it keeps of models that left the sequence.
    fn save_past<'a>(&'a self, state: &mut State<'a>);

    /// Takes back what [`save_past`](Self::save_past) added.
    ///
    /// # Errors
    /// If the state is of another generator.
    fn restore_past(&mut self, state: &mut State<'_>) -> Result<()>;
}
