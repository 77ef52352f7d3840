//! Against SciPy: `tests/golden/stats.py` made the figures.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Interval, LEVEL, Summary, bootstrap_interval, holm, mean_interval, paired_differences, prediction_interval, t_test,
    welch_interval,
};

#[derive(Deserialize)]
struct Golden {
    samples: BTreeMap<String, GoldenSample>,
    pairs: BTreeMap<String, GoldenPair>,
    one_sided: Vec<Tested>,
    holm: Vec<Corrected>,
    bootstrap: Vec<Bootstrapped>,
}

#[derive(Deserialize)]
struct Tested {
    differences: Vec<f64>,
    bound: f64,
    above: f64,
    below: f64,
}

#[derive(Deserialize)]
struct Corrected {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Bootstrapped {
    values: Vec<f64>,
    #[serde(rename = "interval_at_0.95")]
    interval: [f64; 2],
}

#[derive(Deserialize)]
struct GoldenSample {
    values: Vec<f64>,
    mean: f64,
    sd: f64,
    #[serde(rename = "at_0.95")]
    at_95: Intervals,
    #[serde(rename = "at_0.99")]
    at_99: Intervals,
}

#[derive(Deserialize)]
struct Intervals {
    mean: [f64; 2],
    prediction: [f64; 2],
}

#[derive(Deserialize)]
struct GoldenPair {
    a: Vec<f64>,
    b: Vec<f64>,
    mean: f64,
    #[serde(rename = "interval_at_0.95")]
    interval: [f64; 2],
    #[serde(rename = "welch_at_0.95")]
    welch: [f64; 2],
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../tests/golden/stats.json")).unwrap()
}

/// Relative; SciPy sums in another order.
const TOLERANCE: f64 = 1e-9;

fn close(what: &str, ours: f64, scipy: f64) {
    let scale = scipy.abs().max(1e-6);
    assert!((ours - scipy).abs() <= TOLERANCE * scale, "{what}: ours {ours}, SciPy {scipy}");
}

fn close_interval(what: &str, ours: Option<Interval>, scipy: [f64; 2]) {
    let ours = ours.unwrap();
    close(what, ours.low, scipy[0]);
    close(what, ours.high, scipy[1]);
}

#[test]
fn samples_agree_with_scipy() {
    for (name, sample) in golden().samples {
        let summary = Summary::of(&sample.values).unwrap();
        close(&name, summary.mean, sample.mean);
        close(&name, summary.sd.unwrap(), sample.sd);
        for (level, at) in [(0.95, &sample.at_95), (0.99, &sample.at_99)] {
            close_interval(&name, mean_interval(&sample.values, level), at.mean);
            close_interval(&name, prediction_interval(&sample.values, level), at.prediction);
        }
    }
}

#[test]
fn paired_differences_agree_with_scipy() {
    for (name, pair) in golden().pairs {
        let by_seed = |values: &[f64]| (0..).zip(values.iter().copied()).collect::<BTreeMap<u64, f64>>();
        let differences = paired_differences(&by_seed(&pair.a), &by_seed(&pair.b));
        close(&name, Summary::of(&differences).unwrap().mean, pair.mean);
        close_interval(&name, mean_interval(&differences, 0.95), pair.interval);
        close_interval(&name, welch_interval(&pair.a, &pair.b, 0.95), pair.welch);
    }
}

#[test]
fn one_sided_tests_agree_with_scipy() {
    for case in golden().one_sided {
        let p = t_test(&case.differences, case.bound).unwrap();
        close("above", p.above, case.above);
        close("below", p.below, case.below);
    }
}

#[test]
fn holms_correction_agrees_with_statsmodels() {
    for case in golden().holm {
        let adjusted = holm(&case.p);
        assert_eq!(adjusted.len(), case.adjusted.len());
        adjusted.iter().zip(&case.adjusted).for_each(|(ours, theirs)| close("adjusted", *ours, *theirs));
    }
}

/// Theirs has the noise of 100,000 resamples; of ten values the expansion leaves something out, too.
#[test]
fn bootstrap_intervals_agree_with_scipy() {
    for case in golden().bootstrap {
        let ours = bootstrap_interval(&case.values, LEVEL).unwrap();
        let [low, high] = case.interval;
        let noise = if case.values.len() > 10 { 0.01 } else { 0.03 } * (high - low);
        assert!((ours.low - low).abs() < noise && (ours.high - high).abs() < noise, "{ours:?} {:?}", case.interval);
    }
}
