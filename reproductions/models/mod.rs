//! Models and classical baselines, and what training them shares.

mod attention;
pub mod bert4rec;
pub mod bpr;
pub mod caser;
mod dense;
pub mod embedding_mlp;
mod factors;
pub mod fossil;
pub mod gelu;
pub mod item_cf;
mod kinds;
mod lists;
pub mod losses;
pub mod mf;
pub mod neumf;
pub mod nextitnet;
mod norm;
pub mod pieces;
pub mod pop;
mod recommender;
pub mod residual_sasrec;
pub mod sasrec;
pub mod sequence;
mod side;
mod spread;
mod teacher;
mod term;
mod training;

pub use factors::Factors;
pub use kinds::{
    PAIR_NAMES, PIECE_NAMES, PairStudent, PieceStudent, SequentialStudent, pair_kind, piece_kind, register,
    sequential_kind,
};
pub use lists::{ListLoss, Lists};
pub use recommender::{PairHyper, PairKind, Recommender};
pub use side::Side;
pub use teacher::{TeacherModel, TopLists, partners_of};
pub use term::{Batch, Term};
pub use training::{prepare, train};
