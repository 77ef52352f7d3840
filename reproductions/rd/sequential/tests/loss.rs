//! The term, and the loss of a batch with it, against the reference vectors and by hand.

use serde_json::Value;

use super::*;
use crate::golden::{assert_near, case, floats};
use crate::kit::parse;
use crate::models::sequence::BatchLoss;

pub(super) fn weighting(text: &str) -> Weighting<RankSamples> {
    parse(text).unwrap()
}

pub(super) fn hybrid(estimate: &str, normalised: bool, samples: &str) -> String {
    format!(
        "{{ hybrid = {{ position_lambda = 1, normalised = {normalised}, start_epoch = 2, \
         discrepancy = {{ mu = 0.1, samples.{samples}, rank_estimate = \"{estimate}\" }} }} }}"
    )
}

fn rows(value: &Value) -> Vec<Vec<f32>> {
    value.as_array().unwrap().iter().map(floats).collect()
}

/// A term without lists, for users without training items.
fn term<'a>(weighting: &'a Weighting<RankSamples>, way: &str, seen: &'a UserItems, k: usize) -> WindowListTerm<'a> {
    let (combination, fixed) = (parse(way).unwrap(), weighting.fixed(k));
    WindowListTerm { lists: Vec::new(), k, combination, weighting, fixed, seen, n_items: 20, epoch: 0 }
}

/// What training makes of a vector's scores: the loss of the batch, and its gradients by positives, negatives
/// and lists.
fn of_batch(term: &WindowListTerm<'_>, inputs: &Value) -> (f64, [Vec<f32>; 3]) {
    let [positives, negatives, lists] = ["pos", "neg", "cand_teacher_order"].map(|key| rows(&inputs[key]));
    let [listed, sampled] = term.columns();
    let samples = if sampled == 0 { vec![Vec::new(); lists.len()] } else { rows(&inputs["sample_scores"]) };
    let windows: Vec<Window> = (0..lists.len() as u32).map(|user| Window { user, place: 5 }).collect();
    let of_one = [positives[0].len(), negatives[0].len(), listed];
    let loss = BatchLoss::new(&windows, of_one[0], of_one[1], Some(term));
    let (mut total, mut gradients) = (0.0, [const { Vec::new() }; 3]);
    for k in 0..windows.len() {
        let scores = [&positives[k][..], &negatives[k], &lists[k], &samples[k]].concat();
        let mut gradient = vec![f32::NAN; of_one.iter().sum()];
        total += loss.of(k, &scores, &mut gradient);
        let mut left = &gradient[..];
        for (all, n) in gradients.iter_mut().zip(of_one) {
            all.extend_from_slice(&left[..n]);
            left = &left[n..];
        }
    }
    (total, gradients)
}

