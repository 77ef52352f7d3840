//! Vectors of the method's specification are in `tests/golden/asmg.json`; whole datasets are prepared in `tests/it`.

use std::num::NonZeroUsize;

use super::*;
use crate::data::{Clock, Moment};
use crate::digest::Digest;
use crate::golden::{case, ids, rows};
use crate::kit;
use crate::split::periods::rule::equal_cuts;
use crate::split::periods::{by_count, by_day};
use crate::split::{LabelledSample, Ties};

/// An event: user, item, time, rating.
type Rated = (u32, u32, i64, f32);

/// A dataset of one part.
fn dataset(n_users: usize, n_items: usize, events: &[Rated]) -> Dataset {
    let event = |&(user, item, time, value): &Rated| Interaction { user, item, time: time.into(), value, session: 0 };
    let mut dataset = kit::dataset(n_users, n_items, &[("all", &[])]);
    dataset.parts[0].interactions = events.iter().map(event).collect();
    Dataset { values: Values::Numbers, ..dataset }
}

fn rated(history: usize) -> Labelling {
    Labelling { positives: Positives::RatingsAtLeast(1.0), negatives: None, history, expect: Sizes::default() }
}

fn drawn(each: usize, seed: u64) -> Labelling {
    Labelling { positives: Positives::All, negatives: Some(Negatives { each, seed }), ..rated(30) }
}

/// The samples of a dataset by `rule`, without a look at their periods.
fn samples(dataset: &Dataset, rule: &Labelling, ties: Ties) -> Result<Samples> {
    let mut events = dataset.parts[0].interactions.clone();
    ties.sort(dataset, &mut events, |_| ());
    let labelled = Labelled::new(dataset, rule, events)?;
    labelled.samples(labelled.samples_of(0..labelled.events.len()))
}

fn list(samples: &Samples) -> Vec<LabelledSample<'_>> {
    samples.range(0..samples.len()).iter().collect()
}

fn refused<T: std::fmt::Debug>(result: Result<T>, kind: Kind) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    error.to_string()
}

#[test]
fn labels_are_0_or_1() {
    let by_label = Labelling { positives: Positives::Labels, ..rated(30) };
    let of = |label: f32| dataset(2, 3, &[(0, 0, 1, 1.0), (0, 1, 2, 0.0), (1, 2, 3, label)]);
    let all = samples(&of(1.0), &by_label, Ties::FileOrder).unwrap();
    assert_eq!(list(&all).iter().map(|sample| sample.label).collect::<Vec<_>>(), [true, false, true]);
    for label in [2.0, -1.0, 0.5] {
        let message = refused(samples(&of(label), &by_label, Ties::FileOrder), Kind::Data);
        assert!(message.contains("number 2 by time") && message.contains("expected: 0 or 1"), "{message}");
    }
    let kinds = Dataset { values: Values::None, ..of(1.0) };
    assert!(refused(samples(&kinds, &by_label, Ties::FileOrder), Kind::Input).contains("no labels of 0 and 1"));
}

#[test]
fn histories_are_those_of_the_vector() {
    let case = case("asmg.json", "history_feature");
    let mut events: Vec<Rated> = rows(&case["inputs"]["user_events_time_item_label"])
        .iter()
        .map(|event| (0, event[1] as u32, event[0] as i64, event[2] as f32))
        .collect();
    // Another user's: an item to draw.
    events.push((1, 10, 200, 1.0));
    let dataset = dataset(2, 11, &events);
    let most = case["inputs"]["maxlen"].as_u64().unwrap() as usize;
    let all = Labelling { history: most, ..drawn(1, 0) };
    for (rule, expected) in [(rated(most), "movielens_positive_only"), (all, "sobazaar_all")] {
        let samples = samples(&dataset, &rule, Ties::FileOrder).unwrap();
        // Item 4 of the vector is the lowest that occurs, so it is number 0.
        let with_ids = |sample: &LabelledSample<'_>| sample.history.iter().map(|item| item + 4).collect::<Vec<_>>();
        let samples = list(&samples);
        let of_events = samples.chunk_by(|a, b| a.impression == b.impression);
        assert!(of_events.clone().all(|of_event| of_event.iter().all(|s| s.history == of_event[0].history)));
        let got: Vec<_> = of_events.map(|of_event| with_ids(&of_event[0])).take(7).collect();
        assert_eq!(got, case["expected"][expected].as_array().unwrap().iter().map(ids).collect::<Vec<_>>());
    }
}

