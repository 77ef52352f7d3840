//! Intervals from Student's t: confidence intervals of a mean, and prediction intervals of one more value.

use super::Summary;
use super::student::quantile_above;

/// The confidence level of all intervals in Reprise.
pub const LEVEL: f64 = 0.95;

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// The interval centre ± half_width.
    pub fn around(centre: f64, half_width: f64) -> Self {
        Self { low: centre - half_width, high: centre + half_width }
    }

    /// The interval with both ends moved outwards by `by`.
    pub fn widened(self, by: f64) -> Self {
        Self { low: self.low - by, high: self.high + by }
    }

    /// Whether the value lies in the interval or is one of its ends.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// The t interval of the mean: mean ± t·sd/√n. `None` below two values.
pub fn mean_interval(values: &[f64], level: f64) -> Option<Interval> {
    interval(values, level, |n| 1.0 / n)
}

/// The prediction interval of one more value: mean ± t·sd·√(1 + 1/n) (Student's t, normal values). `None` below two
/// values.
pub fn prediction_interval(values: &[f64], level: f64) -> Option<Interval> {
    interval(values, level, |n| 1.0 + 1.0 / n)
}

/// `variance`: of the difference to the mean, in units of sd², given n.
fn interval(values: &[f64], level: f64, variance: impl Fn(f64) -> f64) -> Option<Interval> {
    let Summary { n, mean, sd } = Summary::of(values)?;
    let n = n as f64;
    let sd = sd?;
    let t = quantile_above(0.5 - level / 2.0, n - 1.0);
    Some(Interval::around(mean, t * sd * variance(n).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_values_have_no_interval() {
        assert_eq!(mean_interval(&[], LEVEL), None);
        assert_eq!(prediction_interval(&[1.0], LEVEL), None);
    }

    #[test]
    fn no_spread_no_width() {
        assert_eq!(prediction_interval(&[0.1; 3], LEVEL), Some(Interval { low: 0.1, high: 0.1 }));
    }

    #[test]
    fn widens_on_both_sides() {
        let wide = Interval { low: 1.0, high: 2.0 }.widened(0.5);
        assert_eq!(wide, Interval { low: 0.5, high: 2.5 });
        assert!(wide.contains(0.5) && wide.contains(2.5) && !wide.contains(2.6));
    }
}
