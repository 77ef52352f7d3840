//! The items that may stand in a teacher's exemplary list.

use crate::models::sequence::PADDING;

/// The candidates of an exemplary list. The choice matters: the best items of a sequential teacher are
/// often items that the user has consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListCandidates {
    /// All but the targets of the window; what the user has consumed, and even the padding, may be in
    /// the list: the authors' code.
    AllButTargets,
    /// Only items that the user has not: the paper's "unlabelled documents".
    Unobserved,
}

impl ListCandidates {
    /// Ids that must not appear in the list of a window with these `targets`, ascending, each once.
    /// `observed`: the user's training items, targets among them, in any order.
    pub fn excluded(self, targets: &[u32], observed: &[u32]) -> Vec<u32> {
        let mut excluded = match self {
            Self::AllButTargets => targets.to_vec(),
            Self::Unobserved => [&[PADDING], observed].concat(),
        };
        excluded.sort_unstable();
        excluded.dedup();
        excluded
    }
}
