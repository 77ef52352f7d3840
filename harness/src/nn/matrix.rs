//! Products of matrices with the same bits on every machine and any number of threads.
//!
//! Every element is one chain of fused multiply-adds, start + a₀·b₀ + a₁·b₁ + …, in the order of the
//! inner dimension. Blocks, threads and vector widths only choose which chains run side by side.
//! (The library GEMM cuts the chains by the sizes of the machine's caches, and is unsafe to call.)

use rayon::prelude::*;

use super::product::{add_product, add_transposed_product, padded};

/// Columns of `b` that are packed side by side: as many as the widest tile of [`add_product`] has.
const STRIP: usize = 64;
/// Links of the chains per pass: a strip of `b` at this depth is 24 KiB, within the L1 cache.
const DEPTH: usize = 96;
/// Rows of `out` per task.
const TASK: usize = 48;

/// A matrix whose rows, or whose columns, lie in one piece.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    /// From one row to the next (to the next column of a transposed matrix).
    stride: usize,
    transposed: bool,
}

impl<'a> Matrix<'a> {
    /// `rows × columns`, row-major; a row begins `stride` after the one before.
    ///
    /// # Panics
    /// If a row is longer than the stride, or `values` ends before the last row.
    pub fn new(values: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(columns <= stride, "rows of {columns}, {stride} apart");
        assert!(rows == 0 || values.len() >= (rows - 1) * stride + columns, "{rows} rows, {stride} apart");
        Self { values, rows, columns, stride, transposed: false }
    }

    /// The transpose: a view of the same values.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    /// The matrix as strips `[rows, STRIP]` of columns, one after the other; the last is as wide as it must
    /// be, with zeros beyond the last column.
    fn strips(&self) -> Vec<Vec<f32>> {
        let strip = |first: usize| {
            let width = STRIP.min(self.columns - first);
            let mut packed = vec![0.0; self.rows * padded(width)];
            for (r, row) in packed.chunks_exact_mut(padded(width)).enumerate() {
                if self.transposed {
                    let column = self.values[first * self.stride + r..].iter().step_by(self.stride);
                    row[..width].iter_mut().zip(column).for_each(|(slot, value)| *slot = *value);
                } else {
                    row[..width].copy_from_slice(&self.values[r * self.stride + first..][..width]);
                }
            }
            packed
        };
        (0..self.columns).into_par_iter().step_by(STRIP).map(strip).collect()
    }

    /// C += (`depth` columns from `column` of `rows` rows from `row`) · B, for `c: [rows, n]`, `b: [depth, n]`.
    fn add_product(&self, row: usize, column: usize, c: &mut [f32], n: usize, b: &[f32]) {
        if self.transposed {
            add_transposed_product(c, n, &self.values[column * self.stride + row..], self.stride, b);
        } else {
            add_product(c, n, &self.values[row * self.stride + column..], self.stride, b);
        }
    }
}

/// Writes `start + a·b` over `out`: row-major, a row begins `stride` after the one before, and what
/// lies between rows stays. `start` is added to every row; `None` means zeros.
///
/// # Panics
/// If the sizes do not fit.
pub fn multiply(a: Matrix<'_>, b: Matrix<'_>, start: Option<&[f32]>, out: &mut [f32], stride: usize) {
    let (rows, columns, depth) = (a.rows, b.columns, a.columns);
    assert_eq!(depth, b.rows, "the inner dimensions");
    assert!(columns <= stride && start.is_none_or(|start| start.len() == columns), "rows of {columns}");
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(out.len() >= (rows - 1) * stride + columns, "{rows} rows, {stride} apart");
    let end = out.len().min(rows * stride);
    let out = &mut out[..end];
    if depth == 0 {
        for row in out.chunks_mut(stride) {
            match start {
                Some(start) => row[..columns].copy_from_slice(start),
                None => row[..columns].fill(0.0),
            }
        }
        return;
    }
    let strips = b.strips();
    out.par_chunks_mut(TASK * stride).enumerate().for_each_init(Vec::new, |sums, (task, out)| {
        let rows = out.len().div_ceil(stride);
        for (strip, b) in strips.iter().enumerate() {
            let at = strip * STRIP..columns.min((strip + 1) * STRIP);
            let n = padded(at.len());
            sums.clear();
            sums.resize(rows * n, 0.0);
            if let Some(start) = start {
                sums.chunks_exact_mut(n).for_each(|row| row[..at.len()].copy_from_slice(&start[at.clone()]));
            }
            for first in (0..depth).step_by(DEPTH) {
                let end = (first + DEPTH).min(depth);
                a.add_product(task * TASK, first, sums, n, &b[first * n..end * n]);
            }
            for (out, sums) in out.chunks_mut(stride).zip(sums.chunks_exact(n)) {
                out[at.clone()].copy_from_slice(&sums[..at.len()]);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    fn values(n: usize) -> Vec<f32> {
        Stream::new(3, "gemm", "values", n as u64).normals(n, 1.0)
    }

    /// The chain, by the letter; `mul_add` rounds once on every machine.
    fn stated(
        m: usize,
        n: usize,
        k: usize,
        a: impl Fn(usize, usize) -> f32,
        b: impl Fn(usize, usize) -> f32,
    ) -> Vec<f32> {
        let element = |r: usize, c: usize| (0..k).fold(c as f32, |sum, i| a(r, i).mul_add(b(i, c), sum));
        (0..m).flat_map(|r| (0..n).map(move |c| (r, c))).map(|(r, c)| element(r, c)).collect()
    }

    #[test]
    fn every_layout_and_size_has_the_bits_of_the_chain() {
        for (m, n, k) in [(1, 1, 1), (5, 3, 7), (12, 32, 4), (13, 33, 256), (50, 70, 300), (120, 25, 600), (3, 5, 0)] {
            // Rows lie apart by more than their length, in `a`, `b` and `out`.
            let (gap, start): (usize, Vec<f32>) = (3, (0..n).map(|c| c as f32).collect());
            for (a_turned, b_turned) in [(false, false), (true, false), (false, true), (true, true)] {
                let (a_values, b_values) = (values((m + gap) * (k + gap)), values((k + gap) * (n + gap)));
                let matrix = |values, rows, columns, turned| match turned {
                    false => Matrix::new(values, rows, columns, columns + gap),
                    true => Matrix::new(values, columns, rows, rows + gap).transposed(),
                };
                let element =
                    |values: &[f32], rows: usize, columns: usize, turned: bool, r: usize, c: usize| match turned {
                        false => values[r * (columns + gap) + c],
                        true => values[c * (rows + gap) + r],
                    };
                let want = stated(
                    m,
                    n,
                    k,
                    |r, c| element(&a_values, m, k, a_turned, r, c),
                    |r, c| element(&b_values, k, n, b_turned, r, c),
                );
                let mut out = vec![-7.0; m * (n + gap)];
                let (a, b) = (matrix(&a_values, m, k, a_turned), matrix(&b_values, k, n, b_turned));
                multiply(a, b, Some(&start), &mut out, n + gap);
                for (row, want) in out.chunks(n + gap).zip(want.chunks(n)) {
                    assert_eq!(&row[..n], want, "{m} × {n}, {k} deep, {a_turned}, {b_turned}");
                    assert_eq!(row[n..], [-7.0; 3], "what lies between rows stays");
                }
            }
        }
    }
}
