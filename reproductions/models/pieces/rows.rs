//! Kernels over rows of activations, and how rows by time become rows by piece.

use harness::nn::{Dropout, padded};
use harness::rng::Stream;
use harness::simd;
use pulp::NullaryFnOnce;

/// `n` zeros.
pub fn zeros(values: &mut Vec<f32>, n: usize) {
    values.clear();
    values.resize(n, 0.0);
}

/// `values` · `factors`, in place.
pub fn scale_by(values: &mut [f32], factors: &[f32]) {
    values.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
}

/// Draws the dropout factors of so many values, on this thread.
pub fn draw_factors(dropout: Dropout, stream: &mut Stream, size: usize, factors: &mut Vec<f32>) {
    factors.resize(size, 0.0);
    // One block, so that the whole of it is drawn here.
    dropout.draw(stream, size.max(1), factors);
}

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

/// Each row of `rows: [n, row.len()]` becomes `row`.
///
/// # Panics
/// If the rows are not whole.
pub fn fill_rows(rows: &mut [f32], row: &[f32]) {
    assert!(rows.len().is_multiple_of(row.len()), "rows of {}", row.len());
    simd::dispatch(FillRows(rows, row));
}

struct FillRows<'a>(&'a mut [f32], &'a [f32]);

impl NullaryFnOnce for FillRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(rows, from) = self;
        for row in rows.chunks_exact_mut(from.len()) {
            // Element by element: rows are too short for a call.
            for (value, from) in row.iter_mut().zip(from) {
                *value = *from;
            }
        }
    }
}

/// `out` = x + scale · branch, each element one fused multiply-add.
///
/// # Panics
/// If the lengths differ.
pub fn add_branch(out: &mut Vec<f32>, x: &[f32], scale: f32, branch: &[f32]) {
    assert_eq!(x.len(), branch.len(), "rows of one length");
    out.resize(x.len(), 0.0);
    simd::dispatch(AddBranch(out, x, scale, branch));
}

struct AddBranch<'a>(&'a mut [f32], &'a [f32], f32, &'a [f32]);

impl NullaryFnOnce for AddBranch<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(out, x, scale, branch) = self;
        for ((out, x), branch) in out.iter_mut().zip(x).zip(branch) {
            *out = scale.mul_add(*branch, *x);
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

/// How rows of activations of some pieces lie: by time, then piece. The first positions, where all pieces have the padding
/// and a network may compute the same for all, have one row each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRows {
    pub pieces: usize,
    /// L.
    pub length: usize,
    /// Positions that have one row for all pieces, the first ones.
    pub shared: usize,
}

impl TimeRows {
    /// Number of rows.
    pub fn count(&self) -> usize {
        self.shared + (self.length - self.shared) * self.pieces
    }

    /// The row of a position of a piece.
    pub fn row(&self, time: usize, piece: usize) -> usize {
        if time < self.shared { time } else { self.shared + (time - self.shared) * self.pieces + piece }
    }

    /// Every row with one of its positions: row, time, piece.
    pub fn each(self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.length).flat_map(move |time| {
            let pieces = if time < self.shared { 1 } else { self.pieces };
            (0..pieces).map(move |piece| (self.row(time, piece), time, piece))
        })
    }

    /// Padded rows `[count, stride]`, written by piece, then time, without padding (`[pieces·L, width]`).
    pub fn by_piece(&self, rows: &[f32], stride: usize, width: usize, out: &mut [f32]) {
        for (piece, out) in out.chunks_exact_mut(self.length * width).enumerate() {
            for (time, out) in out.chunks_exact_mut(width).enumerate() {
                out.copy_from_slice(&rows[self.row(time, piece) * stride..][..width]);
            }
        }
    }

    /// The way back of [`by_piece`](Self::by_piece), of gradients, whose sum over the pieces a shared position has: what pads the
    /// rows of `out` is left alone, but zeros at shared positions.
    pub fn by_time(&self, rows: &[f32], width: usize, stride: usize, out: &mut [f32]) {
        out[..self.shared * stride].fill(0.0);
        self.each_row(rows, width, |row, time, values| {
            let out = &mut out[row * stride..][..width];
            if time < self.shared { add_values(out, values) } else { out.copy_from_slice(values) }
        });
    }

    /// Adds what [`by_time`](Self::by_time) writes to `sum`.
    pub fn add_by_time(&self, rows: &[f32], width: usize, stride: usize, sum: &mut [f32]) {
        self.each_row(rows, width, |row, _, values| add_values(&mut sum[row * stride..][..width], values));
    }

    /// Every position of every piece of `rows: [pieces·L, width]`: its row by time, its time and its values.
    fn each_row(&self, rows: &[f32], width: usize, mut visit: impl FnMut(usize, usize, &[f32])) {
        for (piece, rows) in rows.chunks_exact(self.length * width).enumerate() {
            for (time, values) in rows.chunks_exact(width).enumerate() {
                visit(self.row(time, piece), time, values);
            }
        }
    }
}

