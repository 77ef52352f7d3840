//! What a period must have to be learnt from and to be tested on.

use super::sessions::{Event, answerable};
use crate::error::{Error, Kind, Result};

/// What is wrong with a period.
fn wrong(period: usize, what: &str) -> Error {
    Error::new(Kind::Data, format!("period {period} {what}"))
}

/// Items that have occurred by the end of a period, where `before` had before it: its new items go on from those, each
/// number in turn, so that what has occurred is always the first part of an item table.
///
/// # Errors
/// [`Data`](Kind::Data) if the period has no event, or its new items leave out a number.
pub fn items_seen(period: usize, events: &[Event], before: usize) -> Result<usize> {
    if events.is_empty() {
        return Err(wrong(period, "has no event").expected("sessions to learn from"));
    }
    let mut new: Vec<usize> = events.iter().map(|&(_, item)| item as usize).filter(|&item| item >= before).collect();
    new.sort_unstable();
    new.dedup();
    match new.iter().zip(before..).find(|(item, expected)| *item != expected) {
        Some((item, expected)) => Err(wrong(period, "has new items that do not go on from those before")
            .expected(format!("item {expected} next, counting from 0"))
            .got(format!("item {item}"))
            .hint("items must be numbered in the order in which periods show them")),
        None => Ok(before + new.len()),
    }
}

/// # Errors
/// [`Data`](Kind::Data) if no session of a period to be learnt from has two events.
pub fn can_be_learnt(period: usize, sessions: &[Vec<u32>]) -> Result<()> {
    if sessions.iter().any(|session| session.len() > 1) {
        return Ok(());
    }
    Err(wrong(period, "has nothing to learn from")
        .expected("a session of at least two events")
        .got(format!("{} sessions of one event", sessions.len())))
}

/// # Errors
/// [`Data`](Kind::Data) if nothing of a period to be tested on can be asked, where the first `known` items are known.
pub fn can_be_tested(period: usize, sessions: &[Vec<u32>], known: usize) -> Result<()> {
    if !answerable(sessions.iter().map(Vec::as_slice), known).is_empty() {
        return Ok(());
    }
    let events: usize = sessions.iter().map(Vec::len).sum();
    Err(wrong(period, "has nothing to predict")
        .expected("a session with at least two events of items that occurred before the period")
        .got(format!("{events} events, none of which is left")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_grows_without_a_gap() {
        assert_eq!(items_seen(0, &[(1, 1), (1, 0), (2, 1)], 0).unwrap(), 2);
        assert_eq!(items_seen(1, &[(1, 1), (3, 2)], 2).unwrap(), 3);
        assert_eq!(items_seen(2, &[(1, 1)], 3).unwrap(), 3, "a period without new items");
        let error = items_seen(4, &[(1, 1), (1, 5)], 3).unwrap_err().to_string();
        assert!(error.contains("period 4 has new items that do not go on"), "{error}");
        assert!(error.contains("item 3 next") && error.contains("item 5"), "{error}");
        assert!(items_seen(5, &[], 3).unwrap_err().to_string().contains("period 5 has no event"));
    }

    #[test]
    fn periods_without_anything_to_learn_from_or_to_ask_are_refused() {
        can_be_learnt(0, &[vec![0, 1], vec![0]]).unwrap();
        let error = can_be_learnt(3, &[vec![0], vec![1]]).unwrap_err().to_string();
        assert!(error.contains("period 3 has nothing to learn from"), "{error}");
        can_be_tested(1, &[vec![0, 9, 1]], 2).unwrap();
        let error = can_be_tested(2, &[vec![8, 9, 0]], 2).unwrap_err().to_string();
        assert!(error.contains("period 2 has nothing to predict"), "all of its items but one are new: {error}");
    }
}