#[test]
fn samples_are_cut_as_the_vector_has_it() {
    let case = case("asmg.json", "period_split");
    let expected = case["expected"]["rows"].as_array().unwrap();
    for (input, expected) in case["inputs"]["rows"].as_array().unwrap().iter().zip(expected) {
        let [n, periods] = ["n", "periods"].map(|key| input[key].as_u64().unwrap() as usize);
        let cuts = equal_cuts(n, periods);
        assert_eq!((cuts.len(), cuts[1] - cuts[0]), (periods + 1, cuts[periods] / periods));
        assert_eq!((cuts[1], n - cuts[periods]), {
            let [each, dropped] =
                ["records_per_period", "dropped_tail"].map(|key| expected[key].as_u64().unwrap() as usize);
            (each, dropped)
        });
    }
}

/// Users 5 and 9, items 3, 6 and 7: numbered as the source orders them, of which the dataset says another order.
fn small() -> Dataset {
    let events = [
        (9, 7, 30, 1.0),
        (5, 3, 10, 1.0),
        (9, 6, 10, 0.0),
        (5, 7, 20, 1.0),
        (5, 6, 20, 0.5),
        (5, 3, 30, 1.0),
        (9, 3, 40, 0.0),
    ];
    let mut dataset = dataset(12, 8, &events);
    dataset.user_places = (0..12).rev().collect();
    dataset.item_places = (0..8).rev().collect();
    dataset
}

#[test]
fn events_become_samples_in_the_order_of_time_and_of_the_source() {
    let dataset = small();
    let samples = samples(&dataset, &rated(2), Ties::FileOrder).unwrap();
    let sample = |user, item, label, history, impression| LabelledSample { user, item, label, history, impression };
    // 9 → 0, 5 → 1; 7 → 0, 6 → 1, 3 → 2.
    assert_eq!(
        list(&samples),
        [
            sample(1, 2, true, &[], 0),
            sample(0, 1, false, &[], 1),
            sample(1, 0, true, &[2], 2),
            sample(1, 1, false, &[2], 3),
            sample(0, 0, true, &[], 4),
            sample(1, 2, true, &[0, 2], 5),
            sample(0, 2, false, &[0], 6),
        ]
    );
    // Two periods of three samples: the last is dropped, its item and user are not. Both cuts are between other times.
    let (periods, tied) = by_count(&dataset, &rated(2), Roles::after_the_first(1), Ties::FileOrder).unwrap();
    let samples = |number: usize| periods.samples(number..number + 1).unwrap();
    assert_eq!((samples(0).len(), samples(1).positives(), periods.n_users(), periods.n_items()), (3, 2, 2, 3));
    assert_eq!(tied, 1, "items 7 and 6 of user 5, at one time");
    let first = periods.period(1);
    assert_eq!((first.samples_before(crate::value::Limit::All).unwrap().len(), first.items()), (3, 3));
    assert_eq!((first.sessions(crate::value::Limit::All).count(), first.tested_sessions().count()), (0, 0));
    // Of those at time 10, item 6 has the lower place.
    let by_item = by_count(&dataset, &rated(2), Roles::after_the_first(1), Ties::Item).unwrap().0;
    assert_eq!(by_item.samples(0..1).unwrap().get(0), sample(0, 1, false, &[], 0));
}

