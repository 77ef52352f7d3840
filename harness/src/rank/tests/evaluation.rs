//! Ranks by hand, by brute force, and in other blocks and threads.

use std::collections::BTreeSet;

use super::*;

#[test]
fn ties_go_to_the_lower_id_and_the_pessimist_loses_them() {
    // Items 1, 2, 4, 5 tie behind item 6; item 0 is seen; targets are 2 and 4.
    let table = Table { n_items: 7, scores: vec![0.5, 0.5, 0.5, 0.1, 0.5, 0.5, 0.9] };
    let split = split(1, 7, &[(0, 0)], &[(0, 6)], &[(0, 4), (0, 2)]);
    let test = test(&full(&["ap"]), &split, &table);
    // For test, the validation item 6 is seen too: 1 2 4 5 3.
    assert_eq!((test.ranks, test.pessimistic_ranks), (vec![2, 3], vec![3, 4]));
    let ap = "ap".parse().unwrap();
    assert!((test.values[&ap] - (1.0 / 2.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
    assert!((test.pessimistic[&ap] - (1.0 / 3.0 + 2.0 / 4.0) / 2.0).abs() < 1e-12);
    let valid = ranker(&full(&["ap"]), &split, HeldOut::Valid).evaluate(&table).unwrap();
    assert_eq!((valid.queries, valid.targets, valid.ranks), (vec![0], vec![1], vec![1]));
}

#[test]
fn a_constant_model_looks_perfect_only_to_the_optimist() {
    let split = random_split(9, 40, 3, 1);
    let constant = Table { n_items: 40, scores: vec![0.25; 9 * 40] };
    let evaluation = test(&sampled(20, &["loo-hr@5"]), &split, &constant);
    let metric = "loo-hr@5".parse().unwrap();
    assert_eq!((evaluation.values[&metric], evaluation.pessimistic[&metric]), (1.0, 0.0));
    assert_eq!(evaluation.pessimistic_ranks, vec![21; 9]);
}

#[test]
fn brute_force_agrees_for_tables_and_dot_products() {
    for (n_items, dim, biased, steps) in [(33, 1, false, 1.0), (70, 3, true, 2.0), (600, 20, true, 1000.0)] {
        let split = random_split(29, n_items, 7, 3);
        let factors = Factors::new(29, n_items, dim, biased, steps);
        let table = factors.table();
        let names = ["ap", "recall@10", "ndcg@10", "map@5", "precision@5"];
        let mut tied = false;
        for part in [HeldOut::Valid, HeldOut::Test] {
            let ranker = ranker(&full(&names), &split, part);
            let evaluation = ranker.evaluate(&factors).unwrap();
            assert_eq!(evaluation, ranker.evaluate(&table).unwrap());
            let (mut ranks, mut pessimistic) = (Vec::new(), Vec::new());
            for user in 0..29u32 {
                let mut seen: BTreeSet<u32> = split.train.of(user).iter().copied().collect();
                if part == HeldOut::Test {
                    seen.extend(split.valid.of(user));
                }
                let targets: BTreeSet<u32> = split.held_out(part).of(user).iter().copied().collect();
                let score = |i: u32| table.scores[user as usize * n_items + i as usize];
                let mut list: Vec<u32> = (0..n_items as u32).filter(|i| !seen.contains(i)).collect();
                let places = |list: &[u32]| {
                    list.iter().zip(1..).filter(|(i, _)| targets.contains(i)).map(|(_, r)| r).collect::<Vec<u32>>()
                };
                list.sort_by(|a, b| score(*b).partial_cmp(&score(*a)).unwrap().then(a.cmp(b)));
                ranks.extend(places(&list));
                list.sort_by(|a, b| {
                    let last = targets.contains(a).cmp(&targets.contains(b));
                    score(*b).partial_cmp(&score(*a)).unwrap().then(last)
                });
                pessimistic.extend(places(&list));
            }
            tied |= ranks != pessimistic;
            assert_eq!((evaluation.ranks, evaluation.pessimistic_ranks), (ranks, pessimistic));
        }
        assert_eq!(tied, steps < 10.0, "coarse values must tie, or the test shows nothing");
    }
}

#[test]
fn blocks_and_threads_do_not_change_a_bit() {
    let names = ["ap", "recall@20", "ndcg@20", "ndcg-rd@20", "map@20"];
    for dim in [1, 20, 200, 600] {
        let (n_users, n_items) = (53, 1117);
        let split = random_split(n_users, n_items, 11, 1);
        let factors = Factors::new(n_users, n_items, dim, true, if dim == 1 { 4.0 } else { 1e6 });
        let loo = ["loo-hr@10", "loo-ndcg@10"];
        for protocol in [full(&names), sampled(99, &loo)] {
            let ours = ranker(&protocol, &split, HeldOut::Test);
            let expected = ours.evaluate(&factors).unwrap();
            for (threads, block) in [1, 2, 3].into_iter().flat_map(|n| [1, 5, 12, 13, 64].map(|block| (n, block))) {
                let other = on_threads(threads, || ours.evaluate_in_blocks(&factors, block).unwrap());
                assert_eq!(other, expected, "dim {dim}, {threads} threads, blocks of {block}");
                for (metric, value) in &other.values {
                    assert_eq!(value.to_bits(), expected.values[metric].to_bits());
                }
            }
            let again = on_threads(3, || ranker(&protocol, &split, HeldOut::Test));
            assert!((0..n_users as u32).all(|user| again.negatives(user) == ours.negatives(user)));
        }
    }
}
