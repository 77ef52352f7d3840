//! Pieces of an epoch loop, for a method to drive: context, batches, early stopping, checkpoints.

mod checkpoint;
mod context;
mod ending;
mod epochs;
mod observer;
mod pairs;
mod selection;

pub use checkpoint::{Checkpoint, State};
pub use context::{Context, InHand, Teacher};
pub use ending::Ending;
pub use epochs::{Epochs, Model};
pub use observer::{Epoch, Observer};
pub use pairs::TrainingPairs;
pub use selection::{Best, Curve, Selected, Selection, SoFar, Stopping};
