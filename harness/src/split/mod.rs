//! Train, validation and test parts of a dataset, made by a named rule.

mod events;
mod labelling;
pub mod periods;
mod pieces;
mod renumbering;
mod rule;
mod samples;
mod seventy_ten_twenty;
mod source_numbers;
mod time_ties;
mod user_items;

pub use events::{Events, Ties};
pub use labelling::{LONGEST_HISTORY, Labelling, Negatives, Positives, Sizes};
pub use pieces::{AtLeast, Owners, Pieces, SHORTEST_LENGTH, SHORTEST_PIECE, SequenceUnit, Slicing, TestInput};
pub use rule::{Applied, Cut, SHORTEST, SplitRule, TrainingData};
pub use samples::{LabelledSample, SampleRange, Samples};
pub use seventy_ten_twenty::SplitPhase;
pub use source_numbers::SourceNumbers;
pub use time_ties::TimeTies;
pub use user_items::UserItems;

use crate::digest::{Digest, FieldHasher};

/// Training, validation and test part of a dataset. Ids are dense again after the rule's filters.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    pub n_users: usize,
    pub n_items: usize,
    /// Per user, in time order (in the source's order where it has no times).
    pub train: UserItems,
    /// Empty where the rule holds out the test alone.
    pub valid: UserItems,
    pub test: UserItems,
}

/// Name of a `user` or an `item` in errors. A split renumbers them, so the text says that the number is not an id of the file.
pub fn numbered(noun: &str, number: u32) -> String {
    format!("{noun} number {number} of the split (from 0, not an id of the file)")
}

/// A held-out part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldOut {
    Valid,
    Test,
}

impl Split {
    /// The validation or the test part.
    pub fn held_out(&self, part: HeldOut) -> &UserItems {
        match part {
            HeldOut::Valid => &self.valid,
            HeldOut::Test => &self.test,
        }
    }

    /// Digest of table sizes and of all three parts in their order.
    pub fn digest(&self) -> Digest {
        let mut hasher = FieldHasher::new("reprise split 1");
        hasher.field("users", &(self.n_users as u64).to_le_bytes());
        hasher.field("items", &(self.n_items as u64).to_le_bytes());
        for (name, part) in [("train", &self.train), ("valid", &self.valid), ("test", &self.test)] {
            hasher.u32s(name, part.offsets()).u32s(name, part.items());
        }
        hasher.finish()
    }
}
