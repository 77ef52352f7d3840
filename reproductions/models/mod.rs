//! Base models and classical baselines, and what training them shares.

mod base;
pub mod bpr;
pub mod caser;
mod factors;
pub mod fossil;
pub mod item_cf;
mod lists;
pub mod neumf;
pub mod pop;
mod recommender;
pub mod sasrec;
pub mod sequence;
mod side;
pub mod softmax;
mod spread;
mod teacher;
mod term;
mod training;

pub use base::{Base, Student, bpr as build_bpr, neumf as build_neumf};
pub use factors::Factors;
pub use lists::{ListLoss, Lists};
pub use recommender::Recommender;
pub use side::Side;
pub use teacher::{TeacherModel, TopLists, partners_of};
pub use term::{Batch, Term};
pub use training::{Hyper, prepare, train};
