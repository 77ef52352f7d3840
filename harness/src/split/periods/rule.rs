//! How a dataset is cut into periods.

use std::collections::HashMap;

use super::check::{Named, can_be_learnt, can_be_tested, items_seen};
use super::sessions::{Event, sessions};
use super::{Catalogue, Periods};
use crate::data::{Clock, Dataset, Time};
use crate::error::{Error, Kind, Result};
use crate::split::{Ties, UserItems};

/// The dataset's own periods, its parts `period-0` to `period-LAST`; a user of the dataset is a session.
///
/// # Errors
/// [`Input`](Kind::Input) if a part is missing; [`Data`](Kind::Data) if a period is empty, cannot be learnt from or
/// tested on, or its items are not numbered in the order in which periods show them.
pub fn given(dataset: &Dataset, last: usize, catalogue: Catalogue) -> Result<Periods> {
    let part = |number: usize| {
        let name = format!("period-{number}");
        let part = dataset.part(&name).ok_or_else(|| {
            let names: Vec<&str> = dataset.parts.iter().map(|part| part.name.as_str()).collect();
            Error::new(Kind::Input, format!("`{}` has no part `{name}`", dataset.name))
                .expected(format!("parts `period-0` to `period-{last}`"))
                .got(names.join(", "))
                .hint("`last` is the number of the last period that is tested; period 0 is only learnt from")
        })?;
        Ok(part.interactions.iter().map(|event| (event.user, event.item)).collect())
    };
    Periods::of(&dataset.name, (0..=last).map(part).collect::<Result<_>>()?, dataset.n_items, catalogue)
}

/// Cuts the dataset by time into periods of `days` days; the first `first` of them together are period 0. A session is
/// what a user does in a period. Items with fewer than `least` interactions in the whole dataset are dropped (as ADER's
/// authors drop theirs), the others numbered in the order in which they occur. What follows period `last` is left out.
/// Besides the periods: events asked for whose place in their session `ties` decided.
///
/// # Errors
/// [`Input`](Kind::Input) if the dataset has no times; [`Data`](Kind::Data) if nothing is left, the data ends before period `last` does, or as for [`given`].
pub fn by_time(
    dataset: &Dataset,
    [days, first, last]: [usize; 3],
    least: usize,
    catalogue: Catalogue,
    ties: Ties,
) -> Result<(Periods, u64)> {
    const SECONDS_OF_A_DAY: i64 = 86_400;
    if dataset.clock != Clock::Unix {
        return Err(Error::new(Kind::Input, format!("`{}` has no times that count in days", dataset.name))
            .expected("a column of times whose unit the manifest says, or one of ISO times")
            .got("an order alone")
            .hint("the split rule `periods` takes the dataset's own periods"));
    }
    let mut all: Vec<_> = dataset.parts.iter().flat_map(|part| part.interactions.iter().copied()).collect();
    ties.sort(dataset, &mut all, |_| ());
    let mut counts = vec![0; dataset.n_items];
    all.iter().for_each(|event| counts[event.item as usize] += 1);
    all.retain(|event| counts[event.item as usize] >= least);
    let (Some(start), Some(end)) = (all.first().map(|e| e.time.whole), all.last().map(|e| e.time.whole)) else {
        return Err(Error::new(Kind::Data, format!("no interaction of `{}` is left", dataset.name))
            .expected(format!("items with at least {least} interactions")));
    };
    let length = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(SECONDS_OF_A_DAY);
    let whole = end.abs_diff(start) / length as u64; // Periods of `days` days that the data goes beyond.
    if whole < first.saturating_add(last) as u64 {
        return Err(Error::new(Kind::Data, format!("`{}` ends before period {last} does", dataset.name))
            .expected(format!("{} × {days} days", first.saturating_add(last)))
            .got(format!("{whole} × {days} days and a part"))
            .hint("use a smaller `last`, `days` or `first`"));
    }
    let mut numbers: HashMap<u32, u32> = HashMap::new();
    let mut periods: Vec<Vec<Event>> = vec![Vec::new(); last + 1];
    let mut times: Vec<Vec<Time>> = vec![Vec::new(); last + 1];
    for event in all {
        let period = ((event.time.whole - start) / length + 1 - first as i64).max(0) as usize;
        if let Some(events) = periods.get_mut(period) {
            let next = numbers.len() as u32;
            events.push((event.user, *numbers.entry(event.item).or_insert(next)));
            times[period].push(event.time);
        }
    }
    let cut = Periods::of(&dataset.name, periods.clone(), numbers.len(), catalogue)?;
    let tied = (1..=last).map(|number| tied(&periods[number], &times[number], cut.period(number).items())).sum();
    Ok((cut, tied))
}

/// Events that a test asks for, of the first `known` items, whose place in their session a tie in time decided.
fn tied(events: &[Event], times: &[Time], known: usize) -> u64 {
    let mut of_sessions: HashMap<u32, Vec<Time>> = HashMap::new();
    for (&(session, item), &time) in events.iter().zip(times) {
        if (item as usize) < known {
            of_sessions.entry(session).or_default().push(time);
        }
    }
    // A sum of counts, in whatever order.
    let of_session = |times: &Vec<Time>| {
        let asked = 1..times.len();
        asked.filter(|&at| times[at] == times[at - 1] || times.get(at + 1) == Some(&times[at])).count() as u64
    };
    of_sessions.values().map(of_session).sum()
}

impl Periods {
    /// From the events of each period in their order.
    fn of(dataset: &str, periods: Vec<Vec<Event>>, n_items: usize, catalogue: Catalogue) -> Result<Self> {
        let last = periods.len() - 1;
        let (mut all, mut seen) = (Vec::new(), Vec::new());
        for (number, events) in periods.into_iter().enumerate() {
            let (before, named) = (seen.last().copied().unwrap_or(0), Named { dataset, number });
            seen.push(items_seen(named, &events, before)?);
            let sessions = sessions(events);
            if number < last {
                can_be_learnt(named, &sessions)?;
            }
            if number > 0 {
                let known = if catalogue == Catalogue::Full { n_items } else { before };
                can_be_tested(named, &sessions, known)?;
            }
            all.push(UserItems::from_rows(sessions));
        }
        Ok(Self { sessions: all, seen, n_items, catalogue })
    }
}
