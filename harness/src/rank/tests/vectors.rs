//! Metrics and lists of the reference vectors.

use serde_json::Value;

use super::*;
use crate::golden::{case, floats, ids};

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
