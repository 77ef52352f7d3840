//! What we say of a claim. The rule stands here and nowhere else; reports print it from here.

use std::fmt;

use super::MIN_SEEDS;
use crate::stats::LEVEL;

/// Share of claims, all of a spec together, that may be judged wrongly by chance.
pub const ALPHA: f64 = 1.0 - LEVEL;

/// From best to worst, then the one that judges nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Holds,
    Fails,
    Undecided,
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Holds, Self::Fails, Self::Undecided];

    /// The rule, as a sentence for people.
    pub fn rule(self) -> String {
        match self {
            Self::Holds => format!(
                "every inequality of the claim is confirmed, over seeds (paired t test of the runs' values) and, where \
                 ranks were kept, over queries (paired t test of each query's mean over seeds), at {:.0} % for all \
                 claims of the spec together (Holm)",
                ALPHA * 100.0
            ),
            Self::Fails => "the opposite of one of its inequalities is confirmed, by the same tests and the same \
                            correction"
                .into(),
            Self::Undecided => format!("neither, or fewer than {MIN_SEEDS} seeds that both trials have"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Undecided => "undecided",
        })
    }
}
