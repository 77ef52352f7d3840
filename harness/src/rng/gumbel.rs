//! Draws of Gumbel(0, 1): −ln(−ln u) for u uniform in the open interval (0, 1).
//!
//! A batch needs some 80,000 of them, two logarithms each, which one by one would take longer than the
//! experts do late in training. So the logarithm is written without branches, for whole vectors.

use crate::rng::Stream;
use crate::simd;
use pulp::NullaryFnOnce;

/// Fills `noise` with draws.
pub fn draw(stream: &mut Stream, noise: &mut [f64]) {
    noise.fill_with(|| stream.unit());
    of_uniform(noise);
}

/// −ln(−ln u) in place of each u.
pub fn of_uniform(values: &mut [f64]) {
    simd::dispatch(OfUniform(values));
}

struct OfUniform<'a>(&'a mut [f64]);

impl NullaryFnOnce for OfUniform<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        // A loop, because the body of `for_each` may be compiled for narrow registers.
        for u in self.0 {
            *u = -ln(-ln(*u));
        }
    }
}

/// The natural logarithm of a positive, finite, normal number, within an ulp: fdlibm's `e_log.c` (Sun
/// Microsystems, 1993) without its special cases. Only IEEE operations that round, none of them fused:
/// the same bits on every machine and at every width of registers.
#[inline(always)]
fn ln(x: f64) -> f64 {
    const LN2_HI: f64 = 0.693_147_180_369_123_8;
    const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
    /// Bits of √½: mantissas are taken from there to √2.
    const LOWEST: u64 = 0x3fe6_a09e_667f_3bcd;
    /// Bits of 1.5 · 2⁵²: added to a small integer's, they make the sum of both as a float.
    const MAGIC: u64 = 0x4338_0000_0000_0000;
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(LOWEST) as i64) >> 52;
    let f = f64::from_bits(bits.wrapping_sub((exponent << 52) as u64)) - 1.0;
    let k = f64::from_bits(MAGIC.wrapping_add(exponent as u64)) - f64::from_bits(MAGIC);
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (0.399_999_999_994_094_2 + w * (0.222_221_984_321_497_84 + w * 0.153_138_376_992_093_73));
    let odd = z
        * (0.666_666_666_666_673_5
            + w * (0.285_714_287_436_623_9 + w * (0.181_835_721_616_180_5 + w * 0.147_981_986_051_165_86)));
    let half_square = 0.5 * f * f;
    k * LN2_HI - ((half_square - (s * (half_square + (even + odd)) + k * LN2_LO)) - f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_within_an_ulp_of_libms() {
        let mut stream = Stream::new(0, "gumbel", "test", 0);
        let mut worst = 0.0f64;
        for draw in 0..200_000 {
            // Near 1, where the outer one is taken of values near 0, and over all of (0, 40).
            let x = match draw % 4 {
                0 => stream.unit(),
                1 => 40.0 * stream.unit(),
                2 => 1.0 - stream.unit() * 1e-9,
                _ => stream.unit() * 1e-17,
            };
            let want = libm::log(x);
            let ulp = f64::from_bits(want.abs().to_bits() + 1) - want.abs();
            worst = worst.max((ln(x) - want).abs() / ulp);
        }
        assert!(worst <= 1.0, "{worst}");
        assert_eq!((ln(1.0), ln(2.0)), (0.0, std::f64::consts::LN_2));
    }

    #[test]
    fn the_ends_of_the_uniform_range_stay_finite() {
        let smallest = 0.5 / (1u64 << 53) as f64;
        let mut values = [smallest, 1.0 - f64::EPSILON / 2.0];
        of_uniform(&mut values);
        assert!(values[0] > -3.7 && values[0] < -3.5 && values[1] > 36.0 && values[1] < 37.0, "{values:?}");
    }

    #[test]
    fn draws_have_the_mean_and_variance_of_gumbel() {
        let mut noise = vec![0.0; 100_000];
        draw(&mut Stream::new(0, "gumbel", "test", 1), &mut noise);
        let mean = noise.iter().sum::<f64>() / 1e5;
        let variance = noise.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / 1e5;
        // Euler's constant and π²/6, within four standard errors.
        assert!((mean - 0.577_215_66).abs() < 4.0 * 1.2825 / 1e5f64.sqrt(), "{mean}");
        assert!((variance - 1.644_934).abs() < 4.0 * 0.0094 * 1.644_934, "{variance}");
    }
}
