//! The rules that make a [`Split`] of a dataset, by name.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, Interaction, Part};
use crate::error::{Error, Kind, Result};
use crate::rng::Stream;
use crate::suggest::{did_you_mean, one_of};

use super::events::Ties;
use super::periods::{self, Catalogue, Periods, Roles};
use super::renumbering::Renumbering;
use super::seventy_ten_twenty::{self, SplitPhase};
use super::time_ties::{TimeTies, at_cuts};
use super::{Split, UserItems};

/// A rule that makes training, validation and test, or a stream of periods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A stream of periods 0 to `last` with the same number of events each, in the order of time; events that remain are
    /// left out. All items of the dataset are known, and the values of events are to be learnt (ASMG).
    PeriodsByCount {
        last: NonZeroUsize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pretrained: Option<NonZeroUsize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tested_from: Option<NonZeroUsize>,
    },
}

/// A dataset that a rule was applied to.
#[derive(Debug)]
pub struct Applied {
    pub cut: Cut,
    /// Count of ties, where times decide which items are held out; else none.
    pub ties: Option<TimeTies>,
}

/// The result of a split rule.
#[derive(Debug)]
pub enum Cut {
    Split(Split),
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
            Self::Periods { catalogue, .. } => {
                format!("the authors' periods, of which {}; {}", self.roles_for_people(), catalogue.describe())
            }
            Self::PeriodsByTime { days, first, least, catalogue, .. } => format!(
                "periods of {days} days, the first {first} together as period 0, of which {}; items with at least {least} \
                 interactions; {}",
                self.roles_for_people(),
                catalogue.describe()
            ),
            Self::PeriodsByCount { .. } => {
                format!("periods with the same number of events, of which {}", self.roles_for_people())
            }
        }
    }

    fn roles_for_people(&self) -> String {
        match self.roles() {
            Ok(Some(roles)) => roles.describe(),
            _ => "none can be tested".into(),
        }
    }

    /// Whether it holds out items for validation.
    pub fn has_validation(&self) -> bool {
        !matches!(self, Self::SeventyTenTwenty { phase: SplitPhase::Report, .. })
    }

    /// The roles of the periods, where the rule makes a stream of them; else none.
    ///
    /// # Errors
    /// As [`Roles::new`].
    pub fn roles(&self) -> Result<Option<Roles>> {
        match self {
            Self::Periods { last, pretrained, tested_from, .. }
            | Self::PeriodsByTime { last, pretrained, tested_from, .. }
            | Self::PeriodsByCount { last, pretrained, tested_from } => {
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
        let stream = |periods, tied: Option<u64>| {
            let ties = tied.map(|test| TimeTies::of(dataset, ties, [0, test])).transpose()?.flatten();
            Ok(Applied { cut: Cut::Periods(periods), ties })
        };
        let mut counted = None;
        let split = match self {
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
            Self::PeriodsByCount { last, pretrained, tested_from } => {
                let roles = Roles::new(last.get(), *pretrained, *tested_from)?;
                let (periods, cut) = periods::by_count(dataset, roles, ties)?;
                return stream(periods, Some(cut));
            }
            Self::Given { train, valid, test } => given(dataset, [train, valid, test], ties)?,
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
        for (name, part) in [("training", &split.train), ("validation", &split.valid), ("test", &split.test)] {
            if part.is_empty() && (self.has_validation() || name != "validation") {
                return Err(Error::new(Kind::Data, format!("no {name} interactions are left of `{}`", dataset.name))
                    .expected("at least one")
                    .got(format!("none, after the rule: {}", self.describe())));
            }
        }
        Ok(Applied { cut: Cut::Split(split), ties: counted })
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
fn leave_two_out(dataset: &Dataset, pairs: &[(u32, u32)], mut arrange: impl FnMut(&mut [u32])) -> Split {
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
    Split { n_users: users.size, n_items: items.size, train: lists(&train), valid: lists(&valid), test: lists(&test) }
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
pub(crate) mod tests {
    use super::*;
    use crate::data::{Clock, Values};

    fn part(name: &str, rows: &[(u32, u32, i64)]) -> Part {
        let row = |&(user, item, time): &(u32, u32, i64)| Interaction { user, item, time: time.into(), value: 1.0 };
        Part { name: name.into(), interactions: rows.iter().map(row).collect() }
    }

    fn dataset(parts: Vec<Part>) -> Dataset {
        Dataset {
            name: "d".into(),
            n_users: 5,
            n_items: 10,
            item_places: Vec::new(),
            clock: Clock::Unix,
            values: Values::None,
            parts,
        }
    }

    /// By a rule that makes no stream of periods.
    pub(crate) fn applied(rule: &SplitRule, dataset: &Dataset) -> Result<Split> {
        match rule.apply(dataset, Ties::FileOrder)?.cut {
            Cut::Split(split) => Ok(split),
            Cut::Periods(_) => panic!("a stream of periods"),
        }
    }

    fn pairs(lists: &UserItems) -> Vec<(u32, u32)> {
        lists.pairs().collect()
    }

    #[test]
    fn the_last_by_time_is_the_test_and_ties_keep_their_order() {
        let rows = [(0, 7, 3), (0, 8, 1), (0, 9, 3), (2, 8, 5), (2, 7, 5), (2, 9, 5), (2, 1, 4)];
        let split = applied(&SplitRule::LeaveLastOut { core: 0 }, &dataset(vec![part("all", &rows)])).unwrap();
        // Users 0, 2 become 0, 1; items 1, 7, 8, 9 become 0..4.
        assert_eq!((split.n_users, split.n_items), (2, 4));
        assert_eq!(pairs(&split.train), [(0, 2), (1, 0), (1, 2)]);
        assert_eq!(pairs(&split.valid), [(0, 1), (1, 1)]);
        assert_eq!(pairs(&split.test), [(0, 3), (1, 3)]);
    }

    /// LRURec #1: whose place times alone do not say.
    #[test]
    fn held_out_items_that_a_tie_chose_are_counted_and_may_be_refused() {
        // User 0: the last two have one time, user 1: the last three, user 2: the first two, user 3: the middle two, in
        // a short list. Given latest item first.
        let rows = [
            (0, 9, 3),
            (0, 8, 3),
            (0, 7, 1),
            (1, 9, 5),
            (1, 8, 5),
            (1, 7, 5),
            (2, 6, 7),
            (2, 5, 6),
            (2, 4, 1),
            (2, 3, 1),
            (3, 1, 2),
            (3, 0, 2),
            (4, 3, 3),
            (4, 2, 2),
            (4, 1, 2),
        ];
        let data = dataset(vec![part("all", &rows)]);
        let rule = SplitRule::LeaveLastOut { core: 0 };
        let ties = |dataset: &Dataset, rule: &SplitRule, ties| rule.apply(dataset, ties).unwrap().ties;
        let counted = |by: &str, validation, test| Some(TimeTies { by: by.into(), validation, test });
        // Validation: of users 0, 1, and 4 (which the training shares a time with).
        assert_eq!(ties(&data, &rule, Ties::FileOrder), counted("file-order", 3, 2));
        assert_eq!(ties(&data, &rule, Ties::Item), counted("item", 3, 2));
        let tests = |ties| match rule.apply(&data, ties).unwrap().cut {
            Cut::Split(split) => pairs(&split.test),
            Cut::Periods(_) => panic!("a stream of periods"),
        };
        assert_eq!(tests(Ties::FileOrder), [(0, 8), (1, 7), (2, 6), (4, 3)]);
        assert_eq!(tests(Ties::Item), [(0, 9), (1, 9), (2, 6), (4, 3)]);
        let refused = rule.apply(&data, Ties::Refuse).unwrap_err();
        assert_eq!(refused.kind(), Kind::Data);
        assert!(refused.to_string().contains("2 test and 3 validation items"), "{refused}");
        // Ten items, of which 1 is for validation and 2 for the test.
        let times = |times: [i64; 10]| {
            let rows: Vec<_> = times.iter().zip(0..).map(|(time, item)| (0, item, *time)).collect();
            dataset(vec![part("all", &rows)])
        };
        let tune = SplitRule::SeventyTenTwenty { core: 0, phase: SplitPhase::Tune };
        let report = SplitRule::SeventyTenTwenty { core: 0, phase: SplitPhase::Report };
        let tied = times([0, 1, 2, 3, 4, 5, 6, 7, 7, 7]);
        assert_eq!(ties(&tied, &tune, Ties::FileOrder), counted("file-order", 1, 2));
        assert_eq!(ties(&tied, &report, Ties::FileOrder), counted("file-order", 0, 2));
        assert_eq!(ties(&times([0, 0, 2, 3, 4, 5, 6, 7, 8, 8]), &tune, Ties::Refuse), counted("refuse", 0, 0));
        // Positions are never equal, and what is given or drawn is not chosen by time.
        let positions = Dataset { clock: Clock::Position, ..times([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) };
        assert_eq!(ties(&positions, &rule, Ties::Refuse), None);
        assert_eq!(ties(&data, &SplitRule::LeaveRandomOut { least: 1, seed: 0 }, Ties::Refuse), None);
    }

    #[test]
    fn a_repeat_counts_once_at_its_first_time_over_all_parts() {
        let rows = [(0, 0, 9), (0, 1, 2), (0, 2, 3)];
        let more = [(0, 0, 1), (0, 2, 8)];
        let data = dataset(vec![part("a", &rows), part("b", &more)]);
        let split = applied(&SplitRule::LeaveLastOut { core: 1 }, &data).unwrap();
        assert_eq!(
            (pairs(&split.train), pairs(&split.valid), pairs(&split.test)),
            (vec![(0, 0)], vec![(0, 1)], vec![(0, 2)])
        );
    }

    #[test]
    fn any_two_items_may_be_held_out_and_short_users_are_dropped() {
        let rows: Vec<(u32, u32, i64)> = (0..5).map(|item| (1, item, 0)).chain([(0, 0, 0), (0, 9, 0)]).collect();
        let data = dataset(vec![part("all", &rows)]);
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..300 {
            let rule = SplitRule::LeaveRandomOut { least: 3, seed };
            let split = applied(&rule, &data).unwrap();
            assert_eq!((split.n_users, split.n_items), (1, 5));
            assert_eq!(split, applied(&rule, &data).unwrap());
            let (valid, test) = (split.valid.of(0)[0], split.test.of(0)[0]);
            assert!(split.train.of(0).is_sorted() && split.train.len() == 3 && valid != test);
            assert!(!split.train.of(0).contains(&valid) && !split.train.of(0).contains(&test));
            seen.insert((valid, test));
        }
        assert_eq!(seen.len(), 20, "every ordered pair of five items");
    }

    #[test]
    fn users_with_two_items_only_train() {
        let rows = [(0, 0, 1), (0, 1, 2), (1, 0, 1), (1, 1, 2), (1, 2, 3)];
        let split = applied(&SplitRule::LeaveLastOut { core: 0 }, &dataset(vec![part("all", &rows)])).unwrap();
        assert_eq!(pairs(&split.train), [(0, 0), (0, 1), (1, 0)]);
        assert_eq!(pairs(&split.test), [(1, 2)]);
    }

    #[test]
    fn the_core_is_a_fixed_point() {
        // Item 3 falls (one user), then user 2 (one item left), then item 2 (one user left): the
        // square of users 0, 1 and items 0, 1 stays.
        let all = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2), (2, 3)].map(|(user, item)| (user, item, 0));
        let core = |core| super::pairs(&k_core(3, 4, part("all", &all).interactions, core));
        assert_eq!(core(2), [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(core(3), []);
    }

    #[test]
    fn given_parts_keep_ids_and_time_order() {
        let data = dataset(vec![
            part("train", &[(1, 5, 2), (1, 4, 1)]),
            part("valid", &[(1, 6, 3)]),
            part("test", &[(1, 7, 4)]),
        ]);
        let rule = |valid: &str| SplitRule::Given { train: "train".into(), valid: valid.into(), test: "test".into() };
        let split = applied(&rule("valid"), &data).unwrap();
        assert_eq!((split.n_users, split.n_items), (5, 10));
        assert_eq!(split.train.of(1), [4, 5]);
        assert!(applied(&rule("vaild"), &data).unwrap_err().to_string().contains("did you mean `valid`?"));
        assert_eq!(applied(&rule("test"), &data).unwrap_err().kind(), Kind::Input);
    }

    #[test]
    fn nothing_left_is_an_error() {
        let data = dataset(vec![part("all", &[(0, 0, 1), (0, 1, 2), (0, 2, 3)])]);
        let error = SplitRule::LeaveLastOut { core: 5 }.apply(&data, Ties::FileOrder).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
    }

    #[test]
    fn the_toml_form_is_strict() {
        let rule: SplitRule = toml::from_str("rule = \"leave-last-out\"\ncore = 5").unwrap();
        assert_eq!(rule, SplitRule::LeaveLastOut { core: 5 });
        assert!(toml::from_str::<SplitRule>("rule = \"leave-last-out\"\ncore = 5\nx = 1").is_err());
        assert_eq!(serde_json::to_string(&rule).unwrap(), r#"{"rule":"leave-last-out","core":5}"#);
    }
}
