//! From the events of a dataset to labelled samples in periods.

use std::ops::Range;

use super::check::{Named, can_be_pretrained, can_be_told_apart};
use super::{Periods, Roles};
use crate::data::{Dataset, Interaction, ItemCategories, Time, Values};
use crate::error::{Error, Kind, Result};
use crate::rng::Stream;
use crate::split::labelling::{Labelling, Negatives, Positives, Sizes};
use crate::split::renumbering::Renumbering;
use crate::split::source_numbers::at_places;
use crate::split::{Samples, SourceNumbers, UserItems, numbered};

/// The events of a dataset as they become samples: in the order of time, under the ids that methods see. Users, items and
/// categories are numbered from 0 in the order of the source's ids; those that do not occur are left out.
pub(super) struct Labelled<'d> {
    dataset: &'d Dataset,
    rule: &'d Labelling,
    /// In the order of time.
    pub events: Vec<Interaction>,
    n_users: usize,
    n_items: usize,
    numbers: SourceNumbers,
    categories: Option<ItemCategories>,
}

impl<'d> Labelled<'d> {
    /// From the events of a dataset in the order of time.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if the rule asks for ratings that there are not; [`Data`](Kind::Data) if the sizes are not
    /// those that the rule expects.
    pub fn new(dataset: &'d Dataset, rule: &'d Labelling, mut events: Vec<Interaction>) -> Result<Self> {
        rule.check()?;
        if rule.positives != Positives::All && dataset.values != Values::Numbers {
            let what = match rule.positives {
                Positives::RatingsAtLeast(least) => format!("ratings to be at least {least}"),
                _ => "labels of 0 and 1".into(),
            };
            let error = Error::new(Kind::Input, format!("`{}` has no {what}", dataset.name));
            return Err(error.expected("a column `value` in its manifest").got(dataset.values.describe()));
        }
        if rule.positives == Positives::Labels
            && let Some((at, event)) = events.iter().enumerate().find(|(_, event)| ![0.0, 1.0].contains(&event.value))
        {
            let what = format!("an event of `{}` has a label that is none: number {at} by time, from 0", dataset.name);
            return Err(Error::new(Kind::Data, what)
                .expected("0 or 1")
                .got(event.value.to_string())
                .hint("ratings become labels by `positives = { ratings_at_least = … }`"));
        }
        let users = Renumbering::of(dataset.n_users, events.iter().map(|event| dataset.user_place(event.user)));
        let items = Renumbering::of(dataset.n_items, events.iter().map(|event| dataset.item_place(event.item)));
        let mut old_items = vec![0; items.size];
        for event in &mut events {
            let item = items.of_old(dataset.item_place(event.item));
            old_items[item as usize] = event.item;
            *event = Interaction { user: users.of_old(dataset.user_place(event.user)), item, ..*event };
        }
        let categories = dataset.categories.as_ref().map(|all| {
            let of_items = || old_items.iter().map(|&item| all.of(item));
            let kept = Renumbering::of(all.count(), of_items().flatten().copied());
            let renumbered = |of_item: &[u32]| of_item.iter().map(|&id| kept.of_old(id)).collect::<Vec<_>>();
            ItemCategories::new(kept.size, of_items().map(renumbered))
        });
        let numbers = SourceNumbers { users: at_places(&dataset.user_places, users.old_ids()), items: old_items };
        let (n_users, n_items) = (users.size, items.size);
        let labelled = Self { dataset, rule, events, n_users, n_items, numbers, categories };
        let got = Sizes {
            users: Some(labelled.n_users),
            items: Some(labelled.n_items),
            samples: Some(labelled.samples_of(0..labelled.events.len())),
            categories: labelled.categories.as_ref().map(ItemCategories::count),
        };
        rule.expect.check(&dataset.name, got)?;
        Ok(labelled)
    }

    fn is_positive(&self, event: &Interaction) -> bool {
        match self.rule.positives {
            Positives::All => true,
            Positives::Labels => event.value == 1.0,
            Positives::RatingsAtLeast(least) => event.value >= least,
        }
    }

