//! Labelled pairs scored by themselves.

use super::*;

/// `n` pairs of nine queries and forty items, two positives to a negative.
fn pairs(n: u32) -> Vec<LabelledPair> {
    (0..n).map(|i| LabelledPair { query: i / 3 % 9, item: i * 7 % 40, label: i % 3 != 0 }).collect()
}

#[test]
fn values_are_those_of_the_scores_in_any_pool() {
    let factors = Factors::new(9, 40, 3, true, 2.0);
    let (table, pairs) = (factors.table(), pairs(10_000));
    let metrics = metrics(&["logloss", "auc"]);
    let scores: Vec<f32> = pairs.iter().map(|p| table.scores[p.query as usize * 40 + p.item as usize]).collect();
    let labels: Vec<bool> = pairs.iter().map(|p| p.label).collect();
    let got = PointwiseEvaluation::new(&table, &pairs, &metrics).unwrap();
    assert_eq!((got.pairs, got.positives), (10_000, 6_666));
    for metric in &metrics {
        assert_eq!(got.values[metric].to_bits(), metric.value_of_scores(&scores, &labels).unwrap().to_bits());
    }
    assert_eq!(on_threads(3, || PointwiseEvaluation::new(&table, &pairs, &metrics)).unwrap(), got);
}

#[test]
fn a_score_that_is_not_finite_is_named() {
    let mut table = Factors::new(9, 40, 3, false, 2.0).table();
    table.scores[2 * 40 + 9] = f32::NAN;
    let mut pairs = pairs(30);
    pairs[17] = LabelledPair { query: 2, item: 9, label: true };
    let error = PointwiseEvaluation::new(&table, &pairs, &metrics(&["auc"])).unwrap_err().to_string();
    assert!(error.contains("the score of item 9 for query 2"), "{error}");
}

#[test]
fn one_label_alone_has_no_auc() {
    let table = Factors::new(9, 40, 3, false, 2.0).table();
    let pairs: Vec<_> = pairs(30).into_iter().filter(|pair| pair.label).collect();
    let error = PointwiseEvaluation::new(&table, &pairs, &metrics(&["logloss", "auc"])).unwrap_err().to_string();
    assert!(error.contains("20 positive and 0 negative"), "{error}");
    assert!(PointwiseEvaluation::new(&table, &pairs, &metrics(&["logloss"])).is_ok());
}
