//! Labelled samples of real data are those that an independent program prepares: `tests/golden/samples.py`.

use std::collections::HashSet;
use std::fmt::Write as _;

use harness::data::{Dataset, Interaction};
use harness::digest::Digest;
use harness::split::periods::{Periods, Roles, by_count};
use harness::split::{LONGEST_HISTORY, Labelling, Negatives, Positives, Sizes, Ties};
use serde_json::Value;

use crate::periods::at_mirror;

/// ASMG's 31 periods: ten train, fourteen warm up, seven are tested.
fn asmg() -> Roles {
    let number = std::num::NonZeroUsize::new;
    Roles::new(30, number(10), number(24)).unwrap()
}

fn expected(id: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/samples.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = all["cases"].as_array().unwrap();
    cases.iter().find(|case| case["name"] == id).unwrap()["expected"].clone()
}

/// Prepares a dataset by `rule` and holds it against what is expected of it. Where negatives are drawn, they are compared
/// in number alone.
fn same_as_independent(id: &str, mut rule: Labelling) -> Option<(Dataset, Periods)> {
    let dataset = at_mirror(id)?;
    let expected = expected(id);
    let number = |key: &str| expected[key].as_u64().unwrap() as usize;
    let [users, items, samples] = ["users", "items", "samples"].map(|key| Some(number(key)));
    rule.expect = Sizes { users, items, samples, categories: None };
    let (periods, _) = by_count(&dataset, &rule, asmg(), Ties::FileOrder).unwrap();
    assert_eq!((periods.n_users(), periods.n_items()), (number("users"), number("items")));
    let all = periods.samples(0..31).unwrap();
    assert_eq!((all.len(), all.positives()), (31 * number("each"), number("positives")));
    assert_eq!(number("samples") - all.len(), number("dropped"));
    let lengths: Vec<usize> = all.iter().map(|sample| sample.history.len()).collect();
    let of_length = |length| lengths.iter().filter(|&&other| other == length).count();
    let histories = (lengths.iter().sum(), of_length(0), of_length(LONGEST_HISTORY));
    assert_eq!(histories, (number("history_items"), number("empty"), number("full")));
    let drawn = rule.negatives.is_some();
    assert_eq!(Digest::of(canonical(&dataset, &periods, drawn).as_bytes()).to_string(), expected["sha256"]);
    Some((dataset, periods))
}

/// The events of a dataset in the order of time: one an impression.
fn in_order(dataset: &Dataset) -> Vec<Interaction> {
    let mut events: Vec<_> = dataset.parts.iter().flat_map(|part| part.interactions.clone()).collect();
    events.sort_by_key(|event| event.time);
    events
}

/// One line a sample: `period,user,item,label,time,h1 h2 …`, periods from 1; of positives alone where others are `drawn`.
fn canonical(dataset: &Dataset, periods: &Periods, drawn: bool) -> String {
    let (events, mut text) = (in_order(dataset), String::new());
    for number in 0..31 {
        let samples = periods.samples(number..number + 1).unwrap();
        for sample in samples.iter().filter(|sample| sample.label || !drawn) {
            let time = events[sample.impression as usize].time.whole;
            let history: Vec<String> = sample.history.iter().map(u32::to_string).collect();
            let (user, item, label) = (sample.user, sample.item, u8::from(sample.label));
            writeln!(text, "{},{user},{item},{label},{time},{}", number + 1, history.join(" ")).unwrap();
        }
    }
    text
}

fn rated() -> Labelling {
    let positives = Positives::RatingsAtLeast(8.0);
    Labelling { positives, negatives: None, history: LONGEST_HISTORY, expect: Sizes::default() }
}

#[test]
fn ratings_of_movies_become_the_samples_of_an_independent_program() {
    same_as_independent("movietweetings-100k", rated()).expect("the dataset is embedded");
    same_as_independent("movietweetings-141k", rated());
}

#[test]
fn actions_in_a_shop_become_the_samples_of_an_independent_program() {
    let negatives = Some(Negatives { each: 1, seed: 1234 });
    let rule = Labelling { positives: Positives::All, negatives, ..rated() };
    let Some((dataset, periods)) = same_as_independent("taobao2017-cml", rule) else { return };
    // Every second sample is a negative that the user had not taken by then; some are taken later.
    let all = periods.samples(0..31).unwrap();
    let samples: Vec<_> = all.iter().collect();
    let (mut had, mut by_now) = (HashSet::new(), 0);
    let events = in_order(&dataset);
    for pair in samples.chunks_exact(2) {
        let [positive, negative] = pair else { unreachable!("chunks of two") };
        assert!(positive.label && !negative.label && positive.impression == negative.impression);
        let time = events[positive.impression as usize].time;
        while events.get(by_now).is_some_and(|event| event.time <= time) {
            let event = &events[by_now];
            had.insert((dataset.user_place(event.user), dataset.item_place(event.item)));
            by_now += 1;
        }
        assert!(had.contains(&(positive.user, positive.item)) && !had.contains(&(negative.user, negative.item)));
    }
    let drawn = samples.iter().filter(|sample| !sample.label);
    let later = drawn.filter(|sample| had.contains(&(sample.user, sample.item))).count();
    assert!((1..1000).contains(&later), "{later}");
}
