//! The rules that make a [`Split`] of a dataset, by name.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Interaction, Moment, Part};
use crate::error::{Error, Kind, Result};
use crate::rng::Stream;
use crate::suggest::{did_you_mean, one_of};

use super::events::Ties;
use super::labelling::Labelling;
use super::periods::{self, Catalogue, Periods, Roles};
use super::pieces::{Pieces, Slicing};
use super::renumbering::Renumbering;
use super::seventy_ten_twenty::{self, SplitPhase};
use super::source_numbers::SourceNumbers;
use super::time_ties::{TimeTies, at_cuts};
use super::{Split, UserItems};

/// A rule that makes training, validation and test, or a stream of periods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitRule {
    /// The authors' own parts, by name. Ids and table sizes stay those of the dataset; users
    /// without any row stay, too. A user's items are in time order within each part, and a pair that
    /// the authors list twice stays twice.
    Given { train: String, valid: String, test: String },
    /// Each user's last item is the test, the one before it the validation, the rest is training.
    ///
    /// All parts are taken together. Of a repeated (user, item) pair only the first interaction in
    /// time counts: full ranking leaves seen items out, so a repeat could never be found. Then the
    /// `core`-core: users and items with fewer than `core` distinct partners are dropped until
    /// none is left to drop (0 and 1 drop nobody). Ids are made dense again, in ascending order of
    /// the dataset's ids. What orders ties in time is the spec's to say ([`Ties`]). A user with fewer than
    /// [`SHORTEST`] items cannot give two away: all are training, and the user is not evaluated.
    LeaveLastOut { core: usize },
    /// Of each user's items two are drawn: one is the test, the other the validation, the rest is
    /// training (DE-RRD's protocol; their own draw is not ours).
    ///
    /// Parts, repeated pairs and ids as in [`LeaveLastOut`](Self::LeaveLastOut). Users with fewer than
    /// `least` distinct items are dropped first; items are not filtered.
    LeaveRandomOut { least: usize, seed: u64 },
    /// Of each user's n items, in time order, the last ⌊2n/10⌋ are the test and the ⌊3n/10⌋ − ⌊2n/10⌋ before
    /// them the validation: held out in the phase `tune`, training in the phase `report`, which has
    /// no validation (Ranking Distillation's protocol; it is also the rule of the authors' files).
    ///
    /// Parts, repeated pairs and the `core` as in [`LeaveLastOut`](Self::LeaveLastOut), but a `core` of 0 drops
    /// nobody, not even who or what has no interaction: ids and table sizes stay those of the dataset. A
    /// user with fewer than five items has no test item and is not evaluated.
    #[serde(rename = "70-10-20")]
    SeventyTenTwenty { core: usize, phase: SplitPhase },
    /// Sequences of users, or sessions, are cut from their end into pieces; a piece is asked for its last item, and for the
    /// one before it (AdaRec). An item may come twice in a piece.
    Pieces(Slicing),
    /// A stream of periods, the dataset's own: its parts `period-0`, `period-1`, … up to `last`, each a session by user of
    /// the dataset. What the periods are for: see [`Roles`].
    Periods {
        last: NonZeroUsize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pretrained: Option<NonZeroUsize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tested_from: Option<NonZeroUsize>,
        catalogue: Catalogue,
    },
    /// A stream of periods of `days` days each, the first `first` of them together as period 0; a session is what a
    /// user does in a period. Items with fewer than `least` interactions in the whole dataset are dropped.
    PeriodsByTime {
        days: NonZeroUsize,
        first: NonZeroUsize,
        least: usize,
        last: NonZeroUsize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pretrained: Option<NonZeroUsize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tested_from: Option<NonZeroUsize>,
        catalogue: Catalogue,
    },
    /// A stream of periods 0 to `last` with the same number of labelled samples each, in the order of time; those that remain
    /// are left out. All items of the dataset are known from the first period on (ASMG).
    PeriodsByCount {
        last: NonZeroUsize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pretrained: Option<NonZeroUsize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tested_from: Option<NonZeroUsize>,
        samples: Labelling,
    },
    /// A stream of labelled samples in periods 0 to `last`, which are days: period 0 is the day that begins at `first`.
    /// Otherwise as [`PeriodsByCount`](Self::PeriodsByCount).
    PeriodsByDay {
        first: Moment,
        last: NonZeroUsize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pretrained: Option<NonZeroUsize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tested_from: Option<NonZeroUsize>,
        samples: Labelling,
    },
}

/// The form of the data that a split rule makes, and that a method learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainingData {
    /// Training, validation and test: a single split.
    Split,
    /// Sessions in a stream of periods.
    Sessions,
    /// Labelled samples in a stream of periods.
    Samples,
}

