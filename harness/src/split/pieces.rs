//! The split rule `pieces` of AdaRec: sequences are cut from their end into short ones, each of which is an asker of its own.

use std::num::NonZeroUsize;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::Ties;
use super::renumbering::Renumbering;
use super::source_numbers::{SourceNumbers, at_places};
use super::{Split, UserItems};
use crate::data::{Dataset, Interaction};
use crate::digest::{Digest, FieldHasher};
use crate::error::{Error, Kind, Result};

/// How the sequences of a dataset are filtered and cut into pieces: the keys of the split rule `pieces`, which follows the
/// scripts and the loader of AdaRec's code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slicing {
    /// What a sequence is.
    pub sequences: SequenceUnit,
    /// Filters, in the order in which they are applied, each once: a later one may leave fewer than an earlier one asks for.
    pub at_least: Vec<AtLeast>,
    /// Most interactions of a piece; at least [`SHORTEST_LENGTH`].
    pub length: usize,
    /// Fewest interactions of a piece; shorter ones are dropped. At least [`SHORTEST_PIECE`].
    pub shortest: usize,
    /// What the test item of a piece is asked from.
    pub test_input: TestInput,
}

/// A sequence of interactions that is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SequenceUnit {
    /// All that a user did, in the order of time.
    Users,
    /// All that a user did in a session, in the order of time.
    Sessions,
}

/// A filter: it keeps the interactions of the items, users or sessions that have at least so many. In a spec `{ items = 5 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AtLeast {
    Items(NonZeroUsize),
    Users(NonZeroUsize),
    Sessions(NonZeroUsize),
}

/// The items of a piece from which its test item is asked. The validation item is asked from the training items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TestInput {
    /// The training items alone: the validation item between them and the test item is not known (AdaRec's code).
    Training,
    /// The training items and the validation item.
    WithValidation,
}

/// Users who own the askers of queries, each with all items that are no negatives of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    /// By asker: its owner, a number from 0.
    of_askers: Vec<u32>,
    /// By owner: the distinct items of the owner, ascending.
    items: UserItems,
}

impl Owners {
    /// By asker: its owner, a number from 0.
    pub fn of_askers(&self) -> &[u32] {
        &self.of_askers
    }

    /// By owner: all that the owner had to do with, in pieces or not; distinct and ascending.
    pub fn items(&self) -> &UserItems {
        &self.items
    }
}

/// The result of the split rule `pieces`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pieces {
    /// Its users are the pieces: users in the ascending order of the source's ids, sessions of a user likewise, of a sequence
    /// the latest piece first. Of a piece s of length n the training is s[0..n−2), the validation s[n−2], the test s[n−1].
    /// Items are numbered in the ascending order of the source's ids, all that the filters left.
    pub split: Split,
    /// Users that the filters left, in the ascending order of the source's ids, and their items.
    pub owners: Arc<Owners>,
    pub test_input: TestInput,
}

impl Pieces {
    /// By piece: the items that its test item is asked from.
    pub fn test_inputs(&self) -> UserItems {
        let split = &self.split;
        match self.test_input {
            TestInput::Training => split.train.clone(),
            TestInput::WithValidation => UserItems::from_rows(
                split.train.rows().zip(split.valid.rows()).map(|(train, valid)| [train, valid].concat()),
            ),
        }
    }

    /// Digest of the split, the owners and their items, and of what the test is asked from.
    pub fn digest(&self) -> Digest {
        let mut hasher = FieldHasher::new("reprise pieces 1");
        let Owners { of_askers, items } = &*self.owners;
        hasher.field("split", &self.split.digest().0);
        hasher.u32s("owners", of_askers).u32s("histories", items.offsets()).u32s("histories", items.items());
        hasher.field("test input", &[u8::from(self.test_input == TestInput::WithValidation)]);
        hasher.finish()
    }
}

/// Least `length` of pieces: an input and its label to train on, a validation item and a test item.
pub const SHORTEST_LENGTH: usize = 4;

/// Least `shortest` of pieces: one training item, a validation item and a test item.
pub const SHORTEST_PIECE: usize = 3;

impl Slicing {
    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// [`Input`](Kind::Input): a `length` or a `shortest` that leaves nothing to train, `shortest` above `length`, or ties
    /// that go by item: with many equal times the order of ids would become the order of events.
    pub fn check(&self, ties: Ties) -> Result<()> {
        let Self { length, shortest, .. } = *self;
        if length < SHORTEST_LENGTH {
            return Err(Error::new(Kind::Input, "`length`: the pieces are too short")
                .expected(format!(
                    "at least {SHORTEST_LENGTH}: an input and its label to train on, a validation item and a test item"
                ))
                .got(length.to_string()));
        }
        if shortest < SHORTEST_PIECE || shortest > length {
            return Err(Error::new(Kind::Input, "`shortest`: no such piece can be trained on and tested")
                .expected(format!("at least {SHORTEST_PIECE}, and at most `length`, which is {length}"))
                .got(shortest.to_string()));
        }
        if ties == Ties::Item {
            return Err(Error::new(Kind::Input, "`ties = \"item\"` would order a piece by the ids of its items")
                .expected("`ties` of `events` that say nothing, or `\"refuse\"`")
                .hint("with many equal times the next id is the next item, and every model seems to foresee it"));
        }
        Ok(())
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        let Self { sequences, at_least, length, shortest, test_input } = self;
        let filters: Vec<String> = at_least.iter().map(|filter| filter.describe()).collect();
        let filters = if filters.is_empty() { String::new() } else { format!("{}; ", filters.join(", then ")) };
        let sequence = match sequences {
            SequenceUnit::Users => "each user's sequence",
            SequenceUnit::Sessions => "each session",
        };
        let input = match test_input {
            TestInput::Training => "both from the items before these two",
            TestInput::WithValidation => "each from all items before it",
        };
        format!(
            "{filters}{sequence} is cut from its end into pieces of at most {length} items, those under {shortest} dropped; \
             a piece, not a user, is asked for its last item (test) and the one before (validation), {input}"
        )
    }

