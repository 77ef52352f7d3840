//! The interfaces of a sequential model: as a kind, in training, and trained.

use std::fmt;
use std::sync::Arc;

use harness::error::Result;
use harness::optim::Adam;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::train::{Context, Ending, Model};
use harness::value::{Count, Rate, Weight};
use harness::weights::{Layout, Weights};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Window;

/// Hyper-parameters of training a sequential model. RD's values for Gowalla stand in parentheses (code).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowTraining {
    /// L: items that a window reads (5).
    pub length: Count,
    /// T: items that it is to predict (1).
    pub targets: Count,
    /// Per window, not per target (3).
    pub negatives: Count,
    pub learning_rate: Rate,
    /// L2 in the gradient, on all parameters and all rows at every step (1e-6).
    pub weight_decay: Weight,
    /// Windows (512).
    pub batch: Count,
    pub epochs: Count,
    /// `"none"` in the code: the last epoch has the model.
    pub stopping: Ending,
}

/// Makes the encoder of a trained model, for users with these training sequences.
pub type MakeEncoder = fn(&Weights, Arc<UserItems>) -> Result<Box<dyn Encoder>>;

/// A kind of sequential model.
#[derive(Debug)]
pub struct SequentialKind {
    /// Its name in specs, and of its artefacts.
    pub name: &'static str,
    /// A trained model, for users with these training sequences. Fails for the weights of another kind, or of other users
    /// or items.
    pub encoder: MakeEncoder,
}

/// Hyper-parameters of a kind of sequential model, its training included.
pub trait SequentialHyper: fmt::Debug + Send + Sync {
    fn kind(&self) -> &'static SequentialKind;

    fn training(&self) -> &WindowTraining;

    /// The tensors of a model for a number of users and items.
    fn layout(&self, users: usize, items: usize) -> Layout;

    /// Values per window that a step holds before the representation, such as the outputs of filters.
    fn features(&self) -> usize;

    /// A fresh model on the run's device, for users with these training sequences. Initial values come from the run's
    /// streams and are the same on every device.
    ///
    /// # Errors
    /// Errors of the device.
    fn model(&self, cx: &Context<'_>, train: Arc<UserItems>) -> Result<Box<dyn SequentialModel>>;
}

/// Some windows, and what is to be scored for each.
#[derive(Clone, Copy)]
pub struct WindowBatch<'a> {
    pub windows: &'a [Window],
    /// `[windows, L]`: ids to read, oldest first.
    pub inputs: &'a [u32],
    /// `[windows, columns]`: ids to score.
    pub items: &'a [u32],
    /// Number of columns, counted from the first, that have a gradient. The others are scored without one: RD's
    /// samples, which only say where the student ranks the list.
    pub graded: usize,
}

impl WindowBatch<'_> {
    /// L.
    pub fn length(&self) -> usize {
        self.inputs.len() / self.windows.len()
    }

    /// Items scored for each window.
    pub fn columns(&self) -> usize {
        self.items.len() / self.windows.len()
    }
}

/// The loss of a window: takes its number in the batch and the scores of its items, returns the loss, and
/// writes its gradient with respect to the graded scores.
pub type WindowLoss<'l> = dyn Fn(usize, &[f32], &mut [f32]) -> f64 + Sync + 'l;

/// A sequential base model in training. Methods fail where the model's device does.
///
/// One step is [`forward_backward`](Self::forward_backward), then [`step`](Self::step).
pub trait SequentialModel: Model {
    /// Loss of a batch (the sum over its windows, in their order) and the gradients of all parameters.
    /// All scores of a window are made under one dropout mask (code), drawn from `dropout`.
    fn forward_backward(&mut self, batch: &WindowBatch<'_>, dropout: &mut Stream, loss: &WindowLoss<'_>)
    -> Result<f64>;

    /// One step of Adam over all parameters and all rows.
    fn step(&mut self, adam: &Adam) -> Result<()>;

    /// Brings every row up to date, after the last step and before the model is looked at. Nothing to do where every step
    /// moves every row at once.
    fn settle(&mut self) {}
}

/// The output layer: score of an id = ⟨x, row⟩ + bias, for a window with the representation x.
#[derive(Clone, Copy)]
pub struct Output<'a> {
    /// The id of the first row: [`PADDING`](super::PADDING), or 1 where it has no row.
    pub first: u32,
    /// `[ids, width]`, row-major.
    pub rows: &'a [f32],
    /// `[ids]`
    pub bias: &'a [f32],
}

/// A trained sequential model: it encodes windows of the training sequences that it was made for, and has the output layer
/// that scores items.
pub trait Encoder: Sync {
    /// Size of a representation.
    fn width(&self) -> usize;

    /// Writes the representations of `windows`, `[windows, width]`, without dropout. On one thread; a window has
    /// the same bits whichever windows are encoded with it.
    fn encode(&self, windows: &[Window], out: &mut [f32]);

    fn output(&self) -> Output<'_>;
}
