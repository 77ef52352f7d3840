//! A stream of periods: what continual experiments learn from and are tested on, one period after the other.
//!
//! ```text
//! dataset → Periods:  for t = 1, 2, …  learn from periods before t → be tested on period t → carry on
//! ```
//!
//! [`train::learn`](crate::train::learn) goes through the stream with a learner, which carries its state from period to
//! period. How a trial goes through it is its [`Schedule`]: on from the last period's weights or afresh, on one period
//! or on a window of them. Which items are known is the experiment's [`Catalogue`].

mod catalogue;
mod check;
mod rule;
mod schedule;
pub mod sessions;

pub use self::catalogue::Catalogue;
pub use self::rule::{by_time, given};
pub use self::schedule::{Schedule, Start};
use crate::digest::{Digest, FieldHasher};
use crate::split::UserItems;
use crate::value::Limit;

/// The periods of a dataset, each with sessions, checked to be fit for learning and testing.
#[derive(Clone, Debug, PartialEq)]
pub struct Periods {
    /// By period: its sessions in the order of their first events. A session that goes on in a later period is one
    /// session here and another there.
    sessions: Vec<UserItems>,
    /// By period: items that have occurred by its end, which are the first so many ids.
    seen: Vec<usize>,
    n_items: usize,
    catalogue: Catalogue,
}

/// One period to be tested on, after learning from those before it.
#[derive(Clone, Copy)]
pub struct Period<'p> {
    periods: &'p Periods,
    number: usize,
}

impl Periods {
    /// The number of the last period. All but period 0 are tested.
    pub fn last(&self) -> usize {
        self.sessions.len() - 1
    }

    /// Size of an item table that is to last for the whole dataset.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// # Panics
    /// If the period is not one of `1..=last`.
    pub fn period(&self, number: usize) -> Period<'_> {
        assert!((1..=self.last()).contains(&number), "period {number} is not tested");
        Period { periods: self, number }
    }

    fn items_at(&self, number: usize) -> usize {
        match self.catalogue {
            Catalogue::Growing => self.seen[number - 1],
            Catalogue::Full => self.n_items,
        }
    }

    /// Of the sessions of all periods in their order, and of the catalogue.
    pub fn digest(&self) -> Digest {
        let mut hasher = FieldHasher::new("reprise periods 1");
        hasher.field("items", &(self.n_items as u64).to_le_bytes());
        hasher.field("full", &[u8::from(self.catalogue == Catalogue::Full)]);
        for sessions in &self.sessions {
            hasher.u32s("offsets", sessions.offsets()).u32s("events", sessions.items());
        }
        hasher.finish()
    }
}

impl<'p> Period<'p> {
    pub fn number(self) -> usize {
        self.number
    }

    /// Items that are known when it is learnt and tested: the candidates, the ids below this.
    pub fn items(self) -> usize {
        self.periods.items_at(self.number)
    }

    /// Items that were known a period before; none before the first.
    pub fn items_before(self) -> usize {
        if self.number == 1 { 0 } else { self.periods.items_at(self.number - 1) }
    }

    /// Sessions to learn from: of the last `window` periods before this one, the oldest first.
    pub fn sessions(self, window: Limit) -> impl Iterator<Item = &'p [u32]> {
        let first = match window {
            Limit::All => 0,
            Limit::At(most) => self.number.saturating_sub(most),
        };
        self.periods.sessions[first..self.number].iter().flat_map(|sessions| sessions.rows())
    }

    /// The sessions that it is tested on: what was not known before them included.
    pub fn tested(self) -> impl Iterator<Item = &'p [u32]> {
        self.periods.sessions[self.number].rows()
    }
}

#[cfg(test)]
pub(crate) mod tests;
