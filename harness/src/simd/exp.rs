//! Exponentials of many numbers at once.

use pulp::NullaryFnOnce;

use super::dispatch;

/// `out[k]` = e^(`x[k]` − `shift`), to about one unit in the last place; 0 below e^−87. The same bits on
/// every machine: each element is one fixed chain of operations.
///
/// # Panics
/// If the lengths differ.
pub fn exp_minus(x: &[f32], shift: f32, out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "out = e^(x − shift)");
    dispatch(ExpMinus(x, shift, out));
}

struct ExpMinus<'a>(&'a [f32], f32, &'a mut [f32]);

impl NullaryFnOnce for ExpMinus<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(x, shift, out) = self;
        for (out, x) in out.iter_mut().zip(x) {
            *out = exp(x - shift);
        }
    }
}

/// e^x for x ≤ 88, for use inside kernels; see [`exp_minus`].
///
/// 2^n · e^r with |r| ≤ ln 2 / 2, and the polynomial of Cephes (`expf`, Moshier) for e^r.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    /// 1.5 · 2^23: adding it rounds to the nearest integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // Not `max`, which would make a number of NaN.
    let clamped = if x < -87.0 { -87.0 } else { x };
    let shifted = clamped.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, so that the difference stays exact.
    let r = n.mul_add(-0.693_359_4, clamped);
    let r = n.mul_add(2.121_944_4e-4, r);
    let p = 1.987_569_1e-4f32
        .mul_add(r, 1.398_199_9e-3)
        .mul_add(r, 8.333_452e-3)
        .mul_add(r, 4.166_579_6e-2)
        .mul_add(r, 1.666_666_5e-1)
        .mul_add(r, 5e-1);
    let value = p.mul_add(r * r, r) + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    if x < -87.0 { 0.0 } else { value * power }
}

#[cfg(test)]
mod tests {
    use super::super::levels;
    use super::*;

    #[test]
    fn exponentials_are_exact_to_rounding_and_the_same_at_every_level() {
        let x: Vec<f32> = (0..200_000).map(|k| k as f32 * -5e-4).chain([0.0, -87.0, -87.1, -500.0]).collect();
        let mut first: Option<Vec<u32>> = None;
        for level in levels() {
            let mut out = vec![f32::NAN; x.len()];
            level.dispatch(ExpMinus(&x, 0.0, &mut out));
            for (x, got) in x.iter().zip(&out) {
                let want = if *x < -87.0 { 0.0 } else { f64::from(*x).exp() };
                assert!((f64::from(*got) - want).abs() <= 1.5e-7 * want, "e^{x}: {got} {want}");
            }
            let bits: Vec<u32> = out.iter().map(|x| x.to_bits()).collect();
            assert_eq!(*first.get_or_insert_with(|| bits.clone()), bits);
        }
        let mut none = [0.0];
        exp_minus(&[f32::NAN], 0.0, &mut none);
        assert!(none[0].is_nan());
        let mut shifted = [0.0; 2];
        exp_minus(&[120.0, 119.0], 120.0, &mut shifted);
        assert_eq!(shifted[0], 1.0);
        assert!((shifted[1] - (-1f32).exp()).abs() < 1e-7);
    }
}
