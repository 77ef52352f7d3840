//! The interfaces of a model that is trained on pairs: in training, plain or distilled, and as a kind of model.
//!
//! One step is [`forward_backward`](Recommender::forward_backward) (the base loss of a batch), then any
//! number of added terms, then [`step`](Recommender::step), which moves all parameters once by the
//! sum of all gradients. Ranking distillation (RD, CD, RRD, DCD) needs scores of lists only; DE needs
//! the representations of entities.

use harness::error::Result;
use harness::metrics::Scorer;
use harness::optim::Adam;
use harness::train::{Context, Ending, Model};
use harness::value::{Count, Rate, Weight};
use harness::weights::{Layout, Weights};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ListLoss, Lists, Side};

/// Hyper-parameters of a model that is trained on pairs, and of its training.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairHyper {
    /// Size d of a factor.
    pub dim: Count,
    pub learning_rate: Rate,
    /// L2 in the gradient, on all parameters and all rows at every step.
    pub weight_decay: Weight,
    pub batch: Count,
    /// Standard deviation of the initial factors.
    pub init_std: Rate,
    /// Epochs at most.
    pub epochs: Count,
    pub stopping: Ending,
}

/// The size of a vector, and vectors of that size, `[entities, width]`, row-major.
pub type WidthAndRows = (usize, Vec<f32>);

/// A kind of model that is trained on (user, item) pairs: how one is made, trained, served and learnt from.
#[derive(Debug)]
pub struct PairKind {
    /// Its name in specs, and of its artefacts.
    pub name: &'static str,
    /// The tensors of a model for a number of users and items, with factors of size d.
    pub layout: fn(users: usize, items: usize, dim: usize) -> Layout,
    /// A fresh model on the run's device. Initial values come from the run's streams and are the same on every device.
    /// Fails where the device does.
    pub model: fn(&Context<'_>, &PairHyper) -> Result<Box<dyn Recommender>>,
    /// A trained model as it answers entities of a side: users, who rank items, or items, which rank users. Fails for the
    /// weights of another kind.
    pub scorer: fn(&Weights, asker: Side) -> Result<Box<dyn Scorer>>,
    /// The vectors that represent the entities of a side, `[entities, width]`, and the width. Fails for the weights of
    /// another kind.
    pub representations: fn(&Weights, Side) -> Result<WidthAndRows>,
    /// That width, of a model with factors of size d.
    pub representation_width: fn(dim: usize) -> usize,
}

/// A model in training on pairs. Methods fail where the model's device does.
pub trait Recommender: Model {
    /// Begins a step: loss (sum over the batch) and gradients of (user, positive, negative) triples.
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64>;

    /// Scores of all partners of `lists`, whose owners are of `side`, list after list; no gradient.
    fn scores(&mut self, side: Side, lists: &Lists) -> Result<Vec<f32>>;

    /// Adds the sum of `loss` over `lists` to the step, and returns it. Lists are summed in their
    /// order, whatever the threads do.
    fn add_lists(&mut self, side: Side, lists: Lists, loss: &ListLoss<'_>) -> Result<f64>;

    /// The vectors that represent some entities, `[ids, width]`, row-major; the width is the kind's
    /// [`representation_width`](PairKind::representation_width).
    fn representations(&mut self, side: Side, ids: &[u32]) -> Result<Vec<f32>>;

    /// Adds `[ids, width]` gradients of a term's loss with respect to representations to the step.
    fn add_representations(&mut self, side: Side, ids: &[u32], gradients: Vec<f32>) -> Result<()>;

    /// One step of Adam over all parameters, with the gradients added since `forward_backward`.
    fn step(&mut self, adam: &Adam) -> Result<()>;

    /// Brings every row up to date, after the last step and before the model is looked at. Nothing to do where every step
    /// moves every row at once.
    fn settle(&mut self) {}
}