#[test]
fn cuts_within_one_time_are_counted() {
    let events = [(0, 0, 1, 1.0), (1, 1, 1, 1.0), (0, 2, 2, 1.0), (1, 3, 3, 1.0), (0, 3, 3, 1.0)];
    let dataset = dataset(2, 4, &events);
    let rule = drawn(1, 0);
    let labelled = Labelled::new(&dataset, &rule, dataset.parts[0].interactions.clone()).unwrap();
    // Samples: 0 0' 1 1' 2 2' 3 3' 3 3'. Within the samples of one event no tie decides, unless it has one with others.
    let tied: Vec<u64> = (0..10).map(|cut| labelled.tied_at(&[cut])).collect();
    assert_eq!(tied, [0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
    assert_eq!(labelled.tied_at(&[2, 4, 8]), 2);
}

#[test]
fn negatives_follow_their_positive_and_are_new_to_the_user() {
    // User 0 takes items 0 to 8 one after the other, two at a time at the end; user 1 takes item 9.
    let mut events: Vec<Rated> = (0..9).map(|at| (0, at, i64::from(at.min(7)), 1.0)).collect();
    events.push((1, 9, 100, 1.0));
    let dataset = dataset(2, 10, &events);
    let drawn_at = |seed| samples(&dataset, &drawn(200, seed), Ties::FileOrder).unwrap();
    let made = drawn_at(1);
    let (mut later, all) = (0, list(&made));
    for of_event in all.chunk_by(|a, b| a.impression == b.impression) {
        let [positive, negatives @ ..] = of_event else { unreachable!("a chunk has an element") };
        assert!(positive.label && negatives.len() == 200);
        assert!(negatives.iter().all(|n| !n.label && n.user == positive.user && n.history == positive.history));
        let taken = |item: u32| {
            events.iter().any(|e| e.0 == positive.user && e.1 == item && e.2 <= i64::from(positive.impression))
        };
        let taken = |item: u32| if positive.user == 1 { item == 9 } else { taken(item) };
        assert!(negatives.iter().all(|negative| !taken(negative.item)), "{positive:?}");
        // Each item that is left is drawn, and about equally often.
        let left: Vec<u32> = (0..10).filter(|&item| !taken(item)).collect();
        for &item in &left {
            let times = negatives.iter().filter(|negative| negative.item == item).count();
            assert!(times * left.len() * 2 > 200 && times * left.len() < 3 * 200, "{item}: {times} of {left:?}");
        }
        later += negatives.iter().filter(|negative| positive.user == 0 && negative.item < 9).count();
    }
    assert!(later > 0, "items that the user takes later are drawn, too");
    let items = |samples: &Samples| list(samples).iter().map(|sample| sample.item).collect::<Vec<_>>();
    assert_eq!(items(&made), items(&drawn_at(1)));
    assert_ne!(items(&made), items(&drawn_at(2)));
}

#[test]
fn a_user_who_has_everything_is_refused() {
    let events = [(0, 0, 1, 1.0), (1, 1, 1, 1.0), (1, 0, 1, 1.0)];
    let error = refused(samples(&dataset(2, 2, &events), &drawn(1, 0), Ties::FileOrder), Kind::Data);
    assert!(error.contains("no negative is left for user number 1 of the split"), "{error}");
    assert!(error.contains("all 2 items by the time 1"), "{error}");
    // What comes later may be drawn.
    let later = [(0, 0, 1, 1.0), (1, 1, 1, 1.0), (1, 0, 2, 1.0)];
    assert!(refused(samples(&dataset(2, 2, &later), &drawn(1, 0), Ties::FileOrder), Kind::Data).contains("the time 2"));
}

#[test]
fn categories_are_those_of_items_that_are_kept() {
    let mut dataset = small();
    let of_items: [&[u32]; 8] = [&[0], &[1], &[2], &[6, 3], &[4], &[5], &[3], &[5]];
    dataset.categories = Some(ItemCategories::new(7, of_items));
    let events = dataset.parts[0].interactions.clone();
    let mut rule = rated(2);
    let labelled = Labelled::new(&dataset, &rule, events).unwrap();
    // Items 7, 6, 3 have categories 5; 3; 6 and 3.
    assert_eq!(labelled.categories, Some(ItemCategories::new(3, [&[1][..], &[0], &[2, 0]])));
    let digest = |dataset: &Dataset| -> Digest {
        by_count(dataset, &rated(2), Roles::after_the_first(1), Ties::FileOrder).unwrap().0.digest()
    };
    assert_ne!(digest(&dataset), digest(&small()), "categories are part of what is learnt");
    rule.expect.categories = Some(4);
    let error = refused(samples(&dataset, &rule, Ties::FileOrder), Kind::Data);
    assert!(error.contains("expected: 4 categories") && error.contains("got:      3 categories"), "{error}");
}

#[test]
fn all_that_is_learnt_is_in_the_digest() {
    let digest = |dataset: &Dataset, rule: &Labelling, last: usize, pretrained: usize| {
        let roles = Roles::new(last, NonZeroUsize::new(pretrained), None).unwrap();
        by_count(dataset, rule, roles, Ties::FileOrder).unwrap().0.digest()
    };
    // Six events, each with its negative: two of a kind in each of six periods.
    let events: Vec<Rated> = (0..6).map(|at| (at % 2, at, i64::from(at), 1.0)).collect();
    let base = dataset(2, 6, &events);
    let known = digest(&base, &drawn(1, 7), 2, 1);
    let mut labels = base.clone();
    labels.parts[0].interactions[1].value = 0.0;
    let shorter = Labelling { history: 1, ..drawn(1, 7) };
    let by_rating = Labelling { positives: Positives::RatingsAtLeast(0.5), ..drawn(1, 7) };
    for other in [
        digest(&base, &drawn(1, 8), 2, 1),
        digest(&base, &drawn(2, 7), 2, 1),
        digest(&base, &shorter, 2, 1),
        digest(&base, &drawn(1, 7), 1, 1),
        digest(&base, &drawn(1, 7), 2, 2),
        digest(&labels, &by_rating, 2, 1),
    ] {
        assert_ne!(other, known);
    }
    assert_eq!(digest(&base, &by_rating, 2, 1), known, "another rule that says the same");
}

#[test]
fn periods_that_cannot_be_evaluated_are_refused() {
    let labels = |labels: &[f32]| {
        let events: Vec<Rated> = labels.iter().zip(0..).map(|(&label, at)| (0, at, i64::from(at), label)).collect();
        dataset(1, labels.len(), &events)
    };
    let cut = |of: &[f32], last| by_count(&labels(of), &rated(30), Roles::after_the_first(last), Ties::FileOrder);
    let error = refused(cut(&[1.0, 1.0, 0.0, 1.0], 1), Kind::Data);
    assert!(error.contains("the pre-training of `made-up` has samples of one kind only"), "{error}");
    // One of several periods that are learnt from together may be of one kind.
    let roles = Roles::new(2, NonZeroUsize::new(2), None).unwrap();
    by_count(&labels(&[1.0, 1.0, 0.0, 1.0, 0.0, 1.0]), &rated(30), roles, Ties::FileOrder).unwrap();
    let error = refused(cut(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2), Kind::Data);
    assert!(error.contains("period 2 of `made-up` has no negative: its AUC is not defined"), "{error}");
    assert!(error.contains("2 positives, 0 negatives"), "{error}");
    assert!(refused(cut(&[1.0, 0.0, 0.0, 0.0], 1), Kind::Data).contains("period 1 of `made-up` has no positive"));
    let error = refused(cut(&[1.0, 0.0], 2), Kind::Data);
    assert!(error.contains("fewer samples than there are to be periods") && error.contains("at least 3"), "{error}");
    let unordered = Dataset { clock: Clock::Position, ..labels(&[1.0, 0.0]) };
    let error = by_count(&unordered, &rated(30), Roles::after_the_first(1), Ties::FileOrder);
    assert!(refused(error, Kind::Input).contains("has no times to order its events by"));
    let unrated = Dataset { values: Values::None, ..labels(&[1.0, 0.0]) };
    let error = by_count(&unrated, &rated(30), Roles::after_the_first(1), Ties::FileOrder);
    assert!(refused(error, Kind::Input).contains("has no ratings to be at least 1"));
}

#[test]
fn a_period_may_be_a_day() {
    const DAY: i64 = 86_400;
    let first: Moment = "2014-10-01".parse().unwrap();
    let at = |day: i64, second: i64| first.time().whole + day * DAY + second;
    let events = [(0, 0, at(1, 5), 1.0), (1, 1, at(0, 0), 1.0), (0, 1, at(1, DAY - 1), 1.0), (1, 2, at(2, 0), 1.0)];
    let mut days = dataset(2, 4, &events);
    days.parts[0].interactions.push(Interaction { user: 0, item: 3, time: at(0, 9).into(), value: 1.0, session: 0 });
    let cut =
        |dataset: &Dataset, last| by_day(dataset, &first, &drawn(1, 0), Roles::after_the_first(last), Ties::FileOrder);
    let periods = cut(&days, 2).unwrap();
    let lengths = |periods: &Periods| [0, 1, 2].map(|number| periods.samples(number..number + 1).unwrap().len());
    assert_eq!((lengths(&periods), periods.samples(0..3).unwrap().positives()), ([4, 4, 2], 5));
    let error = refused(cut(&days, 1), Kind::Data);
    assert!(error.contains("is in none of the periods") && error.contains("the 2 days from 2014-10-01 on"), "{error}");
    assert!(error.contains("an event of day 2"), "{error}");
    days.parts[0].interactions.retain(|event| event.time < at(1, 0).into() || event.time >= at(2, 0).into());
    assert!(refused(cut(&days, 2), Kind::Data).contains("period 1 of `made-up` has no sample"));
    let unordered = Dataset { clock: Clock::Order, ..days };
    assert!(refused(cut(&unordered, 2), Kind::Input).contains("no times that count in days"));
}
