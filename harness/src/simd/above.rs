//! Counts of scores above thresholds, from which ranks follow.

use pulp::{Simd, WithSimd};

use super::{LANES, dispatch};

/// Numbers of scores above a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Above {
    /// score > threshold
    pub greater: u32,
    /// score ≥ threshold
    pub or_equal: u32,
}

/// `out[t]` = the counts for `thresholds[t]`.
pub(crate) fn count_above(scores: &[f32], thresholds: &[f32], out: &mut [Above]) {
    dispatch(CountAbove { scores, thresholds, out });
}

struct CountAbove<'a> {
    scores: &'a [f32],
    thresholds: &'a [f32],
    out: &'a mut [Above],
}

impl WithSimd for CountAbove<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (body, tail) = S::as_simd_f32s(self.scores);
        let (zero, one) = (simd.splat_u32s(0), simd.splat_u32s(1));
        for (&threshold, out) in self.thresholds.iter().zip(self.out) {
            let at = simd.splat_f32s(threshold);
            let (mut greater, mut or_equal) = (zero, zero);
            for &scores in body {
                let mask = simd.greater_than_f32s(scores, at);
                greater = simd.add_u32s(greater, simd.select_u32s(mask, one, zero));
                let mask = simd.greater_than_or_equal_f32s(scores, at);
                or_equal = simd.add_u32s(or_equal, simd.select_u32s(mask, one, zero));
            }
            *out = Above { greater: sum_u32s(simd, greater), or_equal: sum_u32s(simd, or_equal) };
            for &score in tail {
                out.greater += u32::from(score > threshold);
                out.or_equal += u32::from(score >= threshold);
            }
        }
    }
}

#[inline(always)]
fn sum_u32s<S: Simd>(_: S, values: S::u32s) -> u32 {
    let mut lanes = [0u32; LANES];
    S::as_mut_simd_u32s(&mut lanes).0[0] = values;
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::super::values;
    use super::*;

    #[test]
    fn counts_by_hand_and_at_odd_lengths() {
        let mut out = [Above { greater: 10, or_equal: 10 }; 2];
        count_above(&[1.0, 3.0, 2.0, 2.0, f32::NEG_INFINITY], &[2.0, 9.0], &mut out);
        assert_eq!(out, [Above { greater: 1, or_equal: 3 }, Above::default()]);
        for n in [0, 1, 15, 16, 17, 33, 512, 700] {
            let scores = values(n);
            let mut out = [Above::default()];
            count_above(&scores, &[0.25], &mut out);
            assert_eq!(out[0].greater as usize, scores.iter().filter(|&&s| s > 0.25).count());
        }
    }
}
