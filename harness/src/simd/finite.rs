//! Test for scores that are infinite or not a number.

use pulp::{Simd, WithSimd};

use super::{LANES, dispatch};

/// True if every score is finite.
pub(crate) fn all_finite(scores: &[f32]) -> bool {
    dispatch(AllFinite(scores))
}

struct AllFinite<'a>(&'a [f32]);

impl WithSimd for AllFinite<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let (body, tail) = S::as_simd_f32s(self.0);
        let (pairs, rest) = body.as_chunks::<2>();
        let zero = simd.splat_f32s(0.0);
        // 0 · s is 0 for a finite s and not a number otherwise, which a sum never loses.
        let mut sums = [zero; 2];
        for pair in pairs {
            sums = [simd.mul_add_f32s(pair[0], zero, sums[0]), simd.mul_add_f32s(pair[1], zero, sums[1])];
        }
        for &scores in rest {
            sums[0] = simd.mul_add_f32s(scores, zero, sums[0]);
        }
        let mut lanes = [0.0; LANES];
        S::as_mut_simd_f32s(&mut lanes).0[0] = simd.add_f32s(sums[0], sums[1]);
        lanes.iter().chain(tail).all(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::super::values;
    use super::*;

    #[test]
    fn finds_what_is_not_finite_anywhere() {
        for n in [1, 5, 16, 31, 48, 100] {
            assert!(all_finite(&values(n)));
            for at in 0..n {
                for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut scores = values(n);
                    scores[at] = bad;
                    assert!(!all_finite(&scores), "{bad} at {at} of {n}");
                }
            }
        }
    }
}
