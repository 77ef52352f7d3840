//! Products of matrices with the same bits on every machine and any number of threads.
//!
//! Every element is one chain of fused multiply-adds, start + a₀·b₀ + a₁·b₁ + …, in the order of the
//! inner dimension. Blocks, threads and vector widths only choose which chains run side by side.
//! (The library GEMM cuts the chains by the sizes of the machine's caches, and is unsafe to call.)

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::simd::dispatch;

/// Columns side by side in a panel of `b`: two AVX-512 registers.
const LANES: usize = 32;
/// Rows of `a` at once: 12 × 2 sums leave 8 of AVX-512's 32 registers for the operands.
const GROUP: usize = 12;
/// Links of the chains per pass: 256 columns of `b` at this depth are 256 KiB, within the L2 cache.
const DEPTH: usize = 256;
/// Groups of rows per task.
const TASK: usize = 4;

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

    #[must_use]
    pub fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    /// `out[r][c]` = element (`row + r`, `column + c`), zero beyond the last column.
    fn pack<const W: usize>(&self, row: usize, column: usize, out: &mut [[f32; W]]) {
        let width = W.min(self.columns - column);
        if width < W {
            out.fill([0.0; W]);
        }
        if self.transposed {
            for lane in 0..width {
                let line = &self.values[(column + lane) * self.stride + row..][..out.len()];
                for (out, &value) in out.iter_mut().zip(line) {
                    out[lane] = value;
                }
            }
        } else {
            for (r, out) in out.iter_mut().enumerate() {
                let line = &self.values[(row + r) * self.stride + column..][..width];
                match line.first_chunk() {
                    // Of known length: no call.
                    Some(line) => *out = *line,
                    None => out[..width].copy_from_slice(line),
                }
            }
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
    let mut starts = vec![[0.0; LANES]; columns.div_ceil(LANES)];
    if let Some(start) = start {
        starts.as_flattened_mut()[..columns].copy_from_slice(start);
    }
    let mut panels = vec![[0.0; LANES]; columns.div_ceil(LANES) * DEPTH.min(depth)];
    for first in (0..depth).step_by(DEPTH) {
        let depth = DEPTH.min(depth - first);
        let panels = &mut panels[..columns.div_ceil(LANES) * depth];
        panels.par_chunks_mut(depth).enumerate().for_each(|(p, panel)| b.pack(first, p * LANES, panel));
        let panels = &*panels;
        let starts = (first == 0).then_some(&starts[..]);
        out.par_chunks_mut(TASK * GROUP * stride).enumerate().for_each_init(Vec::new, |group, (task, out)| {
            group.resize(depth, [0.0; GROUP]);
            for (g, out) in out.chunks_mut(GROUP * stride).enumerate() {
                a.transposed().pack(first, (task * TASK + g) * GROUP, group);
                dispatch(Rows { group, panels, starts, columns, out, stride });
            }
        });
    }
}

/// A group of rows of `out`, carried on by the links of one pass.
struct Rows<'a> {
    /// `[depth]`
    group: &'a [[f32; GROUP]],
    /// `[panels, depth]`
    panels: &'a [[f32; LANES]],
    /// `[panels]`: what the chains begin with in the first pass; later they go on from `out`.
    starts: Option<&'a [[f32; LANES]]>,
    columns: usize,
    out: &'a mut [f32],
    stride: usize,
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Rows × registers of columns at once: as many sums as the register file holds.
        match S::F32_LANES {
            16 => self.run::<S, 12, 2>(simd),
            8 => self.run::<S, 6, 2>(simd),
            4 => self.run::<S, 6, 4>(simd),
            _ => self.run::<S, 2, 4>(simd),
        }
    }
}

impl Rows<'_> {
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const REGS: usize>(self, simd: S) {
        // Through a whole tile, so that edges need no kernel of their own.
        let mut sums = [[0.0; LANES]; GROUP];
        for (p, panel) in self.panels.chunks_exact(self.group.len()).enumerate() {
            let column = p * LANES;
            let width = LANES.min(self.columns - column);
            if let Some(starts) = self.starts {
                sums = [starts[p]; GROUP];
            } else {
                for (sums, out) in sums.iter_mut().zip(self.out.chunks(self.stride)) {
                    let out = &out[column..column + width];
                    match out.first_chunk() {
                        Some(out) => *sums = *out,
                        None => sums[..width].copy_from_slice(out),
                    }
                }
            }
            for row in (0..GROUP).step_by(ROWS) {
                for lane in (0..LANES).step_by(REGS * S::F32_LANES) {
                    tile::<S, ROWS, REGS>(simd, self.group, row, panel, lane, &mut sums);
                }
            }
            for (sums, out) in sums.iter().zip(self.out.chunks_mut(self.stride)) {
                let out = &mut out[column..column + width];
                match out.first_chunk_mut() {
                    // Of known length: no call.
                    Some(out) => *out = *sums,
                    None => {
                        let (body, tail) = S::as_mut_simd_f32s(out);
                        let sums = S::as_simd_f32s(sums).0;
                        for (out, sums) in body.iter_mut().zip(sums) {
                            *out = *sums;
                        }
                        if !tail.is_empty() {
                            simd.partial_store_f32s(tail, sums[body.len()]);
                        }
                    }
                }
            }
        }
    }
}

/// The inner loop: `ROWS` rows from `row` × `REGS` registers of columns from `lane`.
#[inline(always)]
fn tile<S: Simd, const ROWS: usize, const REGS: usize>(
    simd: S,
    group: &[[f32; GROUP]],
    row: usize,
    panel: &[[f32; LANES]],
    lane: usize,
    out: &mut [[f32; LANES]; GROUP],
) {
    let load = |values: &[f32; LANES]| -> [S::f32s; REGS] {
        let values = S::as_simd_f32s(&values[lane..lane + REGS * S::F32_LANES]).0;
        std::array::from_fn(|r| values[r])
    };
    let mut sums: [[S::f32s; REGS]; ROWS] = std::array::from_fn(|r| load(&out[row + r]));
    for (a, b) in group.iter().zip(panel) {
        let b = load(b);
        for (sums, &a) in sums.iter_mut().zip(&a[row..row + ROWS]) {
            let a = simd.splat_f32s(a);
            for (sum, &b) in sums.iter_mut().zip(&b) {
                *sum = simd.mul_add_f32s(a, b, *sum);
            }
        }
    }
    for (sums, out) in sums.iter().zip(&mut out[row..row + ROWS]) {
        S::as_mut_simd_f32s(&mut out[lane..lane + REGS * S::F32_LANES]).0.copy_from_slice(sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::simd::levels;

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

    #[test]
    fn every_level_has_the_same_bits() {
        let (depth, columns) = (50, 40);
        let (a, b) = (values(depth * GROUP), values(2 * depth * LANES + 1));
        let (group, panels) = (a.as_chunks().0, b.as_chunks().0);
        let results = levels().into_iter().map(|level| {
            let mut out = vec![0.5; GROUP * columns];
            level.dispatch(Rows { group, panels, starts: None, columns, out: &mut out, stride: columns });
            out
        });
        let results: Vec<_> = results.collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        assert!(results[0].iter().all(|value| *value != 0.5));
    }
}
