//! Pieces of an epoch loop, for a method to drive: context, batches, early stopping, checkpoints. [`learn`] is the loop
//! over a stream of periods around it.

mod checkpoint;
mod context;
mod ending;
mod epochs;
mod fact;
mod learner;
mod learnt;
mod model;
mod observer;
mod pairs;
mod selection;
mod sound;
mod task;
mod teacher;

pub use checkpoint::Checkpoint;
pub use context::{Context, CurrentPeriod};
pub use ending::Ending;
pub use epochs::Epochs;
pub use fact::Fact;
pub use learner::{Learner, PeriodData, learn};
pub use learnt::{Learnt, WITHIN};
pub use model::{GraphModel, Model};
pub use observer::{Epoch, Observer};
pub use pairs::TrainingPairs;
pub use selection::{Best, Curve, EpochTies, Selected, Selection, SoFar, Stopping};
pub use task::Task;
pub use teacher::Teacher;
