//! Published figures beside ours.

mod cell;
mod effect;
mod logged;
mod published;
mod verdict;

pub use cell::{Cell, cells};
pub use effect::{Effect, effects};
pub use logged::Logged;
pub use published::{Kind, Published, Row, Source, Table};
pub use verdict::{CLOSE, MIN_SEEDS, Word};

use std::collections::BTreeMap;

/// Ours by trial, metric and seed: what a comparison needs of the records.
pub type Values = BTreeMap<String, BTreeMap<String, BTreeMap<u64, f64>>>;
