//! Counts of held-out items that were chosen among interactions with equal times.

use serde::{Deserialize, Serialize};

use super::events::Ties;
use crate::data::{Clock, Dataset, Interaction};
use crate::error::{Error, Kind, Result};

/// Counts of held-out items that a tie in time decided: another item with the same user and time is in another part or, in
/// a stream of periods, next to it in its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeTies {
    /// Name of the rule that decided the ties.
    pub by: String,
    pub validation: u64,
    pub test: u64,
}

impl TimeTies {
    /// None where the source has no times, so that none are equal.
    ///
    /// # Errors
    /// [`Data`](Kind::Data) if there are any, and the rule refuses them.
    pub(crate) fn of(dataset: &Dataset, rule: Ties, [validation, test]: [u64; 2]) -> Result<Option<Self>> {
        if rule == Ties::Refuse && validation + test > 0 {
            return Err(Error::new(
                Kind::Data,
                format!("times of `{}` do not say which items are held out", dataset.name),
            )
            .expected("no held-out item of the same time as an item of another part")
            .got(format!("{test} test and {validation} validation items"))
            .hint("`ties = \"file-order\"` or `ties = \"item\"` in the spec's `events` decides them"));
        }
        let counted = Self { by: rule.name().into(), validation, test };
        Ok((dataset.clock != Clock::Position).then_some(counted))
    }
}

/// Of interactions by user and then time: the validation and test items that a tie chose, where a user's n items are cut
/// at `cuts(n)`, the beginnings of validation and test.
pub(super) fn at_cuts(ordered: &[Interaction], cuts: impl Fn(usize) -> (usize, usize)) -> [u64; 2] {
    let mut ties = [0, 0];
    for items in ordered.chunk_by(|a, b| a.user == b.user) {
        let (valid, test) = cuts(items.len());
        let beyond = |place: usize, of: std::ops::Range<usize>| {
            let time = items[place].time;
            let same =
                |other: Option<usize>| other.and_then(|at| items.get(at)).is_some_and(|other| other.time == time);
            same(of.start.checked_sub(1)) || same(Some(of.end))
        };
        for (count, part) in ties.iter_mut().zip([valid..test, test..items.len()]) {
            *count += part.clone().filter(|&place| beyond(place, part.clone())).count() as u64;
        }
    }
    ties
}
