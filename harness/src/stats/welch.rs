//! The difference of two means whose spreads may differ.

use super::student::quantile_above;
use super::{Interval, Summary};

/// Welch's interval of mean(a) − mean(b), with the degrees of freedom of Welch and Satterthwaite.
/// `None` if either has fewer than two values; no width if neither has any spread.
pub fn welch_interval(a: &[f64], b: &[f64], level: f64) -> Option<Interval> {
    let (a, b) = (Summary::of(a)?, Summary::of(b)?);
    let of_mean = |s: Summary| Some((s.sd? * s.sd? / s.n as f64, (s.n - 1) as f64));
    let ((va, fa), (vb, fb)) = (of_mean(a)?, of_mean(b)?);
    let (difference, variance) = (a.mean - b.mean, va + vb);
    if variance == 0.0 {
        return Some(Interval::around(difference, 0.0));
    }
    let freedom = variance * variance / (va * va / fa + vb * vb / fb);
    let t = quantile_above(0.5 - level / 2.0, freedom);
    Some(Interval::around(difference, t * variance.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_spreads_of_equal_samples_are_students() {
        // Both variance 1, n 3: four degrees of freedom, t(0.975) = 2.776445.
        let interval = welch_interval(&[2.0, 3.0, 4.0], &[0.0, 1.0, 2.0], 0.95).unwrap();
        assert!((interval.high - (2.0 + 2.776_445 * (2f64 / 3.0).sqrt())).abs() < 1e-6, "{interval:?}");
    }

    #[test]
    fn edges() {
        assert_eq!(welch_interval(&[1.0], &[1.0, 2.0], 0.95), None);
        assert_eq!(welch_interval(&[1.5; 2], &[1.0; 3], 0.95), Some(Interval { low: 0.5, high: 0.5 }));
    }
}
