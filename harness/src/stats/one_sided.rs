//! Student's t test of paired differences, read from both sides.

use super::Summary;
use super::student::upper_tail;

/// p-values of the two one-sided tests of a mean against a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneSided {
    /// Small if the mean lies above the bound.
    pub above: f64,
    /// Small if the mean lies below the bound.
    pub below: f64,
}

impl OneSided {
    /// p-values of 0 and 1 for a quantity without spread, which needs no test.
    pub fn exact(value: f64, bound: f64) -> Self {
        let p = |beyond: bool| if beyond { 0.0 } else { 1.0 };
        Self { above: p(value > bound), below: p(value < bound) }
    }
}

/// Tests the mean of `differences` against `bound` (SciPy's `ttest_1samp`, and `ttest_rel` of the
/// two samples). Differences without any spread are compared exactly: see [`OneSided::exact`]. `None` below two values, or if
/// one is not finite.
pub fn t_test(differences: &[f64], bound: f64) -> Option<OneSided> {
    let Summary { n, mean, sd } = Summary::of(differences)?;
    let sd = sd.filter(|sd| sd.is_finite() && bound.is_finite())?;
    if sd == 0.0 {
        return Some(OneSided::exact(mean, bound));
    }
    let t = (mean - bound) / (sd / (n as f64).sqrt());
    let freedom = (n - 1) as f64;
    Some(OneSided { above: upper_tail(t, freedom), below: upper_tail(-t, freedom) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Mean 1, sd 1, n 3: t = √3 with two degrees of freedom, where P(T > t) = (1 − t/√(t² + 2))/2.
        let p = t_test(&[0.0, 1.0, 2.0], 0.0).unwrap();
        let above = (1.0 - 3f64.sqrt() / 5f64.sqrt()) / 2.0;
        assert!((p.above - above).abs() < 1e-12 && (p.below - (1.0 - above)).abs() < 1e-12, "{p:?}");
        assert_eq!(t_test(&[1.0], 0.0), None);
        assert_eq!(t_test(&[1.0, 2.0], f64::NAN), None);
        assert_eq!(t_test(&[1.0, f64::INFINITY], 0.0), None);
    }

    #[test]
    fn what_has_no_spread_is_what_it_is() {
        assert_eq!(t_test(&[0.1; 3], 0.0), Some(OneSided { above: 0.0, below: 1.0 }));
        assert_eq!(t_test(&[0.1; 3], 0.1), Some(OneSided { above: 1.0, below: 1.0 }));
    }

    /// Under the null hypothesis a share p of all tests has a p-value below p.
    #[test]
    fn false_positives_are_as_many_as_it_says() {
        let mut stream = crate::rng::Stream::new(0, "t", "null", 0);
        let tests = 10_000;
        let p: Vec<OneSided> = (0..tests)
            .map(|_| {
                let values: Vec<f64> = stream.normals(5, 1.0).into_iter().map(f64::from).collect();
                t_test(&values, 0.0).unwrap()
            })
            .collect();
        for level in [0.01, 0.05, 0.25] {
            // Three standard deviations of a share of so many.
            let noise = 3.0 * (level * (1.0 - level) / f64::from(tests)).sqrt();
            let share =
                |side: fn(&OneSided) -> f64| p.iter().filter(|p| side(p) < level).count() as f64 / f64::from(tests);
            for found in [share(|p| p.above), share(|p| p.below)] {
                assert!((found - level).abs() < noise, "{found} at {level}");
            }
        }
    }
}
