//! AUC and LogLoss: metrics of the scores of labelled (query, item) pairs.
//!
//! Both have the same bits on every machine: AUC counts in integers and divides once; LogLoss takes its exponentials and
//! logarithms from `libm` and sums in the order of the pairs, in f64.

use crate::error::{Error, Kind, Result};

/// The share of all pairs of a positive and a negative in which the positive has the higher score, equal scores counting
/// half: the area under the ROC curve whose tied stretches are straight. Takes 8 bytes a pair beside its input.
///
/// The code of ASMG's authors sorts by score and leaves ties in the order of the file: with ties its value depends on that
/// order, and this is its mean over all orders.
pub(super) fn auc(scores: &[f32], labels: &[bool]) -> Result<f64> {
    check(scores, labels)?;
    let mut sorted: Vec<(f32, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut positives, mut negatives, mut twice_won) = (0u64, 0u64, 0u128);
    // −0 and 0, which `total_cmp` tells apart and puts side by side, are equal scores.
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let here = tied.iter().filter(|(_, label)| *label).count() as u64;
        let others = tied.len() as u64 - here;
        twice_won += u128::from(here) * u128::from(2 * negatives + others);
        positives += here;
        negatives += others;
    }
    if positives == 0 || negatives == 0 {
        return Err(Error::new(Kind::Data, "`auc` compares positives with negatives, and one of the two is missing")
            .expected("labelled pairs of both kinds")
            .got(format!("{positives} positive and {negatives} negative")));
    }
    Ok(twice_won as f64 / (2 * u128::from(positives) * u128::from(negatives)) as f64)
}

/// The mean over all pairs of −ln of the probability that the logit gives to the label, as max(z, 0) − z·y + ln(1 + e^−|z|),
/// which neither overflows nor needs clipping.
pub(super) fn logloss(logits: &[f32], labels: &[bool]) -> Result<f64> {
    check(logits, labels)?;
    let loss = |(&logit, &label): (&f32, &bool)| {
        let z = f64::from(logit);
        let wrong = if label { -z } else { z };
        wrong.max(0.0) + libm::log1p(libm::exp(-z.abs()))
    };
    Ok(logits.iter().zip(labels).map(loss).sum::<f64>() / logits.len() as f64)
}

fn check(scores: &[f32], labels: &[bool]) -> Result<()> {
    assert_eq!(scores.len(), labels.len(), "every score has a label");
    if scores.is_empty() {
        return Err(Error::new(Kind::Data, "there is no labelled pair to evaluate")
            .expected("at least one")
            .got("none"));
    }
    match scores.iter().position(|score| !score.is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(Error::new(Kind::Diverged, format!("the score of labelled pair number {at} cannot be evaluated"))
                .expected("a finite number")
                .got(scores[at].to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    fn labels(values: &serde_json::Value) -> Vec<bool> {
        golden::doubles(values).into_iter().map(|label| label == 1.0).collect()
    }

    fn close(got: f64, expected: &serde_json::Value) {
        assert!((got - expected.as_f64().unwrap()).abs() < 1e-6, "{got} {expected}");
    }

    /// tests/golden/metrics-session.json and asmg.json, whose `tie_corrected` counts ties half.
    #[test]
    fn agrees_with_the_reference_vectors() {
        let case = golden::case("metrics-session.json", "auc_no_ties");
        let inputs = &case["inputs"];
        close(auc(&golden::floats(&inputs["scores"]), &labels(&inputs["labels"])).unwrap(), &case["expected"]["auc"]);
        let case = golden::case("asmg.json", "auc_as_coded");
        for (index, inputs) in case["inputs"]["cases"].as_array().unwrap().iter().enumerate() {
            let value = auc(&golden::floats(&inputs["scores"]), &labels(&inputs["labels"])).unwrap();
            close(value, &case["expected"]["tie_corrected"][index]);
        }
        let case = golden::case("asmg.json", "logloss");
        let inputs = &case["inputs"];
        let value = logloss(&golden::floats(&inputs["logits"]), &labels(&inputs["labels"])).unwrap();
        close(value, &case["expected"]["mean"]);
    }

    /// Positives 3, 1, 1 and negatives 2, 1, 0: of nine comparisons 3 wins all three, and each 1 wins one and ties one.
    #[test]
    fn ties_count_half_whatever_the_order() {
        let scores = [3.0, 1.0, 1.0, 2.0, 1.0, 0.0];
        let labels = [true, true, true, false, false, false];
        let expected = (3.0 + 2.0 * 1.5) / 9.0;
        assert_eq!(auc(&scores, &labels).unwrap().to_bits(), f64::to_bits(expected));
        for first in 0..6 {
            let (mut scores, mut labels) = (scores, labels);
            scores.rotate_left(first);
            labels.rotate_left(first);
            assert_eq!(auc(&scores, &labels).unwrap().to_bits(), f64::to_bits(expected), "{first}");
        }
        assert_eq!(auc(&[0.0, -0.0], &[true, false]).unwrap(), 0.5, "−0 is no lower than 0");
        assert_eq!(auc(&[-1.0, 1.0], &[false, true]).unwrap(), 1.0);
        assert_eq!(auc(&[-1.0, 1.0], &[true, false]).unwrap(), 0.0);
    }

    #[test]
    fn logloss_by_hand() {
        assert_eq!(logloss(&[0.0], &[true]).unwrap(), std::f64::consts::LN_2);
        // σ(ln 3) = 3/4.
        let logit = 3f64.ln() as f32;
        let expected = -(0.75f64.ln() + 0.25f64.ln()) / 2.0;
        assert!((logloss(&[logit, logit], &[true, false]).unwrap() - expected).abs() < 1e-7);
        assert_eq!(logloss(&[1000.0, 1000.0], &[true, false]).unwrap(), 500.0, "not clipped");
    }

    #[test]
    fn refuses_what_has_no_value() {
        let refused = |value: Result<f64>| value.unwrap_err().to_string();
        for label in [true, false] {
            assert!(refused(auc(&[0.1, 0.2], &[label; 2])).contains("one of the two is missing"));
            assert!(logloss(&[0.1, 0.2], &[label; 2]).is_ok(), "one label is enough for a loss");
        }
        assert!(refused(logloss(&[], &[])).contains("no labelled pair"));
        for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for value in [auc(&[0.0, score], &[true, false]), logloss(&[0.0, score], &[true, false])] {
                let error = value.unwrap_err();
                assert_eq!(error.kind(), Kind::Diverged);
                assert!(error.to_string().contains("pair number 1"), "{error}");
            }
        }
    }
}
