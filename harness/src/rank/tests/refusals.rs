//! What cannot be ranked.

use super::*;
use crate::error::Kind;

#[test]
fn what_cannot_be_ranked_is_refused() {
    let refused_in = |protocol: &Protocol, split: &Split, part| {
        Ranker::new(protocol, Queries::of_users(split, part)).err().unwrap().to_string()
    };
    let refused = |protocol: &Protocol, split: &Split| refused_in(protocol, split, HeldOut::Test);
    let two = split(2, 9, &[(0, 0)], &[], &[(1, 1), (1, 2)]);
    assert!(refused(&sampled(3, &["mrr@2"]), &two).contains("2 for user number 1 of the split"));
    assert!(refused(&full(&["loo-mrr@2"]), &two).contains("metric `loo-mrr@2` needs one held-out item"));
    assert!(refused(&full(&["hr@10"]), &two).contains("9 for user number 1 of"));
    let one = split(2, 9, &[(0, 0), (1, 4)], &[], &[(1, 1)]);
    assert!(
        refused(&sampled(8, &["mrr@2"]), &one)
            .contains("user number 1 of the split (from 0, not an id of the file) has too few items left")
    );
    assert!(refused(&sampled(7, &["mrr@9"]), &one).contains("8 for user number 1"));
    let table = Table { n_items: 9, scores: vec![0.0; 18] };
    test(&sampled(7, &["mrr@8"]), &one, &table);
    assert!(refused(&full(&["ap"]), &split(2, 9, &[(0, 0)], &[], &[])).contains("no query of the test has a target"));
    assert!(refused_in(&full(&["ap"]), &one, HeldOut::Valid).contains("no query of the validation has a target"));
    let twice = split(1, 9, &[(0, 5)], &[], &[(0, 5)]);
    for protocol in [full(&["ap"]), sampled(3, &["hr@1"])] {
        assert!(refused(&protocol, &twice).contains("item number 5 of user number 0 of the split"));
    }
    let ranker = ranker(&full(&["ap"]), &one, HeldOut::Test);
    let small = Table { n_items: 8, scores: vec![0.0; 16] };
    assert_eq!(ranker.evaluate(&small).unwrap_err().kind(), Kind::Internal);
}

#[test]
fn scores_that_are_not_finite_are_named() {
    let split = random_split(30, 900, 2, 1);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut factors = Factors::new(30, 900, 4, true, 100.0);
        factors.bias.as_mut().unwrap()[777] = bad;
        let error = ranker(&full(&["ap"]), &split, HeldOut::Test).evaluate(&factors).unwrap_err();
        assert_eq!(error.kind(), Kind::Diverged);
        assert!(error.to_string().starts_with("the score of item 777 for query 0 "), "{error}");
        let table = factors.table();
        assert_eq!(Index::new(&table).top_k(3, &[], 5).unwrap_err().kind(), Kind::Diverged);
        let ranker = ranker(&sampled(890, &["hr@1"]), &split, HeldOut::Test);
        assert_eq!(ranker.evaluate(&table).unwrap_err(), {
            let item_of = |query: u32| split.test.of(query) == [777] || ranker.negatives(query).unwrap().contains(&777);
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
    let ranker = ranker(&full(&["ap"]), &split(1, 9, &[], &[], &[(0, 4)]), HeldOut::Test);
    assert!(ranker.evaluate(&liar).unwrap_err().to_string().contains("item 4 two scores"));
}
