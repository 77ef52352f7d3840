//! Checks that periods have enough to be learnt from and tested on.

use super::sessions::{Event, answerable};
use crate::error::{Error, Kind, Result};
use crate::split::SampleRange;

/// A period, as errors name it.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    pub dataset: &'a str,
    pub number: usize,
}

/// The hint for a period with too little in it.
const LONGER: &str = "use longer periods, or a smaller `last`";

/// The hint for a period of samples that cannot be evaluated.
const FULLER: &str = "use fewer periods, or other `positives`";

impl Named<'_> {
    fn wrong(self, what: &str) -> Error {
        Error::new(Kind::Data, format!("period {} of `{}` {what}", self.number, self.dataset))
    }
}

/// Number of items that have occurred by the end of a period, where `before` occurred earlier. New items must continue the
/// numbering without a gap, so that the items seen so far are always the first rows of an item table.
///
/// # Errors
/// [`Data`](Kind::Data) if the period has no event, or its new items leave out a number.
pub fn items_seen(period: Named<'_>, events: &[Event], before: usize) -> Result<usize> {
    if events.is_empty() {
        return Err(period.wrong("has no event").expected("sessions to learn from").hint(LONGER));
    }
    let mut new: Vec<usize> = events.iter().map(|&(_, item)| item as usize).filter(|&item| item >= before).collect();
    new.sort_unstable();
    new.dedup();
    match new.iter().zip(before..).find(|(item, expected)| *item != expected) {
        Some((item, expected)) => Err(period
            .wrong("has new items that do not go on from those before")
            .expected(format!("item number {expected} next, as the dataset numbers them from 0"))
            .got(format!("item number {item}"))
            .hint("items must be numbered in the order in which periods show them; a manifest's `first` is taken off")),
        None => Ok(before + new.len()),
    }
}

/// # Errors
/// [`Data`](Kind::Data) if no session of a period to be learnt from has two events.
pub fn can_be_learnt(period: Named<'_>, sessions: &[Vec<u32>]) -> Result<()> {
    if sessions.iter().any(|session| session.len() > 1) {
        return Ok(());
    }
    Err(period
        .wrong("has nothing to learn from")
        .expected("a session of at least two events")
        .got(format!("{} sessions of one event", sessions.len()))
        .hint(LONGER))
}

/// # Errors
/// [`Data`](Kind::Data) if nothing of a period to be tested on can be asked, where the first `known` items are known.
pub fn can_be_tested(period: Named<'_>, sessions: &[Vec<u32>], known: usize) -> Result<()> {
    if !answerable(sessions.iter().map(Vec::as_slice), known).is_empty() {
        return Ok(());
    }
    let events = || sessions.iter().flatten();
    let new = events().filter(|&&item| item as usize >= known).count();
    Err(period
        .wrong("has nothing to predict")
        .expected("a session with at least two events of items that occurred before the period")
        .got(format!("{} events, {new} of them of new items", events().count()))
        .hint("`catalogue = \"full\"` asks for new items too; else use longer periods, or a smaller `last`"))
}

/// # Errors
/// [`Data`](Kind::Data) if a period of samples has none, or one that is to be `evaluated` none of a kind.
pub fn can_be_told_apart(period: Named<'_>, samples: SampleRange<'_>, evaluated: bool) -> Result<()> {
    let (all, positives) = (samples.len(), samples.positives());
    if all == 0 {
        return Err(period.wrong("has no sample").expected("samples in every period").hint(FULLER));
    }
    let lacks = match positives {
        0 => "positive",
        n if n == all => "negative",
        _ => return Ok(()),
    };
    if !evaluated {
        return Ok(());
    }
    Err(period
        .wrong(&format!("has no {lacks}: its AUC is not defined"))
        .expected("positives and negatives in every period that is evaluated, and in the pre-training")
        .got(format!("{positives} positives, {} negatives", all - positives))
        .hint(FULLER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(number: usize) -> Named<'static> {
        Named { dataset: "made-up", number }
    }

    #[test]
    fn what_is_seen_grows_without_a_gap() {
        assert_eq!(items_seen(period(0), &[(1, 1), (1, 0), (2, 1)], 0).unwrap(), 2);
        assert_eq!(items_seen(period(1), &[(1, 1), (3, 2)], 2).unwrap(), 3);
        assert_eq!(items_seen(period(2), &[(1, 1)], 3).unwrap(), 3, "a period without new items");
        let error = items_seen(period(4), &[(1, 1), (1, 5)], 3).unwrap_err().to_string();
        assert!(error.contains("period 4 of `made-up` has new items that do not go on"), "{error}");
        assert!(error.contains("item number 3 next") && error.contains("item number 5"), "{error}");
        assert!(items_seen(period(5), &[], 3).unwrap_err().to_string().contains("period 5 of `made-up` has no event"));
    }

    #[test]
    fn periods_without_anything_to_learn_from_or_to_ask_are_refused() {
        can_be_learnt(period(0), &[vec![0, 1], vec![0]]).unwrap();
        let error = can_be_learnt(period(3), &[vec![0], vec![1]]).unwrap_err().to_string();
        assert!(error.contains("period 3 of `made-up` has nothing to learn from"), "{error}");
        can_be_tested(period(1), &[vec![0, 9, 1]], 2).unwrap();
        let error = can_be_tested(period(2), &[vec![8, 9, 0]], 2).unwrap_err().to_string();
        assert!(error.contains("period 2 of `made-up` has nothing to predict"), "{error}");
        assert!(error.contains("3 events, 2 of them of new items") && error.contains("catalogue"), "{error}");
    }
}
