//! The relaxed ranking loss (DE-RRD §4.2; DCD and IR-RRD use it too).
//!
//! K interesting partners in the teacher's order with student scores S1, and others with scores S2:
//!
//! ```text
//! ℓ = Σ_k (c_k − S1_k),   c_k = ln( Σ_{i ≥ k} e^S1_i + Σ_l e^S2_l )
//! ∂ℓ/∂S1_j = −1 + Σ_{k ≤ j} e^(S1_j − c_k),   ∂ℓ/∂S2_l = Σ_k e^(S2_l − c_k)
//! ```
//!
//! The order among the others does not matter. The authors' code takes raw exponentials, which
//! overflow for scores above 88; this does not.

use harness::simd;

/// Below this share of the largest exponential, a sum of f32 exponentials is no longer exact to rounding.
const SMALL: f64 = 1e-20;

/// The loss at `scores` (S1, the first `interesting`, then S2), times `weight`; writes `weight` times
/// its gradient.
///
/// # Panics
/// If there are fewer scores than `interesting`, or another number of slots for the gradient.
pub fn relaxed(scores: &[f32], interesting: usize, weight: f64, gradient: &mut [f32]) -> f64 {
    assert!(interesting <= scores.len() && scores.len() == gradient.len(), "S1, then S2");
    let Some(max) = scores.iter().copied().reduce(f32::max) else { return 0.0 };
    simd::exp_minus(scores, max, gradient);
    // Suffix sums of the exponentials: e^(c_k − max), from the last interesting partner to the first.
    let mut sum: f64 = gradient[interesting..].iter().map(|&e| f64::from(e)).sum();
    let mut inverses = vec![0.0; interesting];
    let (mut product, mut logs) = (1.0f64, 0.0);
    for (k, inverse) in inverses.iter_mut().enumerate().rev() {
        sum += f64::from(gradient[k]);
        if sum < SMALL {
            return careful(scores, interesting, weight, gradient);
        }
        *inverse = 1.0 / sum;
        product *= sum;
        // One logarithm for eight factors, each above SMALL and below the number of scores.
        if k % 8 == 0 {
            logs += libm::log(product);
            product = 1.0;
        }
    }
    let first: f64 = scores[..interesting].iter().map(|&s| f64::from(max) - f64::from(s)).sum();
    let mut inside = 0.0;
    let (s1, s2) = gradient.split_at_mut(interesting);
    for (slot, inverse) in s1.iter_mut().zip(&inverses) {
        inside += inverse;
        *slot = (weight * (f64::from(*slot) * inside - 1.0)) as f32;
    }
    for slot in s2 {
        *slot = (weight * f64::from(*slot) * inside) as f32;
    }
    weight * (logs + first)
}

