//! A stream of periods: what continual experiments learn from and are tested on, one period after the other.
//!
//! ```text
//! dataset → Periods:  learn from the pre-training periods;
//!                     for t = the next, …  be tested on period t → learn from it → carry on
//! ```
//!
//! A period is a list of [sessions], or a range of [labelled samples](crate::split::Samples). A learner goes through the
//! stream and carries its state from period to period. The [`Schedule`] of a trial says whether a period starts from the last
//! period's weights or from fresh ones, and whether it learns from one period or from a window of them. The [`Catalogue`]
//! says which items are known, the [`Roles`] which periods train, warm up and are tested.

mod catalogue;
mod check;
mod roles;
mod rule;
mod sampled;
mod schedule;
pub mod sessions;

use std::ops::Range;

pub use self::catalogue::Catalogue;
pub use self::roles::Roles;
pub use self::rule::{by_count, by_day, by_time, given};
pub use self::schedule::{Schedule, Start};
use crate::data::ItemCategories;
use crate::digest::{Digest, FieldHasher};
use crate::split::{SampleRange, Samples, SourceNumbers, UserItems};
use crate::value::Limit;

/// A dataset, cut into periods: of sessions, or of labelled samples.
#[derive(Clone, Debug)]
pub struct Periods {
    n_users: usize,
    n_items: usize,
    /// By period: its sessions in the order of their first events. A session that goes on in a later period is one
    /// session here and another there. There are none in a stream of samples.
    sessions: Vec<UserItems>,
    /// By period: number of items that have occurred by its end; they are the ids below it. Empty where all items of the
    /// dataset are known from the first period on.
    seen: Vec<usize>,
    /// Labelled samples of all periods in their order, where they are what is learnt.
    samples: Option<Samples>,
    /// By period: where its samples lie. Empty in a stream of sessions.
    ranges: Vec<Range<usize>>,
    /// Of the items of samples, where the dataset has them.
    categories: Option<ItemCategories>,
    roles: Roles,
    /// The dataset's numbers of users (of samples alone) and items.
    numbers: SourceNumbers,
}

/// One period after the pre-training: it is tested on after learning from those before it.
#[derive(Clone, Copy)]
pub struct Period<'p> {
    periods: &'p Periods,
    number: usize,
}

impl Periods {
    /// The roles of the periods: which train, warm up and are tested.
    pub fn roles(&self) -> Roles {
        self.roles
    }

    /// The number of the last period.
    pub fn last(&self) -> usize {
        self.roles.last()
    }

    /// Size of a user table: every user of a sample is below it.
    pub fn n_users(&self) -> usize {
        self.n_users
    }

    /// Size of an item table that is to last for the whole dataset.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The labelled samples of some periods that follow each other; none where the stream is not of samples.
    ///
    /// # Panics
    /// If there are no such periods.
    pub fn samples(&self, numbers: Range<usize>) -> Option<SampleRange<'_>> {
        let samples = self.samples.as_ref()?;
        Some(samples.range(self.ranges[numbers.start].start..self.ranges[numbers.end - 1].end))
    }

    /// The categories of the items of samples, where the dataset has them.
    pub fn categories(&self) -> Option<&ItemCategories> {
        self.categories.as_ref()
    }

    /// A period that is tested or warms up.
    ///
    /// # Panics
    /// If the period is a pre-training period, or there is none of this number.
    pub fn period(&self, number: usize) -> Period<'_> {
        assert!(self.roles.evaluated().contains(&number), "period {number} is not tested");
        Period { periods: self, number }
    }

    fn items_at(&self, number: usize) -> usize {
        self.seen.get(number - 1).copied().unwrap_or(self.n_items)
    }

    /// The dataset's numbers of the items and, in a stream of labelled samples, of the users.
    pub fn source_numbers(&self) -> &SourceNumbers {
        &self.numbers
    }

    /// The sessions of a period, in the order of their first events; none in a stream of labelled samples.
    ///
    /// # Panics
    /// If there is no such period.
    pub fn sessions_of(&self, number: usize) -> &UserItems {
        &self.sessions[number]
    }

    /// Digest of all that is learnt and tested: of sessions in their order and the catalogue, or of labelled samples with
    /// their histories and categories; and of the roles, where they are not those of every period but the first.
    pub fn digest(&self) -> Digest {
        let mut hasher;
        if self.samples.is_some() {
            hasher = FieldHasher::new("reprise labelled periods 2");
            hasher.field("users", &(self.n_users as u64).to_le_bytes());
            hasher.field("items", &(self.n_items as u64).to_le_bytes());
            let of_periods = (0..=self.last()).filter_map(|number| self.samples(number..number + 1));
            of_periods.for_each(|samples| samples.digest_into(&mut hasher));
            if let Some(categories) = &self.categories {
                categories.digest_into(&mut hasher);
            }
        } else {
            hasher = FieldHasher::new("reprise periods 1");
            hasher.field("items", &(self.n_items as u64).to_le_bytes());
            hasher.field("full", &[u8::from(self.seen.is_empty())]);
            for sessions in &self.sessions {
                hasher.u32s("offsets", sessions.offsets()).u32s("events", sessions.items());
            }
        }
        if self.roles != Roles::after_the_first(self.last()) {
            let tested = self.roles.tested();
            for (name, number) in [("first", *self.roles.evaluated().start()), ("tested", *tested.start())] {
                hasher.field(name, &(number as u64).to_le_bytes());
            }
        }
        hasher.finish()
    }
}

impl<'p> Period<'p> {
    /// Its number in the stream, from 0.
    pub fn number(self) -> usize {
        self.number
    }

    /// Whether it is the first that is tested: all periods before it are the pre-training.
    pub fn is_first(self) -> bool {
        self.number == *self.periods.roles.evaluated().start()
    }

    /// Number of known items during training and test of the period: the candidates are the ids below it.
    pub fn items(self) -> usize {
        self.periods.items_at(self.number)
    }

    /// Number of known items one period earlier; 0 for the first period that is tested.
    pub fn items_before(self) -> usize {
        if self.is_first() { 0 } else { self.periods.items_at(self.number - 1) }
    }

    /// Sessions to learn from: of the last `window` periods before this one, the oldest first. Before the first that is
    /// tested it is all pre-training periods, however short the window.
    pub fn sessions(self, window: Limit) -> impl Iterator<Item = &'p [u32]> {
        self.periods.sessions[self.learnt(window)].iter().flat_map(|sessions| sessions.rows())
    }

    /// Labelled samples to learn from, as [`sessions`](Self::sessions).
    pub fn samples_before(self, window: Limit) -> Option<SampleRange<'p>> {
        self.periods.samples(self.learnt(window))
    }

    /// The labelled samples that it is tested on.
    pub fn tested_samples(self) -> Option<SampleRange<'p>> {
        self.periods.samples(self.number..self.number + 1)
    }

    /// The categories of the items, where the dataset has them.
    pub fn categories(self) -> Option<&'p ItemCategories> {
        self.periods.categories()
    }

    /// Numbers of the periods to learn from.
    fn learnt(self, window: Limit) -> Range<usize> {
        let first = match window {
            Limit::At(most) if !self.is_first() => self.number.saturating_sub(most),
            _ => 0,
        };
        first..self.number
    }

    /// The sessions that it is tested on, with events of items that were not known before.
    pub fn tested_sessions(self) -> impl Iterator<Item = &'p [u32]> {
        self.periods.sessions[self.number].rows()
    }
}

#[cfg(test)]
mod tests;
