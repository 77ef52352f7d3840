use super::*;
use crate::data::Clock;
use crate::kit::{self, NamedPart, applied};

fn dataset(parts: &[NamedPart<'_>]) -> Dataset {
    kit::dataset(5, 10, parts)
}

fn pairs(lists: &UserItems) -> Vec<(u32, u32)> {
    lists.pairs().collect()
}

#[test]
fn the_last_by_time_is_the_test_and_ties_keep_their_order() {
    let rows = [(0, 7, 3), (0, 8, 1), (0, 9, 3), (2, 8, 5), (2, 7, 5), (2, 9, 5), (2, 1, 4)];
    let split = applied(&SplitRule::LeaveLastOut { core: 0 }, &dataset(&[("all", &rows)])).unwrap();
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
    let data = dataset(&[("all", &rows)]);
    let rule = SplitRule::LeaveLastOut { core: 0 };
    let ties = |dataset: &Dataset, rule: &SplitRule, ties| rule.apply(dataset, ties).unwrap().ties;
    let counted = |by: &str, validation, test| Some(TimeTies { by: by.into(), validation, test });
    // Validation: of users 0, 1, and 4 (which the training shares a time with).
    assert_eq!(ties(&data, &rule, Ties::FileOrder), counted("file-order", 3, 2));
    assert_eq!(ties(&data, &rule, Ties::Item), counted("item", 3, 2));
    let tests = |ties| match rule.apply(&data, ties).unwrap().cut {
        Cut::Split(split) => pairs(&split.test),
        Cut::Pieces(_) | Cut::Periods(_) => panic!("a stream of periods"),
    };
    assert_eq!(tests(Ties::FileOrder), [(0, 8), (1, 7), (2, 6), (4, 3)]);
    assert_eq!(tests(Ties::Item), [(0, 9), (1, 9), (2, 6), (4, 3)]);
    let refused = rule.apply(&data, Ties::Refuse).unwrap_err();
    assert_eq!(refused.kind(), Kind::Data);
    assert!(refused.to_string().contains("2 test and 3 validation items"), "{refused}");
    // Ten items, of which 1 is for validation and 2 for the test.
    let times = |times: [i64; 10]| {
        let rows: Vec<_> = times.iter().zip(0..).map(|(time, item)| (0, item, *time)).collect();
        dataset(&[("all", &rows)])
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
    let data = dataset(&[("a", &rows), ("b", &more)]);
    let split = applied(&SplitRule::LeaveLastOut { core: 1 }, &data).unwrap();
    assert_eq!(
        (pairs(&split.train), pairs(&split.valid), pairs(&split.test)),
        (vec![(0, 0)], vec![(0, 1)], vec![(0, 2)])
    );
}

#[test]
fn any_two_items_may_be_held_out_and_short_users_are_dropped() {
    let rows: Vec<(u32, u32, i64)> = (0..5).map(|item| (1, item, 0)).chain([(0, 0, 0), (0, 9, 0)]).collect();
    let data = dataset(&[("all", &rows)]);
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
    let split = applied(&SplitRule::LeaveLastOut { core: 0 }, &dataset(&[("all", &rows)])).unwrap();
    assert_eq!(pairs(&split.train), [(0, 0), (0, 1), (1, 0)]);
    assert_eq!(pairs(&split.test), [(1, 2)]);
}

#[test]
fn the_core_is_a_fixed_point() {
    // Item 3 falls (one user), then user 2 (one item left), then item 2 (one user left): the
    // square of users 0, 1 and items 0, 1 stays.
    let all = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2), (2, 3)].map(|(user, item)| (user, item, 0));
    let core = |core| super::pairs(&k_core(3, 4, dataset(&[("all", &all)]).parts.remove(0).interactions, core));
    assert_eq!(core(2), [(0, 0), (0, 1), (1, 0), (1, 1)]);
    assert_eq!(core(3), []);
}

#[test]
fn given_parts_keep_ids_and_time_order() {
    let data = dataset(&[("train", &[(1, 5, 2), (1, 4, 1)]), ("valid", &[(1, 6, 3)]), ("test", &[(1, 7, 4)])]);
    let rule = |valid: &str| SplitRule::Given { train: "train".into(), valid: valid.into(), test: "test".into() };
    let split = applied(&rule("valid"), &data).unwrap();
    assert_eq!((split.n_users, split.n_items), (5, 10));
    assert_eq!(split.train.of(1), [4, 5]);
    assert!(applied(&rule("vaild"), &data).unwrap_err().to_string().contains("did you mean `valid`?"));
    assert_eq!(applied(&rule("test"), &data).unwrap_err().kind(), Kind::Input);
}

#[test]
fn nothing_left_is_an_error() {
    let data = dataset(&[("all", &[(0, 0, 1), (0, 1, 2), (0, 2, 3)])]);
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
