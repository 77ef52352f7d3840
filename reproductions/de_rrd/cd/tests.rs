//! Labels and gradients against the reference vectors, draws against exact probabilities.

use super::*;
use crate::golden::{assert_near, cases, doubles, floats};
use crate::models::bpr::{FusedBpr, of_tables};

#[test]
fn labels_loss_and_gradients_agree_with_the_vectors() {
    let cases: Vec<_> =
        cases("rrd.json").into_iter().filter(|c| c["name"].as_str().unwrap().starts_with("cd_soft_bce_")).collect();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let softening = Softening { t1: inputs["T1"].as_f64().unwrap(), t2: inputs["T2"].as_f64().unwrap() };
        let labels: Vec<f32> =
            floats(&inputs["teacher_logits"]).into_iter().map(|logit| softening.label(logit)).collect();
        let scores = floats(&inputs["student_logits"]);
        for scale in [1.0, 0.25] {
            let mut gradient = vec![f32::NAN; scores.len()];
            let loss = soft_log_loss(&scores, &labels, scale, &mut gradient);
            assert!((loss - scale * expected["loss_sum"].as_f64().unwrap()).abs() < 1e-6, "{}", case["name"]);
            let want: Vec<f64> = doubles(&expected["grad_student"]).into_iter().map(|want| scale * want).collect();
            assert_near(&gradient, &want, 1e-6, &case["name"]);
        }
        assert_near(&labels, &doubles(&expected["soft_labels"]), 1e-6, &case["name"]);
    }
}

#[test]
fn extreme_scores_stay_finite() {
    let softening = Softening { t1: 1e-3, t2: 0.0 };
    let labels = [-200.0, 0.0, 200.0].map(|logit| softening.label(logit));
    assert_eq!(labels, [0.0, 0.5, 1.0]);
    let mut gradient = [f32::NAN; 3];
    // Right and far, wrong and far, wrong and far.
    let loss = soft_log_loss(&[-200.0, 200.0, -200.0], &labels, 1.0, &mut gradient);
    assert!((loss - 300.0).abs() < 1e-4 && gradient == [0.0, 0.5, -1.0], "{loss} {gradient:?}");
}

/// P(the better of two draws has rank r), by adding up all pairs.
#[test]
fn the_better_of_two_has_its_exact_probabilities() {
    for (n, gamma) in [(1, 0.0), (6, 0.0), (6, 0.05), (7, 3.0)] {
        let weights: Vec<f64> = (0..n).map(|r| (-gamma * r as f64 / n as f64).exp()).collect();
        let mut want = vec![0.0; n];
        for (a, first) in weights.iter().enumerate() {
            for (b, second) in weights.iter().enumerate() {
                want[a.min(b)] += first * second;
            }
        }
        for (r, (got, want)) in better_of_two(n, gamma).iter().zip(want).enumerate() {
            assert!((got.exp() - want).abs() < 1e-12 * want.max(1.0), "n {n}, γ {gamma}, rank {r}: {got} {want}");
        }
    }
    // A huge γ leaves no weight to any but the first, and no NaN.
    assert!(better_of_two(100, 1e6).iter().all(|w| w.is_finite()));
}

/// Exact probabilities of pairs drawn one after the other without replacement.
#[test]
fn distinct_ranks_come_with_their_exact_probabilities() {
    for log_weights in [better_of_two(5, 0.05), exponential(5, 4.0)] {
        let weights: Vec<f64> = log_weights.iter().map(|w| w.exp()).collect();
        let total: f64 = weights.iter().sum();
        let mut counts = std::collections::BTreeMap::new();
        let mut stream = Stream::new(0, "cd-test", "pairs", 0);
        let n = 100_000;
        for _ in 0..n {
            *counts.entry(distinct_ranks(&mut stream, &log_weights, 2)).or_insert(0u32) += 1;
        }
        let mut seen = 0;
        for a in 0..5 {
            for b in a + 1..5 {
                let one_way = |x: f64, y: f64| x / total * y / (total - x);
                let want = one_way(weights[a], weights[b]) + one_way(weights[b], weights[a]);
                let count = counts.get(&vec![a as u32, b as u32]).copied().unwrap_or(0);
                let got = f64::from(count) / f64::from(n);
                // Four standard errors.
                assert!((got - want).abs() < 4.0 * (want / f64::from(n)).sqrt(), "{a} {b}: {got} {want}");
                seen += count;
            }
        }
        assert_eq!(seen, n, "every draw is a pair, ascending");
    }
}

/// The re-implementations' loop: better-of-two draws until there are enough distinct ones.
#[test]
fn the_race_draws_as_rejection_does() {
    let (n, count, runs) = (8u32, 3, 60_000);
    let log_weights = better_of_two(n as usize, 0.0);
    let (mut race, mut rejection) = (vec![0u32; n as usize], vec![0u32; n as usize]);
    let mut stream = Stream::new(0, "cd-test", "race", 0);
    for _ in 0..runs {
        for rank in distinct_ranks(&mut stream, &log_weights, count) {
            race[rank as usize] += 1;
        }
        let mut kept = std::collections::BTreeSet::new();
        while kept.len() < count {
            kept.insert(stream.below(n).min(stream.below(n)));
        }
        kept.into_iter().for_each(|rank| rejection[rank as usize] += 1);
    }
    for (a, b) in race.iter().zip(&rejection) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        assert!((a - b).abs() < 4.0 * (a + b).sqrt(), "{race:?} {rejection:?}");
    }
}

#[test]
fn all_ranks_or_only_the_best() {
    let mut stream = Stream::new(0, "cd-test", "all", 0);
    assert_eq!(distinct_ranks(&mut stream, &exponential(4, 1.0), 4), [0, 1, 2, 3]);
    assert_eq!(distinct_ranks(&mut stream, &exponential(50, 1e6), 3), [0, 1, 2]);
}

#[test]
fn the_term_sums_over_the_users_of_the_batch() {
    let [users, items] =
        [("user", 3), ("item", 6)].map(|(name, rows)| Stream::new(0, "cd-test", name, 0).normals(rows * 4, 0.8));
    let (ids, labels) = (vec![5, 0, 1, 2, 3, 4], vec![0.9, 0.2, 0.5, 0.7, 0.1, 0.6]);
    let want: f64 = [2usize, 0]
        .iter()
        .flat_map(|&user| (0..2).map(move |k| (user, user * 2 + k)))
        .map(|(user, k)| {
            let item = ids[k] as usize;
            let z: f64 = (0..4).map(|j| f64::from(users[user * 4 + j]) * f64::from(items[item * 4 + j])).sum();
            let q = f64::from(labels[k]);
            0.3 * (q * (-z).exp().ln_1p() + (1.0 - q) * z.exp().ln_1p())
        })
        .sum();
    let mut term = SoftLabels::new(2, ids.clone(), labels.clone(), 0.3);
    let mut model = FusedBpr::new(of_tables(4, users.clone(), items.clone())).unwrap();
    model.forward_backward(&[[0, 0, 0]]).unwrap();
    let batch = Batch { triples: &[], users: &[2, 0], positives: &[], negatives: &[] };
    let got = term.add(&batch, &mut model).unwrap();
    assert!((got - want).abs() < 1e-6, "{got} {want}");
}
