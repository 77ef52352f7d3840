//! Base models and classical baselines, and what training them shares.

mod base;
pub mod bpr;
mod factors;
pub mod item_cf;
pub mod neumf;
pub mod pop;
mod recommender;
mod spread;
mod teacher;
mod training;

pub use base::{Base, Student, bpr as build_bpr, neumf as build_neumf};
pub use factors::Factors;
pub use recommender::{ListLoss, Lists, Recommender, Side};
pub use teacher::{TeacherModel, TopLists, partners_of};
pub use training::{Batch, Hyper, Term, prepare, train};