    /// Number of negatives that are drawn for an event.
    fn drawn_for(&self, event: &Interaction) -> usize {
        self.rule.negatives.filter(|_| self.is_positive(event)).map_or(0, |negatives| negatives.each)
    }

    /// Number of samples that some events make.
    pub fn samples_of(&self, events: Range<usize>) -> usize {
        self.events[events].iter().map(|event| 1 + self.drawn_for(event)).sum()
    }

    /// Number of cuts that fall between events of one time; a cut is the number of the sample behind it, ascending.
    pub fn tied_at(&self, cuts: &[usize]) -> u64 {
        let (events, mut cuts) = (&self.events, cuts.iter().copied().peekable());
        let (mut samples, mut tied) = (0, 0);
        for (at, event) in events.iter().enumerate() {
            let same = |other: Option<usize>| other.and_then(|at| events.get(at)).is_some_and(|e| e.time == event.time);
            let before = same(at.checked_sub(1));
            let of_event = 1 + self.drawn_for(event);
            while let Some(cut) = cuts.next_if(|&cut| cut < samples + of_event) {
                // Within an event's samples it stands between that event and those around it.
                tied += u64::from(before || cut > samples && same(Some(at + 1)));
            }
            samples += of_event;
        }
        tied
    }

    /// The stream of samples that is cut at `cuts`: the beginning of each period, and the end of the last. Samples from
    /// there on are left out.
    ///
    /// # Errors
    /// [`Data`](Kind::Data) if a user has every item, so that no negative can be drawn; or if a period that is evaluated
    /// has no positive or no negative, or any period no sample.
    pub fn cut(self, cuts: &[usize], roles: Roles) -> Result<Periods> {
        let ranges: Vec<_> = cuts.windows(2).map(|ends| ends[0]..ends[1]).collect();
        let samples = self.samples(cuts.last().copied().unwrap_or(0))?;
        for (number, range) in ranges.iter().enumerate() {
            let of_period = samples.range(range.clone());
            let named = Named { dataset: &self.dataset.name, number };
            can_be_told_apart(named, of_period, roles.evaluated().contains(&number))?;
        }
        // A single one of the pre-training periods may lack a kind.
        let first = *roles.evaluated().start();
        can_be_pretrained(&self.dataset.name, first, samples.range(0..ranges[first - 1].end))?;
        Ok(Periods {
            n_users: self.n_users,
            n_items: self.n_items,
            sessions: vec![UserItems::from_rows([[]; 0]); ranges.len()],
            seen: Vec::new(),
            samples: Some(samples),
            ranges,
            categories: self.categories,
            roles,
            numbers: self.numbers,
        })
    }

    /// The first `count` samples: each event, and behind it the negatives that are drawn for it.
    fn samples(&self, count: usize) -> Result<Samples> {
        let past = Past::of(self);
        let mut draws = self.rule.negatives.map(|negatives| Draws::new(self, negatives));
        let mut samples = Samples::with_histories_in(past.taken);
        let mut before = vec![Before::default(); self.n_users];
        let mut pairs = Vec::new();
        for event in &self.events {
            if samples.len() == count {
                break;
            }
            let is_positive = self.is_positive(event);
            pairs.clear();
            pairs.push((event.item, is_positive));
            if let (Some(draws), true) = (&mut draws, is_positive) {
                draws.negatives_of(event, &mut pairs)?;
            }
            pairs.truncate(count - samples.len());
            let of_user = &mut before[event.user as usize];
            let end = past.ends[event.user as usize];
            let start = end - of_user.earlier_than(event.time);
            samples.push_with_history_at(event.user, start..end.min(start + self.rule.history as u32), &pairs);
            if is_positive {
                of_user.add(event.time);
            }
        }
        Ok(samples)
    }
}

/// What users took at all. Within one time it has the order of the events, and over distinct times the newest first: so
/// what was taken before any moment is the end of the user's list.
struct Past {
    /// One user after the other.
    taken: Vec<u32>,
    /// By user: where the list ends.
    ends: Vec<u32>,
}

