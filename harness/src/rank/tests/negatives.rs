//! The sampled candidates.

use std::collections::BTreeSet;

use super::*;

#[test]
fn negatives_are_distinct_unobserved_and_the_protocols_own() {
    let split = random_split(17, 60, 20, 1);
    let [ours, of_valid] =
        [HeldOut::Test, HeldOut::Valid].map(|part| ranker(&sampled(30, &["loo-hr@5"]), &split, part));
    for user in 0..17 {
        let negatives = ours.negatives(user).unwrap();
        assert_eq!(of_valid.negatives(user).unwrap(), negatives, "whichever part is asked for");
        let distinct: BTreeSet<u32> = negatives.iter().copied().collect();
        assert_eq!((negatives.len(), distinct.len()), (30, 30));
        for part in [&split.train, &split.valid, &split.test] {
            assert!(part.of(user).iter().all(|item| !distinct.contains(item)));
        }
    }
    let other =
        Protocol::new(Candidates::Sampled { negatives: 30, seed: 1, draw: Draw::Stream }, metrics(&["loo-hr@5"]))
            .unwrap();
    assert_ne!(ours.negatives(0), ranker(&other, &split, HeldOut::Test).negatives(0));
}

/// The items with the least `sha256sum` of `7/1/item`, users and items numbered from 1.
#[test]
fn negatives_of_least_digest_are_those_of_any_program() {
    let split = split(2, 12, &[(1, 3)], &[(1, 5)], &[(0, 4), (1, 6)]);
    let drawn = |negatives| {
        let candidates = Candidates::Sampled { negatives, seed: 7, draw: Draw::Sha256 };
        let ranker = ranker(&Protocol::new(candidates, metrics(&["loo-hr@1"])).unwrap(), &split, HeldOut::Test);
        [0, 1].map(|user| ranker.negatives(user).unwrap().to_vec())
    };
    // In their order 2, 10, 3, 6, 9, 0, 4, 11, 1, 5, 8, 7 and 4, 1, 3, 0, 10, 7, 11, 9, 5, 8, 2, 6.
    assert_eq!(drawn(3), [[2, 3, 10], [0, 1, 4]]);
    assert_eq!(drawn(7), [[0, 2, 3, 6, 9, 10, 11], [0, 1, 4, 7, 9, 10, 11]]);
    assert_eq!(drawn(9)[1], [0, 1, 2, 4, 7, 8, 9, 10, 11], "all that are left");
}

#[test]
fn negatives_are_pinned() {
    let split = split(1, 1000, &[(0, 1)], &[(0, 2)], &[(0, 3)]);
    let ranker = ranker(&sampled(5, &["loo-hr@5"]), &split, HeldOut::Test);
    assert_eq!(ranker.negatives(0).unwrap(), PINNED_NEGATIVES);
}

const PINNED_NEGATIVES: [u32; 5] = [4, 22, 194, 570, 952];
