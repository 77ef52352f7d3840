//! Rules that cut a dataset into periods.

use std::collections::HashMap;

use super::check::{Named, can_be_learnt, can_be_tested, items_seen};
use super::sampled::Labelled;
use super::sessions::sessions;
use super::{Catalogue, Periods, Roles};
use crate::data::{Clock, Dataset, Interaction, Moment};
use crate::error::{Error, Kind, Result};
use crate::split::{Labelling, SourceNumbers, Ties, UserItems};

const SECONDS_OF_A_DAY: i64 = 86_400;

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
    let periods = (0..=last).map(part).collect::<Result<Vec<_>>>()?;
    let items = SourceNumbers::same(0, dataset.n_items).items;
    Periods::of_sessions(dataset, &periods, items, roles, catalogue)
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
    counts_in_days(dataset)?;
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
    let (mut numbers, mut items): (HashMap<u32, u32>, Vec<u32>) = (HashMap::new(), Vec::new());
    let mut periods: Vec<Vec<Interaction>> = vec![Vec::new(); last + 1];
    for event in all {
        let period = ((event.time.whole - start) / length + 1 - first as i64).max(0) as usize;
        if let Some(events) = periods.get_mut(period) {
            let number = *numbers.entry(event.item).or_insert_with(|| {
                items.push(event.item);
                items.len() as u32 - 1
            });
            events.push(Interaction { item: number, ..event });
        }
    }
    let cut = Periods::of_sessions(dataset, &periods, items, roles, catalogue)?;
    let tied = roles.evaluated().map(|number| tied(&periods[number], cut.period(number).items())).sum();
    Ok((cut, tied))
}

/// Cuts the dataset's labelled samples, in the order of time, into periods of ⌊n/periods⌋ samples each, and leaves out
/// those that remain (ASMG's authors). Tables are sized before. Besides the periods: cuts between events of one time, where
/// `ties` decided which period they are in.
///
/// # Errors
/// [`Input`](Kind::Input) if the dataset has no times, or not the ratings that `samples` asks for; [`Data`](Kind::Data) if
/// there are fewer samples than periods, or a period cannot be evaluated.
pub fn by_count(dataset: &Dataset, samples: &Labelling, roles: Roles, ties: Ties) -> Result<(Periods, u64)> {
    if dataset.clock == Clock::Position {
        return Err(Error::new(Kind::Input, format!("`{}` has no times to order its events by", dataset.name))
            .expected("a column `time` in its manifest"));
    }
    let labelled = Labelled::new(dataset, samples, in_order(dataset, ties))?;
    let (count, n) = (roles.last() + 1, labelled.samples_of(0..labelled.events.len()));
    let cuts = equal_cuts(n, count);
    if cuts[count] == 0 {
        return Err(Error::new(
            Kind::Data,
            format!("`{}` has fewer samples than there are to be periods", dataset.name),
        )
        .expected(format!("at least {count} samples"))
        .got(n.to_string())
        .hint("use a smaller `last`"));
    }
    let tied = labelled.tied_at(&cuts[1..count]);
    Ok((labelled.cut(&cuts, roles)?, tied))
}

/// The beginnings of `count` periods of ⌊n/count⌋ samples, and the end of the last.
pub(super) fn equal_cuts(n: usize, count: usize) -> Vec<usize> {
    (0..=count).map(|number| number * (n / count)).collect()
}

/// Cuts the dataset's labelled samples into days in UTC, from that of `first` on: one period a day.
///
/// # Errors
/// [`Input`](Kind::Input) if the dataset's times do not count in days, or it has not the ratings that `samples` asks for;
/// [`Data`](Kind::Data) if an event is of no period, or a period cannot be evaluated.
pub fn by_day(dataset: &Dataset, first: &Moment, samples: &Labelling, roles: Roles, ties: Ties) -> Result<Periods> {
    counts_in_days(dataset)?;
    let count = roles.last() + 1;
    let labelled = Labelled::new(dataset, samples, in_order(dataset, ties))?;
    let day = |event: &Interaction| (event.time.whole - first.time().whole).div_euclid(SECONDS_OF_A_DAY);
    let outside = |event: &&Interaction| !(0..count as i64).contains(&day(event));
    if let Some(event) = labelled.events.iter().find(outside) {
        return Err(Error::new(Kind::Data, format!("an event of `{}` is in none of the periods", dataset.name))
            .expected(format!("the {count} days from {first} on"))
            .got(format!("an event of day {} (the first is 0)", day(event)))
            .hint("`from` and `before` in the spec's `events` choose the events of some days"));
    }
    let until = |number: usize| labelled.events.partition_point(|event| day(event) < number as i64);
    let cuts: Vec<usize> = (0..=count).map(|number| labelled.samples_of(0..until(number))).collect();
    labelled.cut(&cuts, roles)
}

fn counts_in_days(dataset: &Dataset) -> Result<()> {
    if dataset.clock == Clock::Unix {
        return Ok(());
    }
    Err(Error::new(Kind::Input, format!("`{}` has no times that count in days", dataset.name))
        .expected("a column of times whose unit the manifest says, or one of ISO times")
        .got("an order alone")
        .hint("the split rule `periods` takes the dataset's own periods"))
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
    /// `items`: the dataset's numbers of the items, by those of the events.
    fn of_sessions(
        dataset: &Dataset,
        periods: &[Vec<Interaction>],
        items: Vec<u32>,
        roles: Roles,
        catalogue: Catalogue,
    ) -> Result<Self> {
        let (mut all, mut seen, n_items) = (Vec::new(), Vec::new(), items.len());
        for (number, period) in periods.iter().enumerate() {
            let (before, named) = (seen.last().copied().unwrap_or(0), Named { dataset: &dataset.name, number });
            let pairs: Vec<_> = pairs(period).collect();
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
        }
        if catalogue == Catalogue::Full {
            seen.clear();
        }
        let (samples, ranges, categories) = (None, Vec::new(), None);
        let (n_users, numbers) = (dataset.n_users, SourceNumbers { users: Vec::new(), items });
        Ok(Self { n_users, n_items, sessions: all, seen, samples, ranges, categories, roles, numbers })
    }
}
