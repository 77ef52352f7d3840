//! Every case of `dcd.json`.

use serde_json::Value;

use super::*;
use crate::dcd::discrepancy::{Discrepancies, rank};
use crate::dcd::sampling::Sampler;
use crate::golden::{self, assert_near, doubles, floats, ids};
use crate::models::Lists;

fn case(name: &str) -> (Value, Value) {
    let case = golden::case("dcd.json", name);
    (case["inputs"].clone(), case["expected"].clone())
}

fn near(got: &[f64], want: &Value, what: &str) {
    assert_near(got, &doubles(want), 1e-6, what);
}

/// tanh(max(ε·d, 0)), by the letter.
fn errors(differences: &[i16], epsilon: f64, sign: f64) -> Vec<f64> {
    differences.iter().map(|&d| (epsilon * f64::from(d) * sign).max(0.0).tanh()).collect()
}

/// The weights that draws use, as probabilities of the first draw.
fn probabilities(differences: &[i16], epsilon: f64, sign: i16) -> Vec<f64> {
    let sampler = Sampler::new(epsilon, differences.len(), 1);
    let weight = |d: i16| if d.signum() == sign { f64::from(sampler.weight(d)) } else { 0.0 };
    let weights: Vec<f64> = differences.iter().map(|&d| weight(d)).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

#[test]
fn ranks_errors_and_first_draws() {
    let mut seen = 0;
    for case in
        golden::cases("dcd.json").iter().filter(|case| case["name"].as_str().unwrap().starts_with("user_side_errors"))
    {
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let scores = floats(&inputs["student_scores_of_these_items_in_teacher_order"]);
        let epsilon = inputs["epsilon"].as_f64().unwrap();
        let mut differences = vec![0; scores.len()];
        rank(&scores, &mut Vec::new(), &mut differences);
        let ranks: Vec<f64> = (0i16..).zip(&differences).map(|(k, d)| f64::from(k + d)).collect();
        near(&ranks, &expected["student_rank_within_list"], "ranks");
        let name = case["name"].as_str().unwrap();
        for (sign, error, first) in
            [(1, "under_error", "first_draw_prob_under"), (-1, "over_error", "first_draw_prob_over")]
        {
            near(&errors(&differences, epsilon, f64::from(sign)), &expected[error], name);
            if expected[first].is_array() {
                near(&probabilities(&differences, epsilon, sign), &expected[first], name);
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 8);
}

#[test]
fn the_loss_of_one_user() {
    let (inputs, expected) = case("correction_loss_one_user");
    let scores = floats(&inputs["student_scores_in_teacher_order"]);
    let positions =
        [ids(&inputs["sampled_under_positions_sorted_ascending"]), ids(&inputs["sampled_over_positions_any_order"])];
    // A user of one factor, 1, has items' factors as scores.
    let mut student = FusedBpr::new(of_tables(1, vec![1.0], scores)).unwrap();
    let mut list = Lists::new();
    list.push(0, positions.concat());
    let seen = std::sync::Mutex::new([Vec::new(), Vec::new()]);
    let loss = student
        .add_lists(Side::User, list, &|_, scores, gradient| {
            let loss = correction::loss(scores, 1.0, gradient);
            *seen.lock().unwrap() = [scores, gradient].map(|values| values.iter().map(|&x| f64::from(x)).collect());
            loss
        })
        .unwrap();
    let [scores, gradients] = seen.into_inner().unwrap();
    near(&scores[..2], &expected["S1"], "S1");
    near(&scores[2..], &expected["S2"], "S2");
    near(&[loss], &expected["loss_sum"], "loss");
    near(&gradients[..2], &expected["grad_S1"], "gradient of S1");
    near(&gradients[2..], &expected["grad_S2"], "gradient of S2");
}

#[test]
fn one_item_over_users() {
    let (inputs, expected) = case("item_side_one_item_inner_product_model");
    let users = floats(&inputs["user_vectors"]);
    let list = ids(&inputs["teacher_user_list_best_first"]);
    let mut student = FusedBpr::new(of_tables(2, users, floats(&inputs["item_vector"]))).unwrap();
    let mut whole = Lists::new();
    whole.push(0, list.iter().copied());
    let scores: Vec<f64> = student.scores(Side::Item, &whole).unwrap().into_iter().map(f64::from).collect();
    near(&scores, &expected["student_scores_in_teacher_order"], "scores");
    let mut discrepancies = Discrepancies::none(1, 5);
    discrepancies.refresh(Side::Item, &TopLists::new(5, list.clone()), None, &mut student).unwrap();
    let differences = discrepancies.of(0).differences;
    assert_eq!(discrepancies.of(0).counts, [2, 1]);
    let ranks: Vec<f64> = (0i16..).zip(differences).map(|(k, d)| f64::from(k + d)).collect();
    near(&ranks, &expected["student_rank_within_list"], "ranks");
    let epsilon = inputs["epsilon"].as_f64().unwrap();
    near(&errors(differences, epsilon, 1.0), &expected["under_error"], "under");
    near(&errors(differences, epsilon, -1.0), &expected["over_error"], "over");
    let positions = [ids(&inputs["sampled_under_positions"]), ids(&inputs["sampled_over_positions"])].concat();
    let mut drawn = Lists::new();
    drawn.push(0, positions.iter().map(|&k| list[k as usize]));
    let loss = student.add_lists(Side::Item, drawn, &|_, s, g| correction::loss(s, 1.0, g)).unwrap();
    near(&[loss], &expected["loss_sum"], "loss");
}

#[test]
fn the_total_of_a_batch() {
    let (inputs, expected) = case("batch_total");
    let of = |name: &str| inputs[name].as_f64().unwrap();
    // The cases above, with their weights.
    let ucd = correction::loss(&[0.1, -0.3, 0.9, 0.6], of("lambda_ucd"), &mut [0.0; 4]);
    let scores = floats(&case("item_side_one_item_inner_product_model").1["student_scores_in_teacher_order"]);
    let icd = correction::loss(&[scores[0], scores[3]], of("lambda_icd"), &mut [0.0; 2]);
    near(&[of("base_sum") + ucd + icd], &expected["total"], "total");
}

#[test]
fn epochs_of_refresh() {
    let (inputs, expected) = case("refresh_epochs");
    let term = DualCorrection::new(Vec::new(), inputs["period"].as_u64().unwrap() as usize);
    for (epoch, want) in ids(&inputs["epochs"]).into_iter().zip(expected["refresh"].as_array().unwrap()) {
        assert_eq!(Value::Bool(term.refreshes_at(epoch as usize)), *want, "epoch {epoch}");
    }
}
