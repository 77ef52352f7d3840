//! The rules against the reference vectors and by hand.

use harness::rank::Index;
use serde_json::Value;

use super::list::ListCandidates;
use crate::golden::{self, assert_near, floats, ids};
use crate::kit::parse;
use crate::models::losses::exemplary::{Combination, exemplary};
use crate::models::losses::list_weights::{RankEstimate, discrepancy, hybrid, position, uniform};
use crate::models::pop::ItemScores;

fn case(name: &str) -> Value {
    golden::case("rd.json", name)
}

/// (name, inputs, expected) of the cases whose names begin so.
fn cases(prefix: &str) -> Vec<(String, Value, Value)> {
    let name = |c: &Value| c["name"].as_str().unwrap().to_string();
    let found = golden::cases("rd.json").into_iter().filter(|c| name(c).starts_with(prefix));
    found.map(|c| (name(&c), c["inputs"].clone(), c["expected"].clone())).collect()
}

fn rows(value: &Value) -> Vec<Vec<f32>> {
    value.as_array().unwrap().iter().map(floats).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn near(got: &[f32], want: &[f32], what: &str) {
    assert_near(got, want, 1e-6, what);
}

#[test]
fn position_weights_agree_with_the_vectors() {
    let cases = cases("position_weight_");
    assert_eq!(cases.len(), 3);
    for (name, inputs, expected) in cases {
        let got = position(inputs["K"].as_u64().unwrap() as usize, number(&inputs["lambda"]));
        near(&got, &floats(&expected["w_a"]), &name);
    }
}

#[test]
fn extreme_sharpness_leaves_one_item_or_makes_all_equal() {
    near(&position(4, 1e-4), &[1.0, 0.0, 0.0, 0.0], "sharp");
    near(&position(4, 1e12), &uniform(4), "flat");
    near(&uniform(4), &[0.25; 4], "uniform");
}

/// w^b, w^a w^b and the normalised w^a w^b.
fn weights(inputs: &Value, estimate: RankEstimate) -> [Vec<f32>; 3] {
    let list = floats(&inputs["candidate_scores_in_teacher_order"]);
    let samples = floats(&inputs["sample_scores"]);
    let items = inputs["num_real_items"].as_u64().unwrap() as usize;
    let mut discrepant = vec![f32::NAN; list.len()];
    discrepancy(estimate, number(&inputs["mu"]), items, &list, &samples, &mut discrepant);
    let position = position(list.len(), number(&inputs["lambda"]));
    let [plain, normalised] = [false, true].map(|normalised| {
        let mut weights = discrepant.clone();
        hybrid(&position, &mut weights, normalised);
        weights
    });
    [discrepant, plain, normalised]
}

#[test]
fn discrepancy_and_hybrid_weights_agree_with_the_vectors_in_both_forms() {
    let cases = cases("discrepancy_and_hybrid_weights_");
    assert_eq!(cases.len(), 3);
    for (name, inputs, expected) in cases {
        let above = ids(&expected["count_greater"]);
        let items = inputs["num_real_items"].as_u64().unwrap() as usize;
        for (estimate, key) in
            [(RankEstimate::Code, "code_estimated_rank"), (RankEstimate::Paper, "paper_estimated_rank_1based")]
        {
            let ranks: Vec<f32> = above.iter().map(|&n| estimate.rank(n as usize, 5, items) as f32).collect();
            assert_eq!(ranks, floats(&expected[key]), "{name}: {key}");
        }
        let [discrepant, plain, normalised] = weights(&inputs, RankEstimate::Code);
        near(&discrepant, &floats(&expected["code_w_b"]), &name);
        near(&plain, &floats(&expected["code_hybrid_not_normalised"]), &name);
        near(&normalised, &floats(&expected["code_hybrid_l1_normalised_option"]), &name);
        let [discrepant, _, normalised] = weights(&inputs, RankEstimate::Paper);
        near(&discrepant, &floats(&expected["paper_w_b"]), &name);
        near(&normalised, &floats(&expected["paper_hybrid_normalised"]), &name);
    }
}

#[test]
fn a_list_that_nothing_beats_has_no_weight_and_no_nan() {
    let inputs = &case("hybrid_all_zero_row")["inputs"];
    for estimate in [RankEstimate::Code, RankEstimate::Paper] {
        for weights in weights(inputs, estimate) {
            assert_eq!(weights, [0.0; 3]);
        }
    }
}

#[test]
fn a_sample_of_the_same_score_is_not_above() {
    let mut weights = [f32::NAN];
    discrepancy(RankEstimate::Code, 1.0, 10, &[0.5], &[0.5, 0.5], &mut weights);
    assert_eq!(weights, [0.0]);
}

fn near_rows(got: &[Vec<f32>], want: &Value, what: &str) {
    near(&got.concat(), &rows(want).concat(), what);
}

#[test]
fn the_hybrid_phase_has_its_weights_in_both_forms() {
    let case = case("rd_total_loss_hybrid_phase");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let (lists, samples) = (rows(&inputs["cand_teacher_order"]), rows(&inputs["sample_scores"]));
    let position = position(3, number(&inputs["lambda"]));
    let discrepant: Vec<Vec<f32>> = lists
        .iter()
        .zip(&samples)
        .map(|(list, samples)| {
            let mut weights = vec![f32::NAN; list.len()];
            discrepancy(RankEstimate::Code, number(&inputs["mu"]), 20, list, samples, &mut weights);
            weights
        })
        .collect();
    near_rows(&discrepant, &expected["w_b"], "w_b");
    let [plain, normalised] = [false, true].map(|normalised| {
        let mut weights = discrepant.clone();
        weights.iter_mut().for_each(|weights| hybrid(&position, weights, normalised));
        weights
    });
    near_rows(&plain, &expected["hybrid_not_normalised"], "hybrid");
    near_rows(&normalised, &expected["hybrid_normalised"], "normalised hybrid");
}

#[test]
fn both_combinations_are_the_same_up_to_a_factor() {
    let (alpha, added) = (0.4, 0.4 / 0.6);
    let factors = |text: String| parse::<Combination>(&text).unwrap().factors();
    let ((a, b), (c, d)) = (factors(format!("{{ mixed = {alpha} }}")), factors(format!("{{ added = {added} }}")));
    assert!((a / c - b / d).abs() < 1e-12);
}

#[test]
fn the_gradient_of_a_list_is_the_slope_of_its_loss() {
    let (scores, weights) = ([0.7f32, -1.2, 0.0, 3.5], [0.4f32, 0.3, 0.0, 0.2]);
    let scale = 0.7;
    let loss = |scores: &[f64]| -> f64 {
        scores.iter().zip(&weights).map(|(s, w)| scale * f64::from(*w) * (-s).exp().ln_1p()).sum()
    };
    let at: Vec<f64> = scores.iter().map(|&s| f64::from(s)).collect();
    let mut gradient = weights;
    assert!((exemplary(&scores, scale, &mut gradient) - loss(&at)).abs() < 1e-7);
    for k in 0..4 {
        let step = |h: f64| {
            let mut moved = at.clone();
            moved[k] += h;
            loss(&moved)
        };
        let slope = (step(1e-5) - step(-1e-5)) / 2e-5;
        assert!((f64::from(gradient[k]) - slope).abs() < 1e-7, "{k}: {} {slope}", gradient[k]);
    }
}

#[test]
fn the_exemplary_list_by_the_rule_of_the_code_and_of_the_paper() {
    let case = case("teacher_exemplary_list");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let teacher = ItemScores(floats(&inputs["teacher_scores_index0_is_padding"]));
    let target = inputs["target"].as_u64().unwrap() as u32;
    let observed = ids(&inputs["user_train_items"]);
    for (candidates, key) in [
        (ListCandidates::AllButTargets, "code_rule_drop_only_target_pad_allowed"),
        (ListCandidates::Unobserved, "paper_rule_unobserved_only_pad_excluded"),
    ] {
        let excluded = candidates.excluded(&[target], &observed);
        let k = inputs["K"].as_u64().unwrap() as usize;
        let list: Vec<u32> =
            Index::new(&teacher).top_k(0, &excluded, k).unwrap().into_iter().map(|ranked| ranked.item).collect();
        assert_eq!(list, ids(&expected[key]), "{key}");
    }
    assert_eq!(ListCandidates::AllButTargets.excluded(&[5, 2, 5], &[9]), [2, 5]);
    assert_eq!(ListCandidates::Unobserved.excluded(&[5], &[9, 5]), [crate::models::sequence::PADDING, 5, 9]);
}
