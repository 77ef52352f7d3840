//! Metrics and lists of the reference vectors.

use serde_json::Value;

use super::*;
use crate::golden::{assert_near, case, doubles, floats, ids};

fn pairs_of(user: usize, items: &Value) -> Vec<(u32, u32)> {
    ids(items).into_iter().map(|item| (user as u32, item)).collect()
}

fn near(got: f64, expected: &Value) {
    assert_near(&[got], &doubles(expected), 1e-6, expected);
}

#[test]
fn golden_full_ranking() {
    let case = case("metrics-topn.json", "full_ranking_metrics_rd");
    let (users, expected) = (case["inputs"]["users"].as_array().unwrap(), &case["expected"]);
    let (mut scores, mut train, mut held_out) = (Vec::new(), Vec::new(), Vec::new());
    for (user, input) in users.iter().enumerate() {
        scores.extend(floats(&input["scores"]));
        train.extend(pairs_of(user, &input["rated"]));
        held_out.extend(pairs_of(user, &input["targets"]));
    }
    let split = split(users.len(), 8, &train, &[], &held_out);
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
    let evaluation = test(&full(&ours), &split, &table);
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
    let table = Table { n_items: 7, scores };
    for (part, prefix) in [(HeldOut::Test, "test"), (HeldOut::Valid, "valid")] {
        let evaluation = ranker(&protocol, &split, part).evaluate(&table).unwrap();
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

/// ADER ranks all items seen so far, those of the input too, for one target a query; its ranks begin at 0.
#[test]
fn golden_session_ranking() {
    let case = case("metrics-session.json", "ader_ranks_full_catalogue");
    let (scores, expected) = (floats(&case["inputs"]["logits"]), &case["expected"]);
    let targets = ids(&case["inputs"]["target_item_id"]);
    let held_out: Vec<(u32, u32)> = (0..).zip(targets.iter().map(|item| item - 1)).collect();
    let split = split(targets.len(), 5, &[], &[], &held_out);
    let metrics = ["recall@1", "mrr@1", "recall@2", "mrr@2", "recall@3", "mrr@3", "recall@5", "mrr@5"];
    let evaluation = test(&full(&metrics), &split, &Table { n_items: 5, scores });
    assert_eq!(evaluation.ranks, ids(&expected["rank0"]).iter().map(|rank| rank + 1).collect::<Vec<_>>());
    for metric in metrics {
        let (name, k) = metric.split_once('@').unwrap();
        near(evaluation.values[&metric.parse().unwrap()], &expected[name][k]);
    }
}

/// AdaRec ranks a target, here item 0, among negatives.
#[test]
fn golden_ranking_among_negatives() {
    let case = case("metrics-session.json", "adarec_sampled_metrics");
    let (scores, expected) = (floats(&case["inputs"]["scores_target_in_column_0"]), &case["expected"]);
    let split = split(3, 4, &[], &[], &[(0, 0), (1, 0), (2, 0)]);
    for k in ["1", "2", "3"] {
        let ids = [("hit", "hr"), ("mrr", "mrr"), ("ndcg", "ndcg")];
        let ids = ids.into_iter().chain([("hit", "loo-hr"), ("mrr", "loo-mrr"), ("ndcg", "loo-ndcg")]);
        let metrics: Vec<(&str, String)> = ids.map(|(name, id)| (name, format!("{id}@{k}"))).collect();
        let names: Vec<&str> = metrics.iter().map(|(_, metric)| &**metric).collect();
        // The three other items are the negatives.
        for protocol in [full(&names), sampled(3, &names)] {
            let evaluation = test(&protocol, &split, &Table { n_items: 4, scores: scores.clone() });
            for (name, metric) in &metrics {
                near(evaluation.values[&metric.parse().unwrap()], &expected[k][name]);
            }
        }
    }
}

/// The area under the curve is the share of pairs in order, and follows from the ranks of the positives.
#[test]
fn golden_area_under_the_curve_from_ranks() {
    let case = case("metrics-session.json", "auc_no_ties");
    let (scores, labels) = (floats(&case["inputs"]["scores"]), ids(&case["inputs"]["labels"]));
    let positives: Vec<(u32, u32)> =
        (0..).zip(&labels).filter(|(_, label)| **label == 1).map(|(k, _)| (0, k)).collect();
    let (n, n_items) = (positives.len() as u32, labels.len());
    let split = split(1, n_items, &[], &[], &positives);
    let ranks = test(&full(&["recall@6"]), &split, &Table { n_items, scores }).ranks;
    let out_of_order = ranks.iter().sum::<u32>() - n * (n + 1) / 2;
    let pairs = n * (n_items as u32 - n);
    near(1.0 - f64::from(out_of_order) / f64::from(pairs), &case["expected"]["auc"]);
}

#[test]
fn golden_session_metrics_and_their_average_over_periods() {
    let from_ranks = case("metrics-session.json", "ader_recall_mrr");
    let ranks = ids(&from_ranks["inputs"]["rank0"]);
    for (metric, name) in
        [("recall@20", "recall20"), ("mrr@20", "mrr20"), ("recall@10", "recall10"), ("mrr@10", "mrr10")]
    {
        let metric: Metric = metric.parse().unwrap();
        let sum: f64 = ranks.iter().map(|rank| metric.value(&[rank + 1], 1)).sum();
        near(sum / ranks.len() as f64, &from_ranks["expected"][name]);
    }
    // Every period counts the same, however many predictions it has.
    let periods = case("metrics-session.json", "ader_period_average");
    let values: Vec<f64> =
        periods["inputs"]["periods"].as_array().unwrap().iter().map(|p| p["recall20"].as_f64().unwrap()).collect();
    near(crate::stats::Summary::of(&values).unwrap().mean, &periods["expected"]["average"]);
}
