//! Labelled pairs scored by themselves.

use std::collections::BTreeMap;

use super::*;
use crate::metrics::{Candidates, Metric, Protocol};
use crate::queries::{LabelledPair, Queries};
use crate::rank::{Ranker, pointwise};
use crate::split::{HeldOut, Samples};

/// `n` pairs of nine askers and forty items, two positives to a negative.
fn pairs(n: u32) -> Vec<LabelledPair> {
    (0..n).map(|i| LabelledPair { asker: i / 3 % 9, item: i * 7 % 40, label: i % 3 != 0 }).collect()
}

#[test]
fn values_are_those_of_the_scores_in_any_pool() {
    let factors = Factors::new(9, 40, 3, true, 2.0);
    let (table, pairs) = (factors.table(), pairs(10_000));
    let metrics = metrics(&["logloss", "auc", "auc-by-row"]);
    let scores: Vec<f32> = pairs.iter().map(|p| table.scores[p.asker as usize * 40 + p.item as usize]).collect();
    let labels: Vec<bool> = pairs.iter().map(|p| p.label).collect();
    let got = pointwise::evaluate(&table, &pairs, &metrics).unwrap();
    assert_eq!((got.pairs, got.asked(), got.queries.len()), (10_000, 10_000, 0));
    for metric in &metrics {
        assert_eq!(got.values[metric].to_bits(), metric.value_of_scores(&scores, &labels).unwrap().to_bits());
    }
    let tied = pointwise::evaluate(&Table { n_items: 40, scores: vec![0.5; 9 * 40] }, &pairs, &metrics).unwrap();
    let values = |of: &BTreeMap<Metric, f64>| of.values().copied().collect::<Vec<_>>();
    assert_eq!((values(&tied.values)[0], values(&tied.pessimistic)[0]), (0.5, 0.0), "ties count half, or nothing");
    assert_eq!(values(&tied.values)[2], values(&tied.pessimistic)[2], "a loss has no ties");
    assert_eq!(on_threads(3, || pointwise::evaluate(&table, &pairs, &metrics)).unwrap(), got);
}

#[test]
fn a_score_that_is_not_finite_is_named() {
    let mut table = Factors::new(9, 40, 3, false, 2.0).table();
    table.scores[2 * 40 + 9] = f32::NAN;
    let mut pairs = pairs(30);
    pairs[17] = LabelledPair { asker: 2, item: 9, label: true };
    let error = pointwise::evaluate(&table, &pairs, &metrics(&["auc"])).unwrap_err().to_string();
    assert!(error.contains("the score of item 9 for query 2"), "{error}");
}

#[test]
fn one_label_alone_has_no_auc() {
    let table = Factors::new(9, 40, 3, false, 2.0).table();
    let pairs: Vec<_> = pairs(30).into_iter().filter(|pair| pair.label).collect();
    let error = pointwise::evaluate(&table, &pairs, &metrics(&["logloss", "auc"])).unwrap_err().to_string();
    assert!(error.contains("20 positive and 0 negative"), "{error}");
    assert!(pointwise::evaluate(&table, &pairs, &metrics(&["logloss"])).is_ok());
}

#[test]
fn a_protocol_of_labelled_pairs_asks_for_them() {
    let mut samples = Samples::default();
    samples.push(0, &[3], &[(1, true), (2, false)]);
    samples.push(1, &[], &[(0, true)]);
    let queries = |range| Queries::of_samples(samples.range(range), 4, HeldOut::Test);
    let protocol = |candidates, names: &[&str]| Protocol::new(candidates, metrics(names)).unwrap();
    let labelled = protocol(Candidates::Labelled, &["auc"]);
    let ranker = Ranker::new(&labelled, queries(0..3)).unwrap();
    // Askers are the two impressions.
    let table = Table { n_items: 4, scores: vec![0.0, 0.4, 0.9, 0.0, 1.0, 0.0, 0.0, 0.0] };
    assert_eq!(ranker.evaluate(&table).unwrap().values.into_values().collect::<Vec<_>>(), [0.5]);
    let refused = |protocol: &Protocol, range| Ranker::new(protocol, queries(range)).err().unwrap().to_string();
    assert!(refused(&labelled, 1..2).contains("0 positives and 1 negatives"));
    assert!(refused(&protocol(Candidates::All, &["mrr@1"]), 0..3).contains("candidates = \"labelled\""));
    let no_pairs = Queries::of_sub_sequences([&[1u32, 2][..]].into_iter(), 4, HeldOut::Test);
    let error = Ranker::new(&labelled, no_pairs).err().unwrap().to_string();
    assert!(error.contains("does not evaluate what the test asks") && error.contains("targets"), "{error}");
}
