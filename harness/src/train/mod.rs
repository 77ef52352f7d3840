//! Pieces of an epoch loop, for a method to drive: context, batches, early stopping, checkpoints. [`learn`] is the loop
//! over a stream of periods around it.

mod checkpoint;
mod context;
mod ending;
mod epochs;
mod learner;
#[cfg(test)]
mod learner_tests;
mod learnt;
mod observer;
mod pairs;
mod selection;
mod sound;
mod task;

pub use checkpoint::{Checkpoint, State};
pub use context::{Context, InHand, Teacher};
pub use ending::Ending;
pub use epochs::{Epochs, Model};
pub use learner::{Learner, Lesson, WITHIN, learn};
pub use learnt::Learnt;
pub use observer::{Epoch, Observer};
pub use pairs::TrainingPairs;
pub use selection::{Best, Curve, Selected, Selection, SoFar, Stopping};
pub use task::Task;
