//! Users and items, where one text is for both.

use harness::split::Split;

/// The two kinds of entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    User,
    Item,
}

impl Side {
    /// Number of users or of items of a split.
    pub fn count(self, split: &Split) -> usize {
        match self {
            Self::User => split.n_users,
            Self::Item => split.n_items,
        }
    }

    /// For messages: one of them.
    pub fn one(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Item => "item",
        }
    }

    /// For messages: several.
    pub fn many(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Item => "items",
        }
    }

    /// The partners' side.
    pub fn other(self) -> Self {
        match self {
            Self::User => Self::Item,
            Self::Item => Self::User,
        }
    }
}