    /// Filters and cuts a dataset, whose parts are taken together. Beside the pieces: the dataset's numbers, and how many validation and test items
    /// have the time of an item next to them in their sequence.
    ///
    /// # Errors
    /// [`Input`](Kind::Input), as [`check`](Self::check), or if it asks for sessions and the dataset has none.
    pub(super) fn cut(&self, dataset: &Dataset, ties: Ties) -> Result<(Pieces, SourceNumbers, [u64; 2])> {
        self.check(ties)?;
        let asks = self.sequences == SequenceUnit::Sessions
            || self.at_least.iter().any(|filter| matches!(filter, AtLeast::Sessions(_)));
        if asks && !dataset.has_sessions() {
            return Err(Error::new(Kind::Input, format!("`{}` has no sessions of its users", dataset.name))
                .expected("a column `session` in its manifest, or a rule without sessions")
                .got("interactions of users alone"));
        }
        let mut events: Vec<Interaction> = dataset.parts.iter().flat_map(|part| &part.interactions).copied().collect();
        self.at_least.iter().for_each(|filter| filter.keep(dataset, &mut events));
        let session_of = |event: &Interaction| match self.sequences {
            SequenceUnit::Users => 0,
            SequenceUnit::Sessions => dataset.session_places[event.session as usize],
        };
        ties.sort(dataset, &mut events, |event| (dataset.user_place(event.user), session_of(event)));

        let items = Renumbering::of(dataset.n_items, events.iter().map(|event| dataset.item_place(event.item)));
        let number = |event: &Interaction| items.of_old(dataset.item_place(event.item));
        let none = || UserItems::from_rows([[]; 0]);
        let (mut train, mut valid, mut test, mut histories) = (none(), none(), none(), none());
        let (mut of_askers, mut tied, mut numbers, mut users) = (Vec::new(), [0, 0], Vec::new(), Vec::new());
        for (owner, of_user) in (0..).zip(events.chunk_by(|a, b| a.user == b.user)) {
            for sequence in of_user.chunk_by(|a, b| session_of(a) == session_of(b)) {
                numbers.clear();
                numbers.extend(sequence.iter().map(number));
                let at_one_time =
                    |place: usize| sequence.get(place).is_some_and(|next| next.time == sequence[place - 1].time);
                let mut end = sequence.len();
                while end >= self.shortest {
                    let begin = end.saturating_sub(self.length);
                    if end - begin >= self.shortest {
                        of_askers.push(owner);
                        train.push(&numbers[begin..end - 2]);
                        valid.push(&numbers[end - 2..end - 1]);
                        test.push(&numbers[end - 1..end]);
                        tied[0] += u64::from(at_one_time(end - 2) || at_one_time(end - 1));
                        tied[1] += u64::from(at_one_time(end - 1) || at_one_time(end));
                    }
                    end = begin;
                }
            }
            users.push(of_user[0].user);
            numbers.clear();
            numbers.extend(of_user.iter().map(number));
            numbers.sort_unstable();
            numbers.dedup();
            histories.push(&numbers);
        }
        let split = Split { n_users: train.n_users(), n_items: items.size, train, valid, test };
        let owners = Arc::new(Owners { of_askers, items: histories });
        let numbers = SourceNumbers { users, items: at_places(&dataset.item_places, items.old_ids()) };
        Ok((Pieces { split, owners, test_input: self.test_input }, numbers, tied))
    }
}

impl AtLeast {
    fn describe(self) -> String {
        let (noun, least) = match self {
            Self::Items(least) => ("items", least),
            Self::Users(least) => ("users", least),
            Self::Sessions(least) => ("sessions", least),
        };
        format!("{noun} with at least {least} interactions")
    }

    /// Leaves out the other interactions; sessions are those of a dataset that has them.
    fn keep(self, dataset: &Dataset, events: &mut Vec<Interaction>) {
        let (size, of, least): (usize, fn(&Interaction) -> u32, NonZeroUsize) = match self {
            Self::Items(least) => (dataset.n_items, |event| event.item, least),
            Self::Users(least) => (dataset.n_users, |event| event.user, least),
            Self::Sessions(least) => (dataset.session_places.len(), |event| event.session, least),
        };
        let mut counts = vec![0usize; size];
        events.iter().for_each(|event| counts[of(event) as usize] += 1);
        events.retain(|event| counts[of(event) as usize] >= least.get());
    }
}

#[cfg(test)]
mod tests;