impl TrainingData {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Split => "a single split",
            Self::Sessions => "a stream of periods of sessions",
            Self::Samples => "a stream of periods of labelled samples",
        }
    }

    /// The split rules that make it, in words.
    pub fn rules(self) -> &'static str {
        match self {
            Self::Split => "the split rules `periods…` are for other methods",
            Self::Sessions => "the split rules `periods` and `periods-by-time` make one",
            Self::Samples => "the split rules `periods-by-count` and `periods-by-day` make one",
        }
    }
}

/// A dataset that a rule was applied to.
#[derive(Debug)]
pub struct Applied {
    pub cut: Cut,
    /// Count of ties, where times decide which items are held out; else none.
    pub ties: Option<TimeTies>,
    /// The dataset's numbers of the users and items that the rule numbered.
    pub numbers: SourceNumbers,
}

/// The result of a split rule.
#[derive(Debug)]
pub enum Cut {
    Split(Split),
    Pieces(Pieces),
    Periods(Periods),
}

/// Fewest items of a user who is evaluated: a test, a validation, and one training item.
pub const SHORTEST: usize = 3;

impl SplitRule {
    /// One line for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Given { train, valid, test } => {
                format!("the authors' parts: train = {train}, validation = {valid}, test = {test}")
            }
            Self::LeaveLastOut { core: 0 | 1 } => "leave-last-out by time".into(),
            Self::LeaveLastOut { core } => format!("{core}-core, leave-last-out by time"),
            Self::LeaveRandomOut { least, seed } => {
                format!("users of at least {least} items, two of them held out at random (seed {seed})")
            }
            Self::SeventyTenTwenty { core, phase } => {
                let core = if *core > 1 { format!("{core}-core, ") } else { String::new() };
                let cut = match phase {
                    SplitPhase::Tune => "70 % training, 10 % validation and 20 % test",
                    SplitPhase::Report => "80 % training and 20 % test",
                };
                format!("{core}{cut} of each user's items, by time")
            }
            Self::Pieces(slicing) => slicing.describe(),
            Self::Periods { catalogue, .. } => {
                format!("the authors' periods, of which {}; {}", self.roles_for_people(), catalogue.describe())
            }
            Self::PeriodsByTime { days, first, least, catalogue, .. } => format!(
                "periods of {days} days, the first {first} together as period 0, of which {}; items with at least {least} \
                 interactions; {}",
                self.roles_for_people(),
                catalogue.describe()
            ),
            Self::PeriodsByCount { samples, .. } => format!(
                "periods with the same number of samples, of which {}; {}",
                self.roles_for_people(),
                samples.describe()
            ),
            Self::PeriodsByDay { first, samples, .. } => format!(
                "a period for each day from {first} on, of which {}; {}",
                self.roles_for_people(),
                samples.describe()
            ),
        }
    }

    fn roles_for_people(&self) -> String {
        match self.roles() {
            Ok(Some(roles)) => roles.describe(),
            _ => "none can be tested".into(),
        }
    }

    /// Who asks for held-out items, in the plural, for people.
    pub fn askers(&self) -> &'static str {
        if matches!(self, Self::Pieces(_)) { "pieces" } else { "users" }
    }

    /// Whether it holds out items for validation.
    pub fn has_validation(&self) -> bool {
        !matches!(self, Self::SeventyTenTwenty { phase: SplitPhase::Report, .. })
    }

    /// What it makes of a dataset.
    pub fn makes(&self) -> TrainingData {
        match self {
            Self::PeriodsByCount { .. } | Self::PeriodsByDay { .. } => TrainingData::Samples,
            Self::Periods { .. } | Self::PeriodsByTime { .. } => TrainingData::Sessions,
            _ => TrainingData::Split,
        }
    }

    /// Refuses what cannot be meant, before any data is read; `ties` is what the spec says of equal times.
    ///
    /// # Errors
    /// [`Input`](Kind::Input), as of [`Roles::new`], [`Labelling::check`] and [`Slicing::check`].
    pub fn check(&self, ties: Ties) -> Result<()> {
        self.roles()?;
        match self {
            Self::Pieces(slicing) => slicing.check(ties),
            Self::PeriodsByCount { samples, .. } | Self::PeriodsByDay { samples, .. } => samples.check(),
            _ => Ok(()),
        }
    }

    /// The roles of the periods, where the rule makes a stream of them; else none.
    ///
    /// # Errors
    /// As [`Roles::new`].
    pub fn roles(&self) -> Result<Option<Roles>> {
        match self {
            Self::Periods { last, pretrained, tested_from, .. }
            | Self::PeriodsByTime { last, pretrained, tested_from, .. }
            | Self::PeriodsByCount { last, pretrained, tested_from, .. }
            | Self::PeriodsByDay { last, pretrained, tested_from, .. } => {
                Roles::new(last.get(), *pretrained, *tested_from).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `ties` orders what has one time.
    ///
    /// # Errors
    /// `Input` if the rule does not fit the dataset; `Data` if nothing is left to train or test, or if `ties` refuses
    /// those that choose held-out items.
    pub fn apply(&self, dataset: &Dataset, ties: Ties) -> Result<Applied> {
        let stream = |periods: Periods, tied: Option<u64>| {
            let ties = tied.map(|test| TimeTies::of(dataset, ties, [0, test])).transpose()?.flatten();
            let numbers = periods.source_numbers().clone();
            Ok(Applied { cut: Cut::Periods(periods), ties, numbers })
        };
        let mut counted = None;
        let (split, numbers) = match self {
            Self::Pieces(slicing) => {
                let (pieces, numbers, tied) = slicing.cut(dataset, ties)?;
                self.is_left(dataset, &pieces.split)?;
                let ties = TimeTies::of(dataset, ties, tied)?;
                return Ok(Applied { cut: Cut::Pieces(pieces), ties, numbers });
            }
            Self::Periods { last, pretrained, tested_from, catalogue } => {
                let roles = Roles::new(last.get(), *pretrained, *tested_from)?;
                return stream(periods::given(dataset, roles, *catalogue)?, None);
            }
            Self::PeriodsByTime { days, first, least, last, pretrained, tested_from, catalogue } => {
                let roles = Roles::new(last.get(), *pretrained, *tested_from)?;
                let lengths = [days, first].map(|length| length.get());
                let (periods, asked) = periods::by_time(dataset, lengths, *least, roles, *catalogue, ties)?;
                return stream(periods, Some(asked));
            }
            Self::PeriodsByCount { last, pretrained, tested_from, samples } => {
                let roles = Roles::new(last.get(), *pretrained, *tested_from)?;
                let (periods, cut) = periods::by_count(dataset, samples, roles, ties)?;
                return stream(periods, Some(cut));
            }
            Self::PeriodsByDay { first, last, pretrained, tested_from, samples } => {
                let roles = Roles::new(last.get(), *pretrained, *tested_from)?;
                return stream(periods::by_day(dataset, first, samples, roles, ties)?, None);
            }
            Self::Given { train, valid, test } => {
                let numbers = SourceNumbers::same(dataset.n_users, dataset.n_items);
                (given(dataset, [train, valid, test], ties)?, numbers)
            }
            Self::LeaveLastOut { core } => {
                let kept = k_core(dataset.n_users, dataset.n_items, first_interactions(dataset, ties), *core);
                let cuts = |n: usize| if n < SHORTEST { (n, n) } else { (n - 2, n - 1) };
                counted = TimeTies::of(dataset, ties, at_cuts(&kept, cuts))?;
                leave_two_out(dataset, &pairs(&kept), |_| {})
            }
            Self::LeaveRandomOut { least, seed } => {
                let mut counts = vec![0; dataset.n_users];
                let mut pairs = pairs(&first_interactions(dataset, ties));
                pairs.iter().for_each(|pair| counts[pair.0 as usize] += 1);
                pairs.retain(|pair| counts[pair.0 as usize] >= *least);
                let mut stream = Stream::new(*seed, "split", "leave-random-out", 0);
                leave_two_out(dataset, &pairs, |items| {
                    // Test last, validation before it; what is left keeps its order.
                    for end in [items.len(), items.len() - 1] {
                        let drawn = stream.below(end as u32) as usize;
                        items[drawn..end].rotate_left(1);
                    }
                })
            }
            Self::SeventyTenTwenty { core, phase } => {
                let kept = k_core(dataset.n_users, dataset.n_items, first_interactions(dataset, ties), *core);
                let cuts = |n: usize| seventy_ten_twenty::cuts(n, *phase);
                counted = TimeTies::of(dataset, ties, at_cuts(&kept, cuts))?;
                seventy_ten_twenty::split(dataset, &pairs(&kept), *core == 0, *phase)
            }
        };
        self.is_left(dataset, &split)?;
        Ok(Applied { cut: Cut::Split(split), ties: counted, numbers })
    }

    /// Refuses a split of which a part has nothing.
    fn is_left(&self, dataset: &Dataset, split: &Split) -> Result<()> {
        for (name, part) in [("training", &split.train), ("validation", &split.valid), ("test", &split.test)] {
            if part.is_empty() && (self.has_validation() || name != "validation") {
                return Err(Error::new(Kind::Data, format!("no {name} interactions are left of `{}`", dataset.name))
                    .expected("at least one")
                    .got(format!("none, after the rule: {}", self.describe())));
            }
        }
        Ok(())
    }
}

fn given(dataset: &Dataset, names: [&String; 3], ties: Ties) -> Result<Split> {
    if names[0] == names[1] || names[0] == names[2] || names[1] == names[2] {
        return Err(Error::new(Kind::Input, "train, validation and test must be three different parts")
            .got(names.map(String::as_str).join(", ")));
    }
    let part = |name: &str| match dataset.part(name) {
        Some(part) => Ok(in_time_order(dataset, part, ties)),
        None => Err(unknown_part(dataset, name)),
    };
    let [train, valid, test] = names;
    Ok(Split {
        n_users: dataset.n_users,
        n_items: dataset.n_items,
        train: part(train)?,
        valid: part(valid)?,
        test: part(test)?,
    })
}

fn unknown_part(dataset: &Dataset, name: &str) -> Error {
    let parts = || dataset.parts.iter().map(|part| part.name.as_str());
    let error = Error::new(Kind::Input, format!("`{}` has no part `{name}`", dataset.name)).expected(one_of(parts()));
    did_you_mean(error, name, parts())
}

fn in_time_order(dataset: &Dataset, part: &Part, ties: Ties) -> UserItems {
    let mut interactions = part.interactions.clone();
    ties.sort(dataset, &mut interactions, |_| ());
    UserItems::from_pairs(dataset.n_users, &pairs(&interactions))
}

fn pairs(interactions: &[Interaction]) -> Vec<(u32, u32)> {
    interactions.iter().map(|i| (i.user, i.item)).collect()
}

/// Holds out the last two items of every user with at least [`SHORTEST`], after `arrange` has put
/// those last that are to be.
fn leave_two_out(
    dataset: &Dataset,
    pairs: &[(u32, u32)],
    mut arrange: impl FnMut(&mut [u32]),
) -> (Split, SourceNumbers) {
    let users = Renumbering::of(dataset.n_users, pairs.iter().map(|pair| pair.0));
    let items = Renumbering::of(dataset.n_items, pairs.iter().map(|pair| pair.1));
    let dense: Vec<(u32, u32)> = pairs.iter().map(|&(user, item)| (users.of_old(user), items.of_old(item))).collect();
    let all = UserItems::from_pairs(users.size, &dense);
    let (mut train, mut valid, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..users.size as u32 {
        let pair = |item: &u32| (user, *item);
        let mut of_user = all.of(user).to_vec();
        if of_user.len() >= SHORTEST {
            arrange(&mut of_user);
        }
        match &of_user[..] {
            [rest @ .., before_last, last] if of_user.len() >= SHORTEST => {
                train.extend(rest.iter().map(pair));
                valid.push(pair(before_last));
                test.push(pair(last));
            }
            short => train.extend(short.iter().map(pair)),
        }
    }
    let lists = |pairs: &[(u32, u32)]| UserItems::from_pairs(users.size, pairs);
    let split = Split {
        n_users: users.size,
        n_items: items.size,
        train: lists(&train),
        valid: lists(&valid),
        test: lists(&test),
    };
    (split, SourceNumbers { users: users.old_ids(), items: items.old_ids() })
}

/// The first interactions of the distinct (user, item) pairs by user, each user's in their order.
fn first_interactions(dataset: &Dataset, ties: Ties) -> Vec<Interaction> {
    let mut order: Vec<Interaction> = dataset.parts.iter().flat_map(|part| &part.interactions).copied().collect();
    ties.sort(dataset, &mut order, |interaction| interaction.user);
    // The user for whom an item was last met; no user has this id.
    let mut met_by = vec![u32::MAX; dataset.n_items];
    order.retain(|i| std::mem::replace(&mut met_by[i.item as usize], i.user) != i.user);
    order
}

/// Drops users and items with fewer than `core` of the distinct pairs until all have as many.
fn k_core(n_users: usize, n_items: usize, mut pairs: Vec<Interaction>, core: usize) -> Vec<Interaction> {
    loop {
        let (mut by_user, mut by_item) = (vec![0usize; n_users], vec![0usize; n_items]);
        for pair in &pairs {
            by_user[pair.user as usize] += 1;
            by_item[pair.item as usize] += 1;
        }
        let before = pairs.len();
        pairs.retain(|pair| by_user[pair.user as usize] >= core && by_item[pair.item as usize] >= core);
        if pairs.len() == before {
            return pairs;
        }
    }
}

#[cfg(test)]
mod tests;
