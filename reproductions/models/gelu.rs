//! GELU in its exact form, x·Φ(x), with its slope.

use harness::simd;
use pulp::NullaryFnOnce;

/// 1/√(2π): the standard normal density at 0.
const DENSITY: f32 = 0.398_942_3;

/// Coefficients of t, t², … in 1 − Φ(x) = φ(x) · (…) with t = 1/(1 + 0.2316419·x), x ≥ 0; off by at most 7.5e-8, as much as
/// an f32 near 1 (Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.2.17).
const TAIL: [f32; 5] = [0.319_381_53, -0.356_563_78, 1.781_477_9, -1.821_255_9, 1.330_274_5];
const TAIL_STRETCH: f32 = 0.231_641_9;

/// x·Φ(x), with Φ the standard normal distribution, and its slope Φ(x) + x·φ(x). One exponential serves both. The same bits
/// on every machine: each is one fixed chain of operations. For use inside kernels.
#[inline(always)]
pub fn gelu(x: f32) -> [f32; 2] {
    let density = DENSITY * simd::exp(-0.5 * x * x);
    let t = 1.0 / TAIL_STRETCH.mul_add(x.abs(), 1.0);
    let [a, b, c, d, e] = TAIL;
    let tail = density * t * e.mul_add(t, d).mul_add(t, c).mul_add(t, b).mul_add(t, a);
    let below = if x < 0.0 { tail } else { 1.0 - tail };
    [x * below, x.mul_add(density, below)]
}

/// Replaces sums by their values, and writes their slopes.
///
/// # Panics
/// If the lengths differ.
pub fn activate(values: &mut [f32], slopes: &mut [f32]) {
    assert_eq!(values.len(), slopes.len(), "a slope for each value");
    simd::dispatch(Activate(values, slopes));
}

struct Activate<'a>(&'a mut [f32], &'a mut [f32]);

impl NullaryFnOnce for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(values, slopes) = self;
        for (value, slope) in values.iter_mut().zip(slopes) {
            [*value, *slope] = gelu(*value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_slopes_are_those_of_the_exact_form() {
        for k in -1200..=1200 {
            let x = k as f32 / 100.0;
            let wide = f64::from(x);
            let below = 0.5 * libm::erfc(-wide / 2f64.sqrt());
            let density = (-0.5 * wide * wide).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let [value, slope] = gelu(x);
            assert!((f64::from(value) - wide * below).abs() < 2e-7 * wide.abs().max(1.0), "at {x}: {value}");
            assert!((f64::from(slope) - (below + wide * density)).abs() < 3e-7, "slope at {x}: {slope}");
        }
        assert_eq!((gelu(0.0)[0], gelu(100.0), gelu(-100.0)), (0.0, [100.0, 1.0], [0.0, 0.0]));
        assert!(gelu(f32::NAN).iter().all(|v| v.is_nan()));
    }
}
