//! The percentile bootstrap of a mean.

use super::Interval;
use crate::rng::Stream;

/// Resamples: enough that an end of the interval moves by about a thirtieth of its width from one stream to another.
pub const RESAMPLES: usize = 2000;

/// The interval between the quantiles of the means of [`RESAMPLES`] samples drawn with replacement. `None` below two values.
pub fn bootstrap_interval(values: &[f64], level: f64, stream: &mut Stream) -> Option<Interval> {
    if values.len() < 2 {
        return None;
    }
    let n = u32::try_from(values.len()).ok()?;
    // Distances from the first, as in `Summary`: equal values keep their own mean.
    let first = values[0];
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let sum: f64 = (0..n).map(|_| values[stream.below(n) as usize] - first).sum();
            first + sum / f64::from(n)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    Some(Interval { low: quantile(&means, tail), high: quantile(&means, 1.0 - tail) })
}

/// Of ascending values, with linear interpolation (NumPy's default).
fn quantile(ascending: &[f64], q: f64) -> f64 {
    let at = q * (ascending.len() - 1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    ascending[low] + (at - at.floor()) * (ascending[high] - ascending[low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let values = [1.0, 2.0, 4.0, 8.0];
        for (q, value) in [(0.0, 1.0), (0.5, 3.0), (0.25, 1.75), (1.0, 8.0)] {
            assert_eq!(quantile(&values, q), value);
        }
    }

    #[test]
    fn equal_values_have_no_width() {
        let mut stream = Stream::new(0, "t", "bootstrap", 0);
        assert_eq!(bootstrap_interval(&[0.1; 9], 0.95, &mut stream), Some(Interval { low: 0.1, high: 0.1 }));
        assert_eq!(bootstrap_interval(&[0.1], 0.95, &mut stream), None);
    }
}
