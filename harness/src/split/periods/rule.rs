//! Rules that cut a dataset into periods.

use std::collections::HashMap;

use super::check::{Named, can_be_learnt, can_be_tested, items_seen};
use super::sessions::sessions;
use super::{Catalogue, Periods, Roles};
use crate::data::{Clock, Dataset, Interaction};
use crate::error::{Error, Kind, Result};
use crate::split::{Ties, UserItems};

/// The dataset's own periods, its parts `period-0` to `period-LAST`; a user of the dataset is a session.
///
/// # Errors
/// [`Input`](Kind::Input) if a part is missing; [`Data`](Kind::Data) if a period is empty, cannot be learnt from or
/// tested on, or its items are not numbered in the order in which periods show them.
pub fn given(dataset: &Dataset, roles: Roles, catalogue: Catalogue) -> Result<Periods> {
    let last = roles.last();
    let part = |number: usize| {
        let name = format!("period-{number}");
        let part = dataset.part(&name).ok_or_else(|| {
            let names: Vec<&str> = dataset.parts.iter().map(|part| part.name.as_str()).collect();
            Error::new(Kind::Input, format!("`{}` has no part `{name}`", dataset.name))
                .expected(format!("parts `period-0` to `period-{last}`"))
                .got(names.join(", "))
                .hint("`last` is the number of the last period that is tested; period 0 is only learnt from")
        })?;
        Ok(part.interactions.clone())
    };
    let periods = (0..=last).map(part).collect::<Result<_>>()?;
    Periods::of_sessions(dataset, periods, dataset.n_items, roles, catalogue)
}

/// Cuts the dataset by time into periods of `days` days; the first `first` of them together are period 0. A session is
/// what a user does in a period. Items with fewer than `least` interactions in the whole dataset are dropped (as ADER's
/// authors drop theirs), the others numbered in the order in which they occur. What follows the last period is left out.
/// Besides the periods: events asked for whose place in their session `ties` decided.
///
/// # Errors
/// [`Input`](Kind::Input) if the dataset has no times; [`Data`](Kind::Data) if nothing is left, the data ends before the
/// last period does, or as for [`given`].
pub fn by_time(
    dataset: &Dataset,
    [days, first]: [usize; 2],
    least: usize,
    roles: Roles,
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
    let last = roles.last();
    let mut all = in_order(dataset, ties);
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
    let mut periods: Vec<Vec<Interaction>> = vec![Vec::new(); last + 1];
    for event in all {
        let period = ((event.time.whole - start) / length + 1 - first as i64).max(0) as usize;
        if let Some(events) = periods.get_mut(period) {
            let next = numbers.len() as u32;
            events.push(Interaction { item: *numbers.entry(event.item).or_insert(next), ..event });
        }
    }
    let cut = Periods::of_sessions(dataset, periods, numbers.len(), roles, catalogue)?;
    let tied = roles.evaluated().map(|number| tied(cut.events(number), cut.period(number).items())).sum();
    Ok((cut, tied))
}

/// Cuts the dataset's events, in the order of time, into `count` periods of ⌊n/count⌋ events each, and leaves out the
/// events that remain (ASMG's authors). Ids and table sizes stay those of the dataset, all of whose items are known from
/// the first period on; values are labels or ratings to be learnt. Besides the periods: events of one time that stand in
/// two periods, of which `ties` decided.
///
/// # Errors
/// [`Input`](Kind::Input) if the dataset has no times; [`Data`](Kind::Data) if there are fewer events than periods.
pub fn by_count(dataset: &Dataset, roles: Roles, ties: Ties) -> Result<(Periods, u64)> {
    if dataset.clock == Clock::Position {
        return Err(Error::new(Kind::Input, format!("`{}` has no times to order its events by", dataset.name))
            .expected("a column `time` in its manifest"));
    }
    let count = roles.last() + 1;
    let mut events = in_order(dataset, ties);
    let each = events.len() / count;
    if each == 0 {
        return Err(Error::new(
            Kind::Data,
            format!("`{}` has fewer events than there are to be periods", dataset.name),
        )
        .expected(format!("at least {count} events"))
        .got(events.len().to_string())
        .hint("use a smaller `count`"));
    }
    let cuts = (1..=roles.last()).map(|number| number * each);
    let tied = cuts.filter(|&cut| events[cut - 1].time == events[cut].time).count() as u64;
    events.truncate(count * each);
    let ranges: Vec<_> = (0..count).map(|number| number * each..(number + 1) * each).collect();
    let sessions = ranges.iter().map(|range| UserItems::from_rows(sessions(pairs(&events[range.clone()])))).collect();
    let Dataset { n_users, n_items, .. } = *dataset;
    Ok((
        Periods {
            n_users,
            n_items,
            events,
            ranges,
            sessions,
            seen: Vec::new(),
            samples: None,
            categories: None,
            roles,
            labelled: true,
        },
        tied,
    ))
}

/// All events of a dataset in the order of time.
fn in_order(dataset: &Dataset, ties: Ties) -> Vec<Interaction> {
    let mut all: Vec<_> = dataset.parts.iter().flat_map(|part| part.interactions.iter().copied()).collect();
    ties.sort(dataset, &mut all, |_| ());
    all
}

fn pairs(events: &[Interaction]) -> impl Iterator<Item = (u32, u32)> {
    events.iter().map(|event| (event.user, event.item))
}

/// Events that a test asks for, of the first `known` items, whose place in their session a tie in time decided.
fn tied(events: &[Interaction], known: usize) -> u64 {
    let mut of_sessions: HashMap<u32, Vec<_>> = HashMap::new();
    for event in events.iter().filter(|event| (event.item as usize) < known) {
        of_sessions.entry(event.user).or_default().push(event.time);
    }
    // A sum of counts, in whatever order.
    let of_session = |times: &Vec<_>| {
        let asked = 1..times.len();
        asked.filter(|&at| times[at] == times[at - 1] || times.get(at + 1) == Some(&times[at])).count() as u64
    };
    of_sessions.values().map(of_session).sum()
}

impl Periods {
    /// A stream of sessions from the events of each period in their order, checked to be fit for learning and testing.
    fn of_sessions(
        dataset: &Dataset,
        periods: Vec<Vec<Interaction>>,
        n_items: usize,
        roles: Roles,
        catalogue: Catalogue,
    ) -> Result<Self> {
        let (mut events, mut ranges, mut all, mut seen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, period) in periods.into_iter().enumerate() {
            let (before, named) = (seen.last().copied().unwrap_or(0), Named { dataset: &dataset.name, number });
            let pairs: Vec<_> = pairs(&period).collect();
            seen.push(items_seen(named, &pairs, before)?);
            let sessions = sessions(pairs);
            if number < roles.last() {
                can_be_learnt(named, &sessions)?;
            }
            if roles.evaluated().contains(&number) {
                let known = if catalogue == Catalogue::Full { n_items } else { before };
                can_be_tested(named, &sessions, known)?;
            }
            all.push(UserItems::from_rows(sessions));
            ranges.push(events.len()..events.len() + period.len());
            events.extend(period);
        }
        if catalogue == Catalogue::Full {
            seen.clear();
        }
        let (samples, categories) = (None, None);
        Ok(Self {
            n_users: dataset.n_users,
            n_items,
            events,
            ranges,
            sessions: all,
            seen,
            samples,
            categories,
            roles,
            labelled: false,
        })
    }
}