/// The same by the recurrence c_k = ln(e^S1_k + e^c_{k+1}), for scores that lie far apart.
fn careful(scores: &[f32], interesting: usize, weight: f64, gradient: &mut [f32]) -> f64 {
    let (s1, s2) = scores.split_at(interesting);
    let s = f64::from;
    let max = s2.iter().copied().map(s).fold(f64::NEG_INFINITY, f64::max);
    let mut c = max + libm::log(s2.iter().map(|&x| libm::exp(s(x) - max)).sum());
    if s2.is_empty() {
        c = f64::NEG_INFINITY;
    }
    let mut normalisers = vec![0.0; interesting];
    for (k, normaliser) in normalisers.iter_mut().enumerate().rev() {
        let (low, high) = if s(s1[k]) < c { (s(s1[k]), c) } else { (c, s(s1[k])) };
        c = high + libm::log1p(libm::exp(low - high));
        *normaliser = c;
    }
    let inside = |score: f32, last: usize| -> f64 { normalisers[..last].iter().map(|c| libm::exp(s(score) - c)).sum() };
    for (j, slot) in gradient.iter_mut().enumerate() {
        *slot = (weight
            * if j < interesting { inside(s1[j], j + 1) - 1.0 } else { inside(s2[j - interesting], interesting) })
            as f32;
    }
    weight * normalisers.iter().zip(s1).map(|(c, &x)| c - s(x)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_near, case, cases, rows};

    type Loss = fn(&[f32], usize, f64, &mut [f32]) -> f64;
    const BOTH: [(&str, Loss); 2] = [("relaxed", relaxed), ("careful", careful)];

    #[test]
    fn agrees_with_the_reference_vectors() {
        let mut seen = 0;
        for case in cases("rrd.json") {
            let inputs = &case["inputs"];
            if inputs["S1_student_scores_of_interesting_in_teacher_order"].is_null() {
                continue;
            }
            let s1 = rows(&inputs["S1_student_scores_of_interesting_in_teacher_order"]);
            let s2 = rows(&inputs["S2_student_scores_of_uninteresting"]);
            let expected = &case["expected"];
            let (g1, g2) = (rows(&expected["grad_S1_of_sum"]), rows(&expected["grad_S2_of_sum"]));
            for (name, loss) in BOTH {
                let mut sum = 0.0;
                for (u, (s1, s2)) in s1.iter().zip(&s2).enumerate() {
                    let scores: Vec<f32> = s1.iter().chain(s2).map(|&s| s as f32).collect();
                    let mut gradient = vec![0.0; scores.len()];
                    let of_user = loss(&scores, s1.len(), 1.0, &mut gradient);
                    let want = expected["loss_per_row"][u].as_f64().unwrap();
                    assert!((of_user - want).abs() < 1e-6, "{name} {}: {of_user} {want}", case["name"]);
                    assert_near(&gradient, &[&g1[u][..], &g2[u]].concat(), 1e-6, format!("{name} {}", case["name"]));
                    sum += of_user;
                    seen += 1;
                }
                assert!((sum - expected["loss_sum"].as_f64().unwrap()).abs() < 1e-6);
            }
        }
        assert!(seen >= 12, "{seen} rows");
    }

    #[test]
    fn zero_scores_give_the_known_constants() {
        let case = case("rrd.json", "all_zero_scores_constants");
        let pairs = rows(&case["inputs"]["K_L_pairs"]);
        for (pair, want) in pairs.iter().zip(case["expected"]["loss_per_row"].as_array().unwrap()) {
            let (k, l) = (pair[0] as usize, pair[1] as usize);
            let loss = relaxed(&vec![0.0; k + l], k, 1.0, &mut vec![0.0; k + l]);
            assert!((loss - want.as_f64().unwrap()).abs() < 1e-6, "{k} {l}: {loss}");
        }
    }

    /// With random scores at several spreads: both forms, gradients that sum to zero, the weight.
    #[test]
    fn both_forms_agree_and_gradients_sum_to_zero() {
        let mut stream = harness::rng::Stream::new(0, "t", "relaxed", 0);
        for (k, l, spread) in [(40, 40, 1.0), (40, 40, 15.0), (7, 0, 3.0), (1, 5, 0.1), (40, 40, 60.0), (3, 2, 300.0)] {
            let scores = stream.normals(k + l, spread);
            let [mut a, mut b] = [vec![0.0; k + l], vec![0.0; k + l]];
            let (x, y) = (relaxed(&scores, k, 0.5, &mut a), careful(&scores, k, 0.5, &mut b));
            assert!((x - y).abs() < 1e-6 * (1.0 + y.abs()), "{k} {l} {spread}: {x} {y}");
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 2e-6 * (1.0 + b.abs()), "{k} {l} {spread}: {a} {b}");
            }
            let sum: f64 = a.iter().map(|&g| f64::from(g)).sum();
            assert!(sum.abs() < 1e-4, "{k} {l} {spread}: gradients sum to {sum}");
        }
        assert_eq!(relaxed(&[], 0, 1.0, &mut []), 0.0);
    }

    #[test]
    fn a_batch_adds_the_weighted_sum_to_the_base_loss() {
        let case = case("rrd.json", "batch_total_base_plus_lambda_rrd");
        let of = |name: &str| case["inputs"][name].as_f64().unwrap();
        let scores = [0.7, 0.2, -0.1, 0.3, -0.6];
        let total = of("base_sum") + relaxed(&scores, 3, of("lambda"), &mut [0.0; 5]);
        assert!((total - case["expected"]["total"].as_f64().unwrap()).abs() < 1e-6);
    }
}
