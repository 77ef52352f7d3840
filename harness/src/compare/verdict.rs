//! The verdict on a claim; reports print its rule from here.

use std::fmt;

use super::agreement::MIN_SEEDS;
use crate::stats::LEVEL;

/// Probability that chance alone decides any claim of a spec (family-wise error rate).
pub const ALPHA: f64 = 1.0 - LEVEL;

/// The verdict of our runs on a claim. Ordered as reports count them: from best to worst, then the one that decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// All inequalities of the claim are confirmed.
    Holds,
    /// The opposite of one of its inequalities is confirmed.
    Fails,
    /// Neither is confirmed.
    Undecided,
}

impl Verdict {
    /// All verdicts, in their order.
    pub const ALL: [Self; 3] = [Self::Holds, Self::Fails, Self::Undecided];

    /// The rule by which this verdict is given, as part of a sentence for reports.
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