fn add_values(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// Writes what the first layer reads, a row of the table of ids plus one of the table of positions, to rows `[padded C]` of
/// pieces `inputs: [pieces, L]`; zeros beyond C.
///
/// # Panics
/// If there are not two tables, or an id or position has no row.
pub fn embed(tables: &[&[f32]], inputs: &[u32], order: TimeRows, width: usize, out: &mut Vec<f32>) {
    let [ids, positions] = tables else { panic!("a table of ids and one of positions") };
    let stride = padded(width);
    out.clear();
    out.resize(order.count() * stride, 0.0);
    for (row, time, piece) in order.each() {
        let id = inputs[piece * order.length + time] as usize;
        let (of_id, of_position) = (&ids[id * width..][..width], &positions[time * width..][..width]);
        let row = &mut out[row * stride..][..width];
        row.iter_mut().zip(of_id.iter().zip(of_position)).for_each(|(x, (id, position))| *x = id + position);
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
            add_values(sum, &row[..width]);
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
    fn first_positions_may_have_one_row_for_all() {
        let order = TimeRows { pieces: 3, length: 4, shared: 2 };
        let rows: Vec<usize> = order.each().map(|(row, ..)| row).collect();
        assert_eq!((rows, order.count()), ((0..8).collect(), 8));
        assert_eq!((order.row(1, 2), order.row(2, 0), order.row(3, 1)), (1, 2, 6));
        let rows: Vec<f32> = (0..8).map(|k| k as f32).collect();
        let mut out = vec![0.0; 12];
        order.by_piece(&rows, 1, 1, &mut out);
        assert_eq!(out, [0.0, 1.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0, 0.0, 1.0, 4.0, 7.0]);
        let mut back = vec![9.0; 8];
        order.by_time(&out, 1, 1, &mut back);
        // Each of the three gives its gradient to the row that they share.
        assert_eq!(back, [0.0, 3.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        order.add_by_time(&out, 1, 1, &mut back);
        assert_eq!(back, [0.0, 6.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0]);
    }

    #[test]
    fn rows_go_by_time_and_back() {
        // Two pieces of three positions of width 2, padded to 4.
        let by_pieces: Vec<f32> = (0..12).map(|k| k as f32).collect();
        let mut rows = vec![9.0; 24];
        let order = TimeRows { pieces: 2, length: 3, shared: 0 };
        order.by_time(&by_pieces, 2, 4, &mut rows);
        assert_eq!(rows[..12], [0.0, 1.0, 9.0, 9.0, 6.0, 7.0, 9.0, 9.0, 2.0, 3.0, 9.0, 9.0]);
        let mut back = vec![0.0; 12];
        order.by_piece(&rows, 4, 2, &mut back);
        assert_eq!(back, by_pieces);
        let mut sum = vec![7.0; 4];
        add_padded(&mut sum, 2, [&rows[..8], &rows[8..16]].into_iter());
        assert_eq!(sum, [2.0, 4.0, 14.0, 16.0]);
    }
}
