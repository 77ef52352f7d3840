//! Shared parts of models over pieces: sequences cut to at most L items, each an asker of its own (AdaRec, arXiv 2107.07173).
//!
//! ```text
//! piece → left-padded to L → [ network ] → x [T, C] → OutputLoss: logits over I + 1 classes, at every position
//! ```
//!
//! T = B·L positions of a batch of B pieces, piece after piece, oldest first. Inside, items go by their *id*: item `i` of
//! the split is id `i + 1`, and id 0 is [`PADDING`]. Padding is read as an ordinary item with a row of its own, but by BERT4Rec,
//! whose row stays 0 and which does not attend to it, and which knows a further id, the mask. Class 0 takes part in the
//! softmax; only as a label it does not count.

mod batch;
mod encoder;
mod feature_gradients;
mod group;
mod network;
mod network_encoder;
pub mod output;
pub mod rows;
mod scorer;
pub mod training;

pub use batch::{PADDING, PieceBatch, id_of, left_padded};
pub use encoder::{OutputLayer, OutputsPart, PieceEncoder, PieceKind, PieceOutputs};
pub use feature_gradients::{FeatureGradients, GroupGradients};
pub use group::{GROUP, OUTPUT, PieceGroup, PieceSizes};
pub use network::PieceNetwork;
pub use network_encoder::NetworkEncoder;
pub use output::{Distillation, KlDirection, KlMean, OutputGradients, OutputLoss, OutputLosses};
pub use scorer::PieceScorer;
pub use training::{PieceHyper, PieceModel, PieceTraining, Start, check_fit, tell_labels_seen, train, trained};
