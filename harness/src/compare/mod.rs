//! Published figures beside ours, and the paper's claims held against our runs.

mod cell;
mod claim;
mod column;
mod course;
mod effect;
mod kind;
mod logged;
mod ours;
mod published;
mod verdict;
mod word;

pub use cell::{Cell, cells};
pub use claim::{Finding, Part, Theirs, findings};
pub use column::{Column, Over};
pub use course::{Course, courses};
pub use effect::{Effect, effects};
pub use kind::Kind;
pub use logged::Logged;
pub use ours::{Figures, Ours};
pub use published::{Published, Row, Source, Table};
pub use verdict::Verdict;
pub use word::{CLOSE, MIN_SEEDS, Word};
