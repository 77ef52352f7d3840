//! The hyperbolic tangent and the logistic function of whole registers.

use pulp::Simd;

/// Where the rational function below is 1 to the last bit.
const FLAT: f32 = 7.998_811_7;

/// Coefficients of the odd numerator, of x¹³ first.
const NUMERATOR: [f32; 7] =
    [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297_1e-8, 1.485_722_4e-5, 6.372_619_3e-4, 4.893_524_6e-3];

/// Coefficients of the even denominator, of x⁶ first.
const DENOMINATOR: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];

/// tanh x by the rational function of Eigen (`generic_fast_tanh_float`: odd, within a few units in the last place, and
/// cheaper than an exponential): each lane is one fixed chain of operations, with the same bits at every level.
#[inline(always)]
pub fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (low, high) = (simd.splat_f32s(-FLAT), simd.splat_f32s(FLAT));
    // Comparisons, because a minimum may make a number of NaN.
    let x = simd.select_f32s(simd.less_than_f32s(x, low), low, x);
    let x = simd.select_f32s(simd.less_than_f32s(high, x), high, x);
    let square = simd.mul_f32s(x, x);
    let numerator = simd.mul_f32s(x, polynomial(simd, square, &NUMERATOR));
    simd.div_f32s(numerator, polynomial(simd, square, &DENOMINATOR))
}

/// 1/(1 + e^−x) = ½ + ½·tanh ½x, exact to 2e-7 (absolutely: far below zero, where the value is smaller, it has no digit
/// right).
#[inline(always)]
pub fn logistic<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let half = simd.splat_f32s(0.5);
    simd.mul_add_f32s(half, tanh(simd, simd.mul_f32s(half, x)), half)
}

#[inline(always)]
fn polynomial<S: Simd>(simd: S, x: S::f32s, coefficients: &[f32]) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = simd.mul_add_f32s(sum, x, simd.splat_f32s(coefficient));
    }
    sum
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::super::levels;
    use super::*;

    struct Both<'a>(&'a [f32], &'a mut [f32], &'a mut [f32]);

    impl WithSimd for Both<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self(x, tanhs, logistics) = self;
            let outs = S::as_mut_simd_f32s(tanhs).0.iter_mut().zip(S::as_mut_simd_f32s(logistics).0);
            for (&x, (of_tanh, of_logistic)) in S::as_simd_f32s(x).0.iter().zip(outs) {
                (*of_tanh, *of_logistic) = (tanh(simd, x), logistic(simd, x));
            }
        }
    }

    #[test]
    fn values_are_near_and_the_same_at_every_level() {
        let mut x: Vec<f32> = (-160_000..160_000).map(|k| k as f32 * 1e-4).collect();
        x.extend((0..64).map(|k| f32::from_bits((64 + k) << 23)));
        x.extend([0.0, -0.0, 1e-40, 9.0, -9.0, 1e30, f32::INFINITY, f32::NEG_INFINITY].repeat(2));
        let mut first: Option<Vec<u32>> = None;
        for level in levels() {
            let [mut tanhs, mut logistics] = [(); 2].map(|()| vec![f32::NAN; x.len()]);
            level.dispatch(Both(&x, &mut tanhs, &mut logistics));
            for ((&x, &of_tanh), &of_logistic) in x.iter().zip(&tanhs).zip(&logistics) {
                let wide = f64::from(x);
                let (got, want) = (f64::from(of_tanh), wide.tanh());
                assert!((got - want).abs() <= 4e-7 * want.abs() + 1e-42, "tanh {x}: {got} {want}");
                let (got, want) = (f64::from(of_logistic), 1.0 / (1.0 + (-wide).exp()));
                assert!((got - want).abs() <= 2e-7 && (0.0..=1.0).contains(&got), "logistic {x}: {got} {want}");
            }
            let bits: Vec<u32> = tanhs.iter().chain(&logistics).map(|value| value.to_bits()).collect();
            assert_eq!(*first.get_or_insert_with(|| bits.clone()), bits);
            let minus: Vec<f32> = x.iter().map(|x| -x).collect();
            let mut of_minus = vec![f32::NAN; x.len()];
            level.dispatch(Both(&minus, &mut of_minus, &mut logistics));
            assert!(of_minus.iter().zip(&tanhs).all(|(a, b)| a.to_bits() == (-b).to_bits()), "odd");
            let [mut a, mut b] = [[0.0; 16]; 2];
            level.dispatch(Both(&[f32::NAN; 16], &mut a, &mut b));
            assert!(a.iter().chain(&b).all(|value| value.is_nan()));
        }
    }
}
