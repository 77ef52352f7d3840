//! The prepared dataset: interactions with dense ids, the only form of data that the rest of the program sees.

use std::collections::BTreeMap;

use crate::digest::{Digest, FieldHasher};

use super::categories::ItemCategories;
use super::time::{Clock, Time};

/// One interaction. Users and items are dense ids from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interaction {
    pub user: u32,
    pub item: u32,
    /// When it happened, where the source says it, else the position in the source; see [`Dataset::clock`].
    pub time: Time,
    /// Rating, count or other weight of the source; 1 where it has none.
    pub value: f32,
    /// The session of the user that it belongs to, a dense id from 0; 0 where the source has no sessions.
    pub session: u32,
}

/// A part of a dataset as its source divides it: `all`, or `train`, `valid`, `test`, or `period-0`, ….
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub name: String,
    /// In the order of the source.
    pub interactions: Vec<Interaction>,
}

/// Verified, immutable interactions.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    pub name: String,
    /// Size of a user table: every user id is below it. May exceed the number of users that occur.
    pub n_users: usize,
    /// Size of an item table: every item id is below it. May exceed the number of items that occur.
    pub n_items: usize,
    /// Of users that were numbered as they came, the place of each in the order of the source's ids: numbers by value,
    /// then other ids by their bytes. Empty where users have the source's own numbers. Not part of the digest.
    pub user_places: Vec<u32>,
    /// The same of items.
    pub item_places: Vec<u32>,
    /// The same of sessions, which are numbered as they come; empty where the source has none.
    pub session_places: Vec<u32>,
    /// Of the items, where the source has them; numbered in the order of the source's ids.
    pub categories: Option<ItemCategories>,
    /// What the times of its interactions are.
    pub clock: Clock,
    /// What the values of its interactions are.
    pub values: Values,
    pub parts: Vec<Part>,
}

/// The kind of values that the interactions of a dataset have.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// The source has none; all are 1.
    None,
    /// Ratings or counts.
    Numbers,
    /// Kinds of events, by name.
    Labels(BTreeMap<String, f32>),
}

impl Values {
    /// For people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::None => "interactions without a value, or files that differ in what it is".into(),
            Self::Numbers => "numbers".into(),
            Self::Labels(labels) => format!("labels: {}", labels.keys().cloned().collect::<Vec<_>>().join(", ")),
        }
    }
}

impl Dataset {
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// The place of a user in the order of the source's ids, which does not depend on the order of the rows.
    pub fn user_place(&self, user: u32) -> u32 {
        self.user_places.get(user as usize).copied().unwrap_or(user)
    }

    /// The place of an item in the order of the source's ids, which does not depend on the order of the rows.
    pub fn item_place(&self, item: u32) -> u32 {
        self.item_places.get(item as usize).copied().unwrap_or(item)
    }

    /// Whether its interactions belong to sessions of the users.
    pub fn has_sessions(&self) -> bool {
        !self.session_places.is_empty()
    }

    pub fn n_interactions(&self) -> usize {
        self.parts.iter().map(|part| part.interactions.len()).sum()
    }

    /// Digest of the prepared content: sizes, and every interaction of every part in order. Fractions of seconds, sessions
    /// and categories of items are separate fields, present only if there are any.
    pub fn digest(&self) -> Digest {
        let mut hasher = FieldHasher::new("reprise dataset 1");
        hasher.field("users", &(self.n_users as u64).to_le_bytes());
        hasher.field("items", &(self.n_items as u64).to_le_bytes());
        for part in &self.parts {
            let mut bytes = Vec::with_capacity(part.interactions.len() * 20);
            for i in &part.interactions {
                bytes.extend(i.user.to_le_bytes());
                bytes.extend(i.item.to_le_bytes());
                bytes.extend(i.time.whole.to_le_bytes());
                bytes.extend(i.value.to_le_bytes());
            }
            hasher.field(&part.name, &bytes);
            if part.interactions.iter().any(|i| i.time.billionths > 0) {
                let fractions: Vec<u8> =
                    part.interactions.iter().flat_map(|i| i.time.billionths.to_le_bytes()).collect();
                hasher.field(&format!("{}\0fractions", part.name), &fractions);
            }
            if self.has_sessions() {
                let sessions: Vec<u32> = part.interactions.iter().map(|i| i.session).collect();
                hasher.u32s(&format!("{}\0sessions", part.name), &sessions);
            }
        }
        if let Some(categories) = &self.categories {
            categories.digest_into(&mut hasher);
        }
        hasher.finish()
    }
}
