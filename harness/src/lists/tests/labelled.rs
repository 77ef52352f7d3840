//! Scores of labelled pairs, from lists of the items of each asker.

use super::*;
use crate::split::Samples;

/// Three impressions, the second with an item twice, and an AUC that is known by hand.
fn ranker() -> Ranker {
    let mut samples = Samples::default();
    samples.push(7, &[], &[(3, true), (4, false)]);
    samples.push(2, &[5, 5, 1], &[(3, true), (4, false), (3, true)]);
    samples.push(7, &[3], &[(0, false)]);
    let queries = Queries::of_samples(samples.range(0..6), 6, HeldOut::Test);
    let metrics = ["auc", "logloss"].map(|metric| metric.parse().unwrap()).into();
    Ranker::new(&Protocol::new(Candidates::Labelled, metrics).unwrap(), queries).unwrap()
}

fn judged(file: &str) -> Result<JudgedLists> {
    let ranker = ranker();
    let test = ListTest { ranker: &ranker, askers: ids("", 3) };
    judge_lists(
        &[test],
        &IdTable::new(ids("i", 6)),
        Digest::of(b"split"),
        Cursor::new(file.to_string()),
        Path::new("x"),
    )
}

const ALL: &str = "impression,item,score\n2,i0,1e300\n0,i4,0.5\n0,i3,0.25\n1,i3,2\n1,i4,-1\n";

#[test]
fn every_pair_has_the_score_of_its_item() {
    let found = judged(ALL).unwrap();
    // Positives .25, 2, 2; negatives .5, −1, 1e300: .25 wins against one of three, each 2 against two.
    let values: Vec<f64> = found.evaluations[0].values.values().copied().collect();
    assert_eq!((found.evaluations[0].pairs, values[0], found.lists), (6, 5.0 / 9.0, 3));
    assert_eq!(values[1], 1e300 / 6.0, "in f64, where f32 would be infinite");
}

#[test]
fn what_cannot_be_scored_is_refused() {
    let told = |file: &str| judged(file).unwrap_err().to_string();
    let cases = [
        (ALL.replace("0,i4,0.5\n", ""), "a list lacks an item of a labelled pair (impression `0`)"),
        (ALL.replace("2,i0,1e300\n", ""), "1 of 3 queries have no list"),
        (ALL.replace("2,i0,", "2,i5,"), "an item is none of the query's candidates (impression `2`)"),
        (ALL.replace("1,i4,-1\n", "1,i4,-1\n1,i3,2\n"), "an item is twice in a list"),
        (ALL.replace("1e300", "1e400"), "cannot be ranked"),
    ];
    for (file, expected) in cases {
        assert!(told(&file).contains(expected), "{expected}\n{}", told(&file));
    }
    let order = told("impression,item\n0,i4\n0,i3\n1,i3\n1,i4\n2,i0\n");
    assert!(order.contains("labelled pairs are scored, and these lists have no scores"), "{order}");
}
