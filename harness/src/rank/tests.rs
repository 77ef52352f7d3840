//! The ranking against hand-computed vectors, brute force, and itself in other blocks and threads.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::error::Kind;
use crate::golden::{case, floats, ids};
use crate::metrics::{Candidates, Dot, Encode, Metric, Protocol, Scorer};
use crate::rng::Stream;
use crate::split::{HeldOut, Split, UserItems};

/// A model that is a table of scores `[queries, n_items]`.
struct Table {
    n_items: usize,
    scores: Vec<f32>,
}

impl Scorer for Table {
    fn n_items(&self) -> usize {
        self.n_items
    }
    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        for (out, &item) in out.iter_mut().zip(items) {
            *out = self.scores[query as usize * self.n_items + item as usize];
        }
    }
    fn score_all(&self, query: u32, out: &mut [f32]) {
        out.copy_from_slice(&self.scores[query as usize * self.n_items..][..self.n_items]);
    }
}

/// A matrix factorisation.
struct Factors {
    dim: usize,
    users: Vec<f32>,
    items: Vec<f32>,
    bias: Option<Vec<f32>>,
    encode: Encode<'static>,
}

impl Factors {
    /// Values on a grid of `1/steps`, so that few steps make ties.
    fn new(n_users: usize, n_items: usize, dim: usize, biased: bool, steps: f32) -> Self {
        let mut stream = Stream::new(5, "tests", "factors", dim as u64);
        let mut values = |n| stream.normals(n, 1.0).iter().map(|v| (v * steps).round() / steps).collect::<Vec<f32>>();
        let (users, items) = (values(n_users * dim), values(n_items * dim));
        let bias = biased.then(|| values(n_items));
        let table = users.clone();
        let encode = Box::new(move |queries: &[u32], out: &mut [f32]| {
            for (row, &query) in out.chunks_exact_mut(dim).zip(queries) {
                row.copy_from_slice(&table[query as usize * dim..][..dim]);
            }
        });
        Self { dim, users, items, bias, encode }
    }
    /// The chain that every full ranking uses, as a table.
    fn table(&self) -> Table {
        let mut scores = Vec::new();
        for user in self.users.chunks(self.dim) {
            for (i, item) in self.items.chunks(self.dim).enumerate() {
                let bias = self.bias.as_ref().map_or(0.0, |bias| bias[i]);
                scores.push(user.iter().zip(item).fold(bias, |sum, (x, y)| x.mul_add(*y, sum)));
            }
        }
        Table { n_items: self.n_items(), scores }
    }
}

impl Scorer for Factors {
    fn n_items(&self) -> usize {
        self.items.len() / self.dim
    }
    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        let x = &self.users[query as usize * self.dim..][..self.dim];
        self.dot().unwrap().score(x, items, out);
    }
    fn score_all(&self, query: u32, out: &mut [f32]) {
        let x = &self.users[query as usize * self.dim..][..self.dim];
        self.dot().unwrap().score_all(x, out);
    }
    fn dot(&self) -> Option<Dot<'_>> {
        Some(Dot { dim: self.dim, items: &self.items, bias: self.bias.as_deref(), encode: Box::new(&self.encode) })
    }
}

fn metrics(names: &[&str]) -> Vec<Metric> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn full(names: &[&str]) -> Protocol {
    Protocol::new(Candidates::Full, metrics(names)).unwrap()
}

fn sampled(negatives: usize, names: &[&str]) -> Protocol {
    Protocol::new(Candidates::Sampled { negatives, seed: 0 }, metrics(names)).unwrap()
}

type Pairs<'a> = &'a [(u32, u32)];

fn split(n_users: usize, n_items: usize, train: Pairs<'_>, valid: Pairs<'_>, test: Pairs<'_>) -> Split {
    let part = |pairs| UserItems::from_pairs(n_users, pairs);
    Split { n_users, n_items, train: part(train), valid: part(valid), test: part(test) }
}

