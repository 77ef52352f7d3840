//! Kernels over rows of activations, and how rows by time become rows by piece.

use harness::simd;
use pulp::NullaryFnOnce;

/// max(x, 0), in place.
pub fn rectify(x: &mut [f32]) {
    simd::dispatch(Rectify(x));
}

struct Rectify<'a>(&'a mut [f32]);

impl NullaryFnOnce for Rectify<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        // Not `max`, which would make a number of NaN.
        for x in self.0 {
            *x = if *x <= 0.0 { 0.0 } else { *x };
        }
    }
}

/// `out` = scale · gradient where the rectified output `of` is positive, or else 0.
///
/// # Panics
/// If the lengths differ.
pub fn rectify_slopes(out: &mut [f32], gradient: &[f32], scale: f32, of: &[f32]) {
    assert!(out.len() == gradient.len() && of.len() == out.len(), "rows of one length");
    simd::dispatch(RectifySlopes(out, gradient, scale, of));
}

struct RectifySlopes<'a>(&'a mut [f32], &'a [f32], f32, &'a [f32]);

impl NullaryFnOnce for RectifySlopes<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(out, gradient, scale, of) = self;
        for ((out, gradient), of) in out.iter_mut().zip(gradient).zip(of) {
            *out = if *of > 0.0 { scale * gradient } else { 0.0 };
        }
    }
}

/// Adds each row of `rows: [n, sum.len()]` to `sum`, in ascending order.
///
/// # Panics
/// If the rows are not whole.
pub fn add_rows(sum: &mut [f32], rows: &[f32]) {
    assert!(rows.len().is_multiple_of(sum.len()), "rows of {}", sum.len());
    simd::dispatch(AddRows(sum, rows));
}

struct AddRows<'a>(&'a mut [f32], &'a [f32]);

impl NullaryFnOnce for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(sum, rows) = self;
        for row in rows.chunks_exact(sum.len()) {
            for (sum, value) in sum.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

/// Rows by time, then piece, padded (`[L·pieces, stride]`), written as rows by piece, then time, without padding
/// (`[pieces·L, width]`).
pub fn by_piece(rows: &[f32], stride: usize, width: usize, length: usize, out: &mut [f32]) {
    let pieces = rows.len() / stride / length;
    for (k, piece) in out.chunks_exact_mut(length * width).enumerate() {
        for (time, out) in piece.chunks_exact_mut(width).enumerate() {
            out.copy_from_slice(&rows[(time * pieces + k) * stride..][..width]);
        }
    }
}

/// The way back of [`by_piece`]: what pads the rows of `out` is left alone.
pub fn by_time(rows: &[f32], width: usize, stride: usize, length: usize, out: &mut [f32]) {
    let pieces = out.len() / stride / length;
    for (k, piece) in rows.chunks_exact(length * width).enumerate() {
        for (time, row) in piece.chunks_exact(width).enumerate() {
            out[(time * pieces + k) * stride..][..width].copy_from_slice(row);
        }
    }
}

/// Adds the gradients that groups left of a parameter to `gradient: [rows, width]`, in their order; theirs are padded where it
/// has rows.
pub fn add_padded<'a>(gradient: &mut [f32], width: usize, parts: impl Iterator<Item = &'a [f32]>) {
    gradient.fill(0.0);
    let rows = gradient.len() / width;
    for part in parts {
        let stride = part.len() / rows;
        for (sum, row) in gradient.chunks_exact_mut(width).zip(part.chunks_exact(stride)) {
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
    }
}

#[cfg(test)]
mod tests {
    use harness::rng::Stream;

    use super::*;
    use crate::golden::bits;

    #[test]
    fn kernels_have_the_stated_bits_at_every_level() {
        let values = |purpose: &str, n: usize| Stream::new(0, "rows", purpose, 0).normals(n, 1.0);
        let (x, gradient) = (values("x", 90), values("gradient", 90));
        for level in simd::levels() {
            let mut out = x.clone();
            level.dispatch(Rectify(&mut out));
            assert!(out.iter().zip(&x).all(|(out, x)| *out == x.max(0.0)));
            let mut slopes = vec![f32::NAN; 90];
            level.dispatch(RectifySlopes(&mut slopes, &gradient, 0.3, &out));
            let stated: Vec<f32> = gradient.iter().zip(&x).map(|(g, x)| if *x > 0.0 { 0.3 * g } else { 0.0 }).collect();
            assert_eq!(bits(&slopes), bits(&stated));
            let mut sum = vec![1.0; 18];
            level.dispatch(AddRows(&mut sum, &x));
            let stated: Vec<f32> = (0..18).map(|j| (0..5).fold(1.0, |sum, row| sum + x[row * 18 + j])).collect();
            assert_eq!(bits(&sum), bits(&stated));
        }
        let mut none = [f32::NAN];
        rectify(&mut none);
        assert!(none[0].is_nan());
    }

    #[test]
    fn rows_go_by_time_and_back() {
        // Two pieces of three positions of width 2, padded to 4.
        let by_pieces: Vec<f32> = (0..12).map(|k| k as f32).collect();
        let mut rows = vec![9.0; 24];
        by_time(&by_pieces, 2, 4, 3, &mut rows);
        assert_eq!(rows[..12], [0.0, 1.0, 9.0, 9.0, 6.0, 7.0, 9.0, 9.0, 2.0, 3.0, 9.0, 9.0]);
        let mut back = vec![0.0; 12];
        by_piece(&rows, 4, 2, 3, &mut back);
        assert_eq!(back, by_pieces);
        let mut sum = vec![7.0; 4];
        add_padded(&mut sum, 2, [&rows[..8], &rows[8..16]].into_iter());
        assert_eq!(sum, [2.0, 4.0, 14.0, 16.0]);
    }
}
