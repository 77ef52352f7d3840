//! Shared parts of sequential models: the windows of users' training sequences, the loop over them, and how a
//! trained model answers. (RD, KDD 2018, and its authors' code, graytowne/rank_distill, mark (code).)
//!
//! Inside, items go by their *id*: item `i` of a split is id `i + 1`, and id 0 is [`PADDING`].

mod draw;
mod graph;
mod loss;
mod model;
mod scorer;
mod term;
mod training;
mod windows;

pub use draw::{DrawnBatch, Source, Streams};
pub use graph::{GraphSequential, WindowForward};
pub use loss::{BatchLoss, pointwise};
pub use model::{
    Encoder, Output, SequentialHyper, SequentialKind, SequentialModel, WindowBatch, WindowLoss, WindowTraining,
};
pub use scorer::{WindowScorer, scorer, window_scorer};
pub use term::WindowTerm;
pub use training::{check_scored, train, windows};
pub use windows::{PADDING, Window, Windows, check_sequences, id_of};
