//! Progress messages of training. The library never prints; the program draws them.

use std::time::Duration;

use crate::error::Error;

/// One finished epoch.
#[derive(Clone, Copy, Debug)]
pub struct Epoch<'a> {
    /// The current period and the last one, of a run over a stream of periods; the epochs are those of this period.
    pub period: Option<(usize, usize)>,
    /// Epochs done, counting this one.
    pub done: usize,
    /// Epochs at most; early stopping may end before.
    pub most: usize,
    pub loss: f64,
    /// A validation metric and its value, if this epoch was evaluated.
    pub validation: Option<(&'a str, f64)>,
    /// Evaluations without improvement, and how many end the run.
    pub patience: Option<(usize, usize)>,
    /// Time in training (in this period), interrupted attempts included.
    pub elapsed: Duration,
}

/// Watches runs. Calls come from the thread that trains.
pub trait Observer: Sync {
    /// An epoch ended.
    fn epoch(&self, epoch: Epoch<'_>);

    /// A program of others that runs wrote a line; how long it runs, and the longest that it may.
    fn program_says(&self, _line: &str, _elapsed: Duration, _most: Duration) {}

    /// Something worth a line that stops nothing.
    fn note(&self, text: &str);

    /// A run, out of `total`, begins.
    fn run_begins(&self, index: usize, total: usize, name: &str);

    /// It ended: with a word on its result, or why it failed.
    fn run_ends(&self, name: &str, outcome: Result<&str, &Error>);

    /// Whether the person asked for the end.
    fn interrupted(&self) -> bool;
}