#[test]
fn a_batch_has_the_loss_and_gradients_of_the_vectors_in_both_phases_and_combinations() {
    let [fixed, hybrid_phase] =
        ["static", "hybrid"].map(|phase| case("rd.json", &format!("rd_total_loss_{phase}_phase")));
    let (inputs, in_hybrid, fixed) = (&hybrid_phase["inputs"], &hybrid_phase["expected"], &fixed["expected"]);
    let number = |value: &Value| value.as_f64().unwrap();
    let ranking = number(&fixed["ranking_loss_mean"]);
    let seen = UserItems::from_pairs(2, &[]);
    let ways = [("{ added = 1 }", [1.0, 1.0]), ("{ mixed = 0.5 }", [0.5, 0.5]), ("{ mixed = 0.3 }", [0.7, 0.3])];
    for (normalised, (way, [of_ranking, of_list])) in [false, true].into_iter().flat_map(|n| ways.map(|way| (n, way))) {
        let weighting = weighting(&hybrid("code", normalised, "with-replacement = 5"));
        let mut term = term(&weighting, way, &seen, 3);
        for epoch in [0, 1, 2, 40] {
            let what = format!("{way}, normalised: {normalised}, epoch {epoch}");
            term.epoch = epoch;
            assert_eq!(term.columns(), [3, if epoch < 2 { 0 } else { 5 }]);
            let (total, gradients) = of_batch(&term, inputs);
            // The vectors are of `added = 1`, and one of the mix.
            let (added, mut list) = match (epoch < 2, normalised) {
                (true, _) => (&fixed["total"], floats(&fixed["grad_cand"])),
                (false, false) => {
                    (&in_hybrid["total_code_not_normalised"], floats(&in_hybrid["grad_cand_code_not_normalised"]))
                }
                (false, true) => {
                    (&in_hybrid["total_code_normalised"], floats(&in_hybrid["grad_cand_code_not_normalised"]))
                }
            };
            if epoch >= 2 && normalised {
                // Gradients are as the weights.
                let weights = ["hybrid_normalised", "hybrid_not_normalised"].map(|key| floats(&in_hybrid[key]));
                list.iter_mut().zip(weights[0].iter().zip(&weights[1])).for_each(|(g, (a, b))| *g *= a / b);
                if way == "{ mixed = 0.5 }" {
                    assert!((total - number(&in_hybrid["total_paper_mix_normalised"])).abs() < 1e-6, "{what}: {total}");
                }
            }
            let want = of_ranking * ranking + of_list * (number(added) - ranking);
            assert!((total - want).abs() < 1e-6, "{what}: {total} {want}");
            let want =
                [(floats(&fixed["grad_pos"]), of_ranking), (floats(&fixed["grad_neg"]), of_ranking), (list, of_list)];
            for (got, (want, factor)) in gradients.iter().zip(want) {
                let want: Vec<f32> = want.into_iter().map(|want| factor as f32 * want).collect();
                assert_near(got, &want, 1e-6, &what);
            }
        }
    }
}

#[test]
fn extreme_scores_stay_finite() {
    let case = case("rd.json", "rd_loss_extreme_scores_must_be_finite");
    let (seen, uniform) = (UserItems::from_pairs(1, &[]), weighting("\"uniform\""));
    let mut term = term(&uniform, "{ added = 1 }", &seen, 2);
    term.fixed = floats(&case["inputs"]["weights"]);
    let (total, gradients) = of_batch(&term, &case["inputs"]);
    let want = case["expected"]["total"].as_f64().unwrap();
    // Weights of the vector are f32 here: 0.7 times 150 keeps seven digits.
    assert!((total - want).abs() < 1e-7 * want, "{total} {want}");
    assert!(gradients.iter().flatten().all(|g| g.is_finite()));
}

/// By hand: one of five samples is above the list's second item. User 0 has none of 20 items, and the estimate is
/// ⌊1 · 19/5⌋ + 1 = 4, two places behind; user 1 has nine, ⌊1 · 10/5⌋ + 1 = 3, one place behind.
#[test]
fn the_papers_rank_estimate_counts_only_what_the_user_does_not_have() {
    let seen = UserItems::from_pairs(2, &(0..9).map(|item| (1, 2 * item)).collect::<Vec<_>>());
    let paper = "{ discrepancy = { mu = 0.1, samples.without-replacement = 5, rank_estimate = \"paper\" } }";
    let weighting = weighting(paper);
    let term = term(&weighting, "{ added = 1 }", &seen, 2);
    for (user, weight) in [(0, 0.1973753), (1, 0.0996680)] {
        let mut gradient = [f32::NAN; 2];
        let scores: [&[f32]; 2] = [&[1.0, 0.0], &[0.5, -0.1, -0.3, -1.0, -1.5]];
        let loss = term.loss(Window { user, place: 9 }, 1.0, scores, &mut gradient);
        // At a score of 0, ln(1 + e^−ŷ) is ln 2 and its slope −1/2.
        assert!((loss - weight * std::f64::consts::LN_2).abs() < 1e-6, "user {user}: {loss}");
        assert!(
            (f64::from(gradient[1]) + weight / 2.0).abs() < 1e-6 && gradient[0] == 0.0,
            "user {user}: {gradient:?}"
        );
    }
}