/// Every user sees, validates on and is tested on some random items.
fn random_split(n_users: usize, n_items: usize, seen: usize, held_out: usize) -> Split {
    let (mut train, mut valid, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..n_users as u32 {
        let mut stream = Stream::new(6, "tests", "split", u64::from(user));
        let items = stream.without_replacement(n_items as u32, seen + 2 * held_out);
        train.extend(items[..seen].iter().map(|&i| (user, i)));
        valid.extend(items[seen..seen + held_out].iter().map(|&i| (user, i)));
        test.extend(items[seen + held_out..].iter().map(|&i| (user, i)));
    }
    split(n_users, n_items, &train, &valid, &test)
}

fn pairs_of(user: usize, items: &Value) -> Vec<(u32, u32)> {
    ids(items).into_iter().map(|item| (user as u32, item)).collect()
}

fn near(got: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!((got - expected).abs() < 1e-6, "{got} {expected}");
}

#[test]
fn golden_full_ranking() {
    let case = case("metrics-topn.json", "full_ranking_metrics_rd");
    let (users, expected) = (case["inputs"]["users"].as_array().unwrap(), &case["expected"]);
    let (mut scores, mut train, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for (user, input) in users.iter().enumerate() {
        scores.extend(floats(&input["scores"]));
        train.extend(pairs_of(user, &input["rated"]));
        test.extend(pairs_of(user, &input["targets"]));
    }
    let split = split(users.len(), 8, &train, &[], &test);
    let table = Table { n_items: 8, scores };
    let names = [
        ("precision@3", "prec@3"),
        ("recall@3", "recall@3"),
        ("ndcg-rd@3", "ndcg@3_code"),
        ("ndcg@3", "ndcg@3_standard"),
        ("precision@5", "prec@5"),
        ("recall@5", "recall@5"),
        ("ndcg-rd@5", "ndcg@5_code"),
        ("ndcg@5", "ndcg@5_standard"),
        ("ap", "ap"),
    ];
    let ours: Vec<&str> = names.iter().map(|n| n.0).collect();
    let evaluation = Ranker::new(&full(&ours), &split).unwrap().evaluate(&table, HeldOut::Test).unwrap();
    for (ours, theirs) in names {
        let metric = ours.parse().unwrap();
        near(evaluation.values[&metric], &expected["mean_over_users"][theirs]);
        for (user, value) in evaluation.per_query(metric).into_iter().enumerate() {
            near(value, &expected["per_user"][user][theirs]);
        }
    }
    let index = Index::new(&table);
    for (user, expected) in expected["per_user"].as_array().unwrap().iter().enumerate() {
        let list: Vec<u64> = index
            .top_k(user as u32, split.train.sorted().of(user as u32), 8)
            .unwrap()
            .iter()
            .map(|r| r.item.into())
            .collect();
        assert_eq!(serde_json::json!(list), expected["ranking_of_unrated"]);
    }
}

#[test]
fn golden_leave_one_out() {
    let case = case("metrics-topn.json", "leave_one_out_metrics");
    let (users, expected) = (case["inputs"]["users"].as_array().unwrap(), &case["expected"]);
    let scores: Vec<f32> = users.iter().flat_map(|user| floats(&user["scores_test_valid_candidates"])).collect();
    let pairs = |item| (0..users.len() as u32).map(|user| (user, item)).collect::<Vec<_>>();
    // All five other items are negatives, in whatever order they are drawn.
    let split = split(users.len(), 7, &[], &pairs(1), &pairs(0));
    let names = [("loo-hr", "H"), ("loo-ndcg", "N"), ("loo-mrr", "M"), ("hr", "H"), ("ndcg", "N"), ("mrr", "M")];
    let all: Vec<String> = names.iter().flat_map(|n| [2, 5].map(|k| format!("{}@{k}", n.0))).collect();
    let protocol = sampled(5, &all.iter().map(String::as_str).collect::<Vec<_>>());
    let ranker = Ranker::new(&protocol, &split).unwrap();
    let table = Table { n_items: 7, scores };
    for (part, prefix) in [(HeldOut::Test, "test"), (HeldOut::Valid, "valid")] {
        let evaluation = ranker.evaluate(&table, part).unwrap();
        for (user, expected) in expected["per_user"].as_array().unwrap().iter().enumerate() {
            assert_eq!(evaluation.ranks[user], expected[format!("{prefix}_rank")]);
            assert_eq!(evaluation.pessimistic_ranks[user], expected[format!("{prefix}_rank_pessimistic")]);
        }
        for (ours, theirs) in names {
            for k in [2, 5] {
                let value = evaluation.values[&format!("{ours}@{k}").parse().unwrap()];
                near(value, &expected["mean_over_users"][format!("{prefix}_{theirs}@{k}")]);
            }
        }
    }
}

#[test]
fn golden_values_by_rank() {
    let case = case("metrics-topn.json", "loo_values_by_rank");
    let [ndcg, mrr, hr]: [Metric; 3] = ["loo-ndcg@30", "loo-mrr@30", "loo-hr@10"].map(|m| m.parse().unwrap());
    for (i, rank) in case["inputs"]["rank"].as_array().unwrap().iter().enumerate() {
        let rank = [rank.as_u64().unwrap() as u32];
        near(ndcg.value(&rank, 1), &case["expected"]["N_unclipped"][i]);
        near(mrr.value(&rank, 1), &case["expected"]["M_unclipped"][i]);
        assert_eq!(hr.value(&rank, 1) == 1.0, case["expected"]["within_top10"][i]);
    }
}

#[test]
fn ties_go_to_the_lower_id_and_the_pessimist_loses_them() {
    // Items 1, 2, 4, 5 tie behind item 6; item 0 is seen; targets are 2 and 4.
    let table = Table { n_items: 7, scores: vec![0.5, 0.5, 0.5, 0.1, 0.5, 0.5, 0.9] };
    let split = split(1, 7, &[(0, 0)], &[(0, 6)], &[(0, 4), (0, 2)]);
    let ranker = Ranker::new(&full(&["ap"]), &split).unwrap();
    let test = ranker.evaluate(&table, HeldOut::Test).unwrap();
    // For test, the validation item 6 is seen too: 1 2 4 5 3.
    assert_eq!((test.ranks, test.pessimistic_ranks), (vec![2, 3], vec![3, 4]));
    let ap = "ap".parse().unwrap();
    assert!((test.values[&ap] - (1.0 / 2.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
    assert!((test.pessimistic[&ap] - (1.0 / 3.0 + 2.0 / 4.0) / 2.0).abs() < 1e-12);
    let valid = ranker.evaluate(&table, HeldOut::Valid).unwrap();
    assert_eq!((valid.queries, valid.targets, valid.ranks), (vec![0], vec![1], vec![1]));
}

#[test]
fn a_constant_model_looks_perfect_only_to_the_optimist() {
    let split = random_split(9, 40, 3, 1);
    let constant = Table { n_items: 40, scores: vec![0.25; 9 * 40] };
    let evaluation =
        Ranker::new(&sampled(20, &["loo-hr@5"]), &split).unwrap().evaluate(&constant, HeldOut::Test).unwrap();
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
        let ranker = Ranker::new(&full(&names), &split).unwrap();
        let mut tied = false;
        for part in [HeldOut::Valid, HeldOut::Test] {
            let evaluation = ranker.evaluate(&factors, part).unwrap();
            assert_eq!(evaluation, ranker.evaluate(&table, part).unwrap());
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
            let ranker = Ranker::new(&protocol, &split).unwrap();
            let expected = ranker.evaluate(&factors, HeldOut::Test).unwrap();
            for threads in [1, 2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                for block in [1, 5, 12, 13, 64] {
                    let other = pool.install(|| ranker.evaluate_in_blocks(&factors, HeldOut::Test, block).unwrap());
                    assert_eq!(other, expected, "dim {dim}, {threads} threads, blocks of {block}");
                    for (metric, value) in &other.values {
                        assert_eq!(value.to_bits(), expected.values[metric].to_bits());
                    }
                }
            }
            let again = pool_of_three(|| Ranker::new(&protocol, &split).unwrap());
            assert!((0..n_users as u32).all(|user| again.negatives(user) == ranker.negatives(user)));
        }
    }
}

fn pool_of_three<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap().install(work)
}

#[test]
fn negatives_are_distinct_unobserved_and_the_protocols_own() {
    let split = random_split(17, 60, 20, 1);
    let ranker = Ranker::new(&sampled(30, &["loo-hr@5"]), &split).unwrap();
    for user in 0..17 {
        let negatives = ranker.negatives(user).unwrap();
        let distinct: BTreeSet<u32> = negatives.iter().copied().collect();
        assert_eq!((negatives.len(), distinct.len()), (30, 30));
        for part in [&split.train, &split.valid, &split.test] {
            assert!(part.of(user).iter().all(|item| !distinct.contains(item)));
        }
    }
    let other = Protocol::new(Candidates::Sampled { negatives: 30, seed: 1 }, metrics(&["loo-hr@5"])).unwrap();
    let other = Ranker::new(&other, &split).unwrap();
    assert_ne!(ranker.negatives(0), other.negatives(0));
}

#[test]
fn negatives_are_pinned() {
    let split = split(1, 1000, &[(0, 1)], &[(0, 2)], &[(0, 3)]);
    let ranker = Ranker::new(&sampled(5, &["loo-hr@5"]), &split).unwrap();
    assert_eq!(ranker.negatives(0).unwrap(), PINNED_NEGATIVES);
}

const PINNED_NEGATIVES: [u32; 5] = [4, 22, 194, 570, 952];

#[test]
fn what_cannot_be_ranked_is_refused() {
    let refused = |protocol: &Protocol, split: &Split| Ranker::new(protocol, split).err().unwrap().to_string();
    let two = split(2, 9, &[(0, 0)], &[], &[(1, 1), (1, 2)]);
    assert!(refused(&sampled(3, &["mrr@2"]), &two).contains("user 1 has 2"));
    assert!(refused(&full(&["loo-mrr@2"]), &two).contains("metric `loo-mrr@2` needs one held-out item"));
    assert!(refused(&full(&["hr@10"]), &two).contains("9 for user 1"));
    let one = split(2, 9, &[(0, 0), (1, 4)], &[], &[(1, 1)]);
    assert!(refused(&sampled(8, &["mrr@2"]), &one).contains("user 1 has too few items left"));
    assert!(refused(&sampled(7, &["mrr@9"]), &one).contains("8 for user 1"));
    assert!(Ranker::new(&sampled(7, &["mrr@8"]), &one).is_ok());
    assert!(refused(&full(&["ap"]), &split(2, 9, &[(0, 0)], &[], &[])).contains("no user has a held-out item"));
    let twice = split(1, 9, &[(0, 5)], &[], &[(0, 5)]);
    for protocol in [full(&["ap"]), sampled(3, &["hr@1"])] {
        assert!(refused(&protocol, &twice).contains("item 5 of user 0 is both seen and held out"));
    }
    let ranker = Ranker::new(&full(&["ap"]), &one).unwrap();
    let table = Table { n_items: 9, scores: vec![0.0; 18] };
    assert!(ranker.evaluate(&table, HeldOut::Valid).unwrap_err().to_string().contains("validation"));
    let small = Table { n_items: 8, scores: vec![0.0; 16] };
    assert_eq!(ranker.evaluate(&small, HeldOut::Test).unwrap_err().kind(), Kind::Internal);
}

#[test]
fn scores_that_are_not_finite_are_named() {
    let split = random_split(30, 900, 2, 1);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut factors = Factors::new(30, 900, 4, true, 100.0);
        factors.bias.as_mut().unwrap()[777] = bad;
        let error = Ranker::new(&full(&["ap"]), &split).unwrap().evaluate(&factors, HeldOut::Test).unwrap_err();
        assert_eq!(error.kind(), Kind::Diverged);
        assert!(error.to_string().starts_with("the score of item 777 for query 0 "), "{error}");
        let table = factors.table();
        assert_eq!(Index::new(&table).top_k(3, &[], 5).unwrap_err().kind(), Kind::Diverged);
        let protocol = sampled(890, &["hr@1"]);
        assert_eq!(Ranker::new(&protocol, &split).unwrap().evaluate(&table, HeldOut::Test).unwrap_err(), {
            let item_of = |query: u32| {
                let ranker = Ranker::new(&protocol, &split).unwrap();
                split.test.of(query) == [777] || ranker.negatives(query).unwrap().contains(&777)
            };
            let query = (0..30).find(|&query| item_of(query)).unwrap();
            super::index::not_finite(query, 777, bad)
        });
    }
}

#[test]
fn a_model_that_contradicts_itself_is_found_out() {
    struct Liar(Table);
    impl Scorer for Liar {
        fn n_items(&self) -> usize {
            self.0.n_items
        }
        fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
            self.0.score(query, items, out);
            out[0] += 1e-3;
        }
        fn score_all(&self, query: u32, out: &mut [f32]) {
            self.0.score_all(query, out);
        }
    }
    let liar = Liar(Table { n_items: 9, scores: vec![1.0; 9] });
    let ranker = Ranker::new(&full(&["ap"]), &split(1, 9, &[], &[], &[(0, 4)])).unwrap();
    assert!(ranker.evaluate(&liar, HeldOut::Test).unwrap_err().to_string().contains("item 4 two scores"));
}

#[test]
fn lists_are_the_sorted_scores() {
    for (n_items, dim, steps) in [(1117, 1, 4.0), (1117, 20, 1e6), (40, 3, 1.0)] {
        let split = random_split(31, n_items, 9, 1);
        let factors = Factors::new(31, n_items, dim, true, steps);
        let (table, seen) = (factors.table(), split.train.sorted());
        let queries: Vec<u32> = (0..31).rev().collect();
        for k in [1, 7, 31] {
            let expected: Vec<u32> = queries
                .iter()
                .flat_map(|&query| {
                    let score = |i: u32| table.scores[query as usize * n_items + i as usize];
                    let mut list: Vec<u32> = (0..n_items as u32).filter(|i| !seen.of(query).contains(i)).collect();
                    list.sort_by(|a, b| score(*b).partial_cmp(&score(*a)).unwrap().then(a.cmp(b)));
                    list.truncate(k);
                    list
                })
                .collect();
            for index in [Index::new(&factors), Index::new(&table)] {
                let lists = index.top_lists(&queries, k, &|query| seen.of(query)).unwrap();
                assert_eq!(lists, expected);
                for block in [1, 5, 13] {
                    let again =
                        pool_of_three(|| index.top_lists_in_blocks(&queries, k, &|q| seen.of(q), block)).unwrap();
                    assert_eq!(again, expected, "blocks of {block}");
                }
                for (row, &query) in queries.iter().enumerate() {
                    let served = index.top_k(query, seen.of(query), k).unwrap();
                    assert!(served.iter().map(|r| r.item).eq(expected[row * k..(row + 1) * k].iter().copied()));
                    assert!(served.iter().all(|r| r.score == table.scores[query as usize * n_items + r.item as usize]));
                }
            }
        }
    }
}

#[test]
fn a_list_that_cannot_be_filled_is_refused_and_serving_returns_what_is_left() {
    let table = Table { n_items: 4, scores: vec![-0.0, 0.0, -1.0, 3.0] };
    let index = Index::new(&table);
    let left: Vec<u32> = index.top_k(0, &[3], 9).unwrap().iter().map(|r| r.item).collect();
    assert_eq!(left, [0, 1, 2], "a zero ties with a negative zero");
    assert!(index.top_k(0, &[0, 1, 2, 3], 2).unwrap().is_empty());
    assert!(index.top_k(0, &[], 0).unwrap().is_empty());
    let error = index.top_lists(&[0], 4, &|_| &[3]).unwrap_err().to_string();
    assert!(error.contains("query 0 has too few items") && error.contains("got:      3"), "{error}");
}
