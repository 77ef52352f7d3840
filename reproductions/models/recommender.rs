//! What a base model must offer to be trained, plain or distilled.
//!
//! One step is [`forward_backward`](Recommender::forward_backward) (the base loss of a batch), then any
//! number of added terms, then [`step`](Recommender::step), which moves all parameters once by the
//! sum of all gradients. Ranking distillation (RD, CD, RRD, DCD) needs scores of lists only; DE needs
//! the representations of entities.

use harness::error::Result;
use harness::optim::Adam;
use harness::train::Model;

use super::{ListLoss, Lists, Side};

/// A base model in training. See the module's head.
///
/// Methods fail where the model's device does.
pub trait Recommender: Model {
    /// Begins a step: loss (sum over the batch) and gradients of (user, positive, negative) triples.
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64>;

    /// Scores of all partners of `lists`, whose owners are of `side`, list after list; no gradient.
    fn scores(&mut self, side: Side, lists: &Lists) -> Result<Vec<f32>>;

    /// Adds the sum of `loss` over `lists` to the step, and returns it. Lists are summed in their
    /// order, whatever the threads do.
    fn add_lists(&mut self, side: Side, lists: Lists, loss: &ListLoss<'_>) -> Result<f64>;

    /// What represents some entities, `[ids, width]`, row-major; the width is the base model's
    /// [`representation_width`](super::Base::representation_width).
    fn representations(&mut self, side: Side, ids: &[u32]) -> Result<Vec<f32>>;

    /// Adds `[ids, width]` gradients of a term's loss with respect to representations to the step.
    fn add_representations(&mut self, side: Side, ids: &[u32], gradients: Vec<f32>) -> Result<()>;

    /// One step of Adam over all parameters, with the gradients added since `forward_backward`.
    fn step(&mut self, adam: &Adam) -> Result<()>;

    /// Brings every row up to date, after the last step and before the model is looked at.
    fn settle(&mut self);
}