impl Past {
    fn of(labelled: &Labelled<'_>) -> Self {
        let events = &labelled.events;
        let mut positives: Vec<usize> = (0..events.len()).filter(|&at| labelled.is_positive(&events[at])).collect();
        positives.sort_by_key(|&at| events[at].user); // Stable: in the order of time.
        let mut taken = Vec::with_capacity(positives.len());
        let mut ends = vec![0; labelled.n_users];
        for of_user in positives.chunk_by(|&a, &b| events[a].user == events[b].user) {
            for of_one_time in of_user.chunk_by(|&a, &b| events[a].time == events[b].time).rev() {
                taken.extend(of_one_time.iter().map(|&at| events[at].item));
            }
            ends[events[of_user[0]].user as usize] = taken.len() as u32;
        }
        Self { taken, ends }
    }
}

/// Number of positives of a user so far.
#[derive(Clone, Copy, Default)]
struct Before {
    /// Of the last one.
    time: Time,
    earlier: u32,
    at_this_time: u32,
}

impl Before {
    /// Number of positives before `time`, which is no earlier than that of any of them.
    fn earlier_than(&self, time: Time) -> u32 {
        if self.time == time { self.earlier } else { self.earlier + self.at_this_time }
    }

    fn add(&mut self, time: Time) {
        let (earlier, new) = (self.earlier_than(time), self.time != time);
        *self = Self { time, earlier, at_this_time: if new { 1 } else { self.at_this_time + 1 } };
    }
}

/// Draws negatives.
struct Draws<'l> {
    labelled: &'l Labelled<'l>,
    each: usize,
    stream: Stream,
    /// By user and item: the first event of each distinct pair.
    first: Vec<u32>,
    /// `[users + 1]`: where the events of a user begin in `first`.
    offsets: Vec<usize>,
}

impl<'l> Draws<'l> {
    fn new(labelled: &'l Labelled<'l>, Negatives { each, seed }: Negatives) -> Self {
        let events = &labelled.events;
        let pair = |at: u32| (events[at as usize].user, events[at as usize].item);
        let mut first: Vec<u32> = (0..events.len() as u32).collect();
        first.sort_by_key(|&at| pair(at)); // Stable: the earliest of a pair comes first.
        first.dedup_by_key(|at| pair(*at));
        let mut offsets = vec![0; labelled.n_users + 1];
        first.iter().for_each(|&at| offsets[events[at as usize].user as usize + 1] += 1);
        (0..labelled.n_users).for_each(|user| offsets[user + 1] += offsets[user]);
        Self { labelled, each, stream: Stream::new(seed, "split", "sample-negatives", 0), first, offsets }
    }

    /// Adds the negatives of a positive to its pairs.
    fn negatives_of(&mut self, positive: &Interaction, pairs: &mut Vec<(u32, bool)>) -> Result<()> {
        let (events, user) = (&self.labelled.events, positive.user as usize);
        let of_user = &self.first[self.offsets[user]..self.offsets[user + 1]];
        let taken = |&at: &u32| events[at as usize].time <= positive.time;
        let n_items = self.labelled.n_items;
        if of_user.len() == n_items && of_user.iter().all(taken) {
            return Err(Error::new(
                Kind::Data,
                format!(
                    "no negative is left for {} of `{}`",
                    numbered("user", positive.user),
                    self.labelled.dataset.name
                ),
            )
            .expected(format!("a user who has not had one of the {n_items} items"))
            .got(format!("all {n_items} items by the time {}", positive.time.whole))
            .hint("`events` can leave such users out, or keep more items"));
        }
        for _ in 0..self.each {
            let drawn = loop {
                let item = self.stream.below(n_items as u32);
                let place = of_user.binary_search_by_key(&item, |&at| events[at as usize].item);
                if !place.is_ok_and(|place| taken(&of_user[place])) {
                    break item;
                }
            };
            pairs.push((drawn, false));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
