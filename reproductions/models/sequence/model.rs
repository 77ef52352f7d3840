//! What a sequential base model must offer, in training and afterwards.

use harness::error::Result;
use harness::optim::Adam;
use harness::rng::Stream;
use harness::train::Model;

use super::Window;

/// Some windows, and what is to be scored for each.
#[derive(Clone, Copy)]
pub struct WindowBatch<'a> {
    pub windows: &'a [Window],
    /// `[windows, L]`: ids to read, oldest first.
    pub inputs: &'a [u32],
    /// `[windows, columns]`: ids to score.
    pub items: &'a [u32],
    /// How many of the columns, the first ones, have a gradient. The others are scored without one: RD's
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
    /// All scores of a window are made under one dropout mask [code], drawn from `dropout`.
    fn forward_backward(&mut self, batch: &WindowBatch<'_>, dropout: &mut Stream, loss: &WindowLoss<'_>)
    -> Result<f64>;

    /// One step of Adam over all parameters and all rows.
    fn step(&mut self, adam: &Adam) -> Result<()>;

    /// Brings every row up to date, after the last step and before the model is looked at.
    fn settle(&mut self);
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

/// A trained sequential model: what it makes of windows, and the layer that it scores with. It knows the
/// training sequences that windows are places in.
pub trait Encoder: Sync {
    /// Size of a representation.
    fn width(&self) -> usize;

    /// Writes the representations of `windows`, `[windows, width]`, without dropout. On one thread; a window has
    /// the same bits whatever stands beside it.
    fn encode(&self, windows: &[Window], out: &mut [f32]);

    fn output(&self) -> Output<'_>;
}
