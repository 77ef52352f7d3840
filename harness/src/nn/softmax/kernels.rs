//! The softmax and its gradient over a strip of a tile, `[items, width]`, column by column.

use crate::simd::{self, exp};
use pulp::NullaryFnOnce;

/// Columns that go through a tile together: one register of AVX-512.
const LANES: usize = 16;

/// A block of columns of a slice.
#[inline(always)]
fn lanes(values: &[f32], first: usize) -> &[f32; LANES] {
    values[first..].first_chunk().expect("widths are multiples of the lanes")
}

#[inline(always)]
fn lanes_mut(values: &mut [f32], first: usize) -> &mut [f32; LANES] {
    values[first..].first_chunk_mut().expect("widths are multiples of the lanes")
}

/// Takes a tile into the largest logit of each column so far, `largest`, and the sum of e^(logit − largest), `sum`.
pub fn add_exponentials(logits: &[f32], largest: &mut [f32], sum: &mut [f32]) {
    simd::dispatch(AddExponentials { logits, largest, sum });
}

struct AddExponentials<'a> {
    logits: &'a [f32],
    largest: &'a mut [f32],
    sum: &'a mut [f32],
}

impl NullaryFnOnce for AddExponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.largest.len();
        for first in (0..width).step_by(LANES) {
            let before = *lanes(self.largest, first);
            let mut largest = before;
            for row in self.logits.chunks_exact(width) {
                for (largest, &logit) in largest.iter_mut().zip(lanes(row, first)) {
                    *largest = if logit > *largest { logit } else { *largest };
                }
            }
            let mut sum = *lanes(self.sum, first);
            for k in 0..LANES {
                sum[k] *= exp(before[k] - largest[k]);
            }
            for row in self.logits.chunks_exact(width) {
                let row = lanes(row, first);
                for k in 0..LANES {
                    sum[k] += exp(row[k] - largest[k]);
                }
            }
            *lanes_mut(self.largest, first) = largest;
            *lanes_mut(self.sum, first) = sum;
        }
    }
}

/// Logits → scale · softmax, in place.
pub fn softmax(logits: &mut [f32], normalisers: &[f32], scale: f32) {
    simd::dispatch(Softmax { logits, normalisers, scale });
}

struct Softmax<'a> {
    logits: &'a mut [f32],
    normalisers: &'a [f32],
    scale: f32,
}

impl NullaryFnOnce for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { logits, normalisers, scale } = self;
        for row in logits.chunks_exact_mut(normalisers.len()) {
            for (logit, normaliser) in row.iter_mut().zip(normalisers) {
                *logit = scale * exp(*logit - normaliser);
            }
        }
    }
}

/// A student's logits → scale · (p − p̂), in place, and a teacher's logits, over the same items; −Σ p̂ log p of
/// each column is added to `losses`.
pub fn distil(
    logits: &mut [f32],
    normalisers: &[f32],
    teacher: &[f32],
    teacher_normalisers: &[f32],
    scale: f32,
    losses: &mut [f32],
) {
    assert_eq!(logits.len(), teacher.len(), "the same items and columns");
    simd::dispatch(Distil { logits, normalisers, teacher, teacher_normalisers, scale, losses });
}

struct Distil<'a> {
    logits: &'a mut [f32],
    normalisers: &'a [f32],
    teacher: &'a [f32],
    teacher_normalisers: &'a [f32],
    scale: f32,
    losses: &'a mut [f32],
}

impl NullaryFnOnce for Distil<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { logits, normalisers, teacher, teacher_normalisers, scale, losses } = self;
        let width = normalisers.len();
        let rows = logits.chunks_exact_mut(width).zip(teacher.chunks_exact(width));
        let (teacher_normalisers, losses) = (&teacher_normalisers[..width], &mut losses[..width]);
        for (row, teacher) in rows {
            for k in 0..width {
                let log_p = row[k] - normalisers[k];
                let answer = exp(teacher[k] - teacher_normalisers[k]);
                losses[k] = (-answer).mul_add(log_p, losses[k]);
                row[k] = scale * (exp(log_p) - answer);
            }
        }
    }
}

/// Squares, in place.
pub fn square(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value *= *value);
}
