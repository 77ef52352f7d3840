//! AUC and LogLoss: metrics of the scores of labelled (query, item) pairs.
//!
//! Both have the same bits on every machine: AUC counts in integers and divides once; LogLoss takes its exponentials and
//! logarithms from `libm` and sums in the order of the pairs, in f64.

use crate::error::{Error, Kind, Result};

/// A score: of our models in f32, of other programs in f64.
pub trait Score: Copy + PartialOrd + Into<f64> {}

impl Score for f32 {}
impl Score for f64 {}

/// What a positive and a negative of the same score count as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tied {
    /// Half: the mean over all orders of the pairs.
    Half,
    /// As the order of the pairs has it: the one that comes first has the higher score. The code of ASMG's authors sorts by
    /// score, stably, and leaves ties in the order of the file.
    ByRow,
    /// Nothing: the negative has the higher score.
    Lost,
}

/// The share of all pairs of a positive and a negative in which the positive has the higher score: the area under the ROC
/// curve, with straight tied stretches where they count half. Takes 8 bytes a pair beside its input.
pub(super) fn auc<S: Score>(scores: &[S], labels: &[bool], tied: Tied) -> Result<f64> {
    check(scores, labels)?;
    let mut sorted: Vec<(S, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    // Stable, and −0 equals 0: all scores are finite.
    sorted.sort_by(|a, b| a.0.partial_cmp(&b.0).expect("finite scores"));
    let (mut positives, mut negatives, mut twice_won) = (0u64, 0u64, 0u128);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let here = equal.iter().filter(|(_, label)| *label).count() as u64;
        let others = equal.len() as u64 - here;
        twice_won += u128::from(here) * u128::from(2 * negatives);
        twice_won += match tied {
            Tied::Half => u128::from(here) * u128::from(others),
            Tied::ByRow => {
                // A positive wins against the negatives of its score that come after it.
                let mut after = 0u128;
                let won = equal.iter().rev().map(|(_, label)| {
                    after += u128::from(!label);
                    if *label { 2 * after } else { 0 }
                });
                won.sum()
            }
            Tied::Lost => 0,
        };
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
pub(super) fn logloss<S: Score>(logits: &[S], labels: &[bool]) -> Result<f64> {
    check(logits, labels)?;
    let loss = |(&logit, &label): (&S, &bool)| {
        let z: f64 = logit.into();
        let wrong = if label { -z } else { z };
        wrong.max(0.0) + libm::log1p(libm::exp(-z.abs()))
    };
    Ok(logits.iter().zip(labels).map(loss).sum::<f64>() / logits.len() as f64)
}

fn check<S: Score>(scores: &[S], labels: &[bool]) -> Result<()> {
    assert_eq!(scores.len(), labels.len(), "every score has a label");
    if scores.is_empty() {
        return Err(Error::new(Kind::Data, "there is no labelled pair to evaluate")
            .expected("at least one")
            .got("none"));
    }
    match scores.iter().position(|score| !(*score).into().is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(Error::new(Kind::Diverged, format!("the score of labelled pair number {at} cannot be evaluated"))
                .expected("a finite number")
                .got(scores[at].into().to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    fn auc(scores: &[f32], labels: &[bool]) -> Result<f64> {
        super::auc(scores, labels, Tied::Half)
    }

    fn labels(values: &serde_json::Value) -> Vec<bool> {
        golden::doubles(values).into_iter().map(|label| label == 1.0).collect()
    }

    fn close(got: f64, expected: &serde_json::Value) {
        assert!((got - expected.as_f64().unwrap()).abs() < 1e-6, "{got} {expected}");
    }

    /// tests/golden/metrics-session.json and asmg.json, whose `tie_corrected` counts ties half and whose `auc` goes by row.
    #[test]
    fn agrees_with_the_reference_vectors() {
        let case = golden::case("metrics-session.json", "auc_no_ties");
        let inputs = &case["inputs"];
        close(auc(&golden::floats(&inputs["scores"]), &labels(&inputs["labels"])).unwrap(), &case["expected"]["auc"]);
        let case = golden::case("asmg.json", "auc_as_coded");
        for (index, inputs) in case["inputs"]["cases"].as_array().unwrap().iter().enumerate() {
            let value = auc(&golden::floats(&inputs["scores"]), &labels(&inputs["labels"])).unwrap();
            close(value, &case["expected"]["tie_corrected"][index]);
            let by_row =
                super::auc(&golden::floats(&inputs["scores"]), &labels(&inputs["labels"]), Tied::ByRow).unwrap();
            close(by_row, &case["expected"]["auc"][index]);
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
        let as_tied = |tied| super::auc(&scores, &labels, tied).unwrap();
        // The first positive 1 comes before the negative 1, and the second, too: each wins two of three.
        assert_eq!((as_tied(Tied::ByRow), as_tied(Tied::Lost)), (7.0 / 9.0, 5.0 / 9.0));
        let behind = super::auc(&[1.0, 1.0, -0.0], &[false, true, false], Tied::ByRow).unwrap();
        assert_eq!(behind, 0.5, "a positive behind its equal");
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
        assert!(refused(logloss::<f32>(&[], &[])).contains("no labelled pair"));
        for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for value in [auc(&[0.0, score], &[true, false]), logloss(&[0.0, score], &[true, false])] {
                let error = value.unwrap_err();
                assert_eq!(error.kind(), Kind::Diverged);
                assert!(error.to_string().contains("pair number 1"), "{error}");
            }
        }
    }
}
