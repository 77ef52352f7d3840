//! What a period must have to be trained on and to be tested on.

use harness::error::{Error, Kind, Result};

use super::sessions::{Answerable, Event, answerable, sessions};

/// The period of this number, in messages.
fn wrong(period: usize, what: &str) -> Error {
    Error::new(Kind::Data, format!("period {period} {what}"))
}

/// Items seen after training on a period, where `before` had been seen: its new items go on from those, each number
/// in turn, so that what is seen is always the first part of the item table.
///
/// # Errors
/// [`Data`](Kind::Data) if the period has no event, or its new items leave out a number.
pub fn items_seen(period: usize, events: &[Event], before: usize) -> Result<usize> {
    if events.is_empty() {
        return Err(wrong(period, "has no event").expected("sessions to train on"));
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

/// The sessions of a period to train on.
///
/// # Errors
/// [`Data`](Kind::Data) if none has two items.
pub fn training(period: usize, events: &[Event]) -> Result<Vec<Vec<u32>>> {
    let sessions = sessions(events);
    if sessions.iter().all(|session| session.len() < 2) {
        return Err(wrong(period, "has nothing to train on")
            .expected("a session of at least two events")
            .got(format!("{} sessions of one event", sessions.len())));
    }
    Ok(sessions)
}

/// The sessions of a period to test on, where the first `known` items have been seen.
///
/// # Errors
/// [`Data`](Kind::Data) if nothing can be predicted.
pub fn test(period: usize, events: &[Event], known: usize) -> Result<Answerable> {
    let answerable = answerable(events, known);
    if answerable.sessions.is_empty() {
        return Err(wrong(period, "has nothing to predict")
            .expected("a session with at least two events of items seen in the periods before")
            .got(format!("{} events, none of which is left", events.len())));
    }
    Ok(answerable)
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
    fn periods_without_anything_to_train_or_test_on_are_refused() {
        assert_eq!(training(0, &[(1, 0), (1, 1), (2, 0)]).unwrap(), [vec![0, 1], vec![0]]);
        assert!(training(3, &[(1, 0), (2, 1)]).unwrap_err().to_string().contains("period 3 has nothing to train on"));
        assert_eq!(test(1, &[(1, 0), (1, 9), (1, 1)], 2).unwrap().removed, 1);
        let error = test(2, &[(1, 8), (1, 9)], 2).unwrap_err().to_string();
        assert!(error.contains("period 2 has nothing to predict"), "all of its items are new: {error}");
    }
}
