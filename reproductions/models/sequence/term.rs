//! A term of a distillation loss over the windows of a batch.

use harness::error::Result;
use harness::rng::Stream;
use harness::train::Context;

use super::Window;

/// A distillation term of the loss of every window: further items that are scored beside the targets and
/// the negatives, under the same dropout mask.
pub trait WindowTerm: Sync {
    /// Before the batches of an epoch.
    ///
    /// # Errors
    /// If there are too few items to draw from.
    fn begin_epoch(&mut self, cx: &Context<'_>, epoch: usize) -> Result<()>;

    /// Numbers of items of a window with and without a gradient in this epoch.
    fn columns(&self) -> [usize; 2];

    /// Writes the ids of both kinds, side by side, for the window of this number; what is random comes from
    /// `stream`.
    fn items(&self, number: u32, window: Window, stream: &mut Stream, ids: &mut [u32]);

    /// The factor of the ranking loss.
    fn of_ranking(&self) -> f64;

    /// The weighted loss of a window, times `scale`, from the scores of both kinds of items; writes its gradient
    /// with respect to those of the first.
    fn loss(&self, window: Window, scale: f64, scores: [&[f32]; 2], gradient: &mut [f32]) -> f64;
}
