//! Products of small matrices, on one thread, in place, with the same bits on every machine.
//!
//! For layers whose matrices stay in the cache and whose work is cut into fixed blocks by the caller.
//! Every element of C is one chain of fused multiply-adds that starts at its old value and takes the
//! inner index in ascending order, so neither the width of registers nor the shape of tiles shows in
//! the result (`gemm`, which candle uses, promises neither, and has no safe interface).
//!
//! Rows of B and C must be padded to a multiple of [`PAD`]: then no register is ever half full.

use pulp::{Simd, WithSimd};

use crate::simd;

/// Values in the widest register.
pub const PAD: usize = 16;

/// Rows of C in a tile: with 4 registers each they fill 24 of AVX-512's 32 registers with sums.
const ROWS: usize = 6;

/// `n` rounded up to a multiple of [`PAD`].
pub const fn padded(n: usize) -> usize {
    n.next_multiple_of(PAD)
}

/// C += A·B for `c: [rows, n]`, `a: [rows, stride]` (of which the first k columns are used, and the last row
/// may end after them), `b: [k, n]`.
///
/// # Panics
/// If the sizes do not fit, or `n` is not a multiple of [`PAD`].
pub fn add_product(c: &mut [f32], n: usize, a: &[f32], stride: usize, b: &[f32]) {
    let (rows, k) = sizes(c, n, b);
    assert!(k <= stride && (rows == 0 || a.len() >= (rows - 1) * stride + k), "C += A·B");
    simd::dispatch(Product { c, n, b, a: Plain { values: a, stride } });
}

/// C += Aᵀ·B for `c: [rows, n]`, `a: [k, stride]` (of which the first `rows` columns are used, and the last row
/// may end after them), `b: [k, n]`.
///
/// # Panics
/// If the sizes do not fit, or `n` is not a multiple of [`PAD`].
pub fn add_transposed_product(c: &mut [f32], n: usize, a: &[f32], stride: usize, b: &[f32]) {
    let (rows, k) = sizes(c, n, b);
    assert!(rows <= stride && (k == 0 || a.len() >= (k - 1) * stride + rows), "C += Aᵀ·B");
    simd::dispatch(Product { c, n, b, a: Transposed { values: a, stride } });
}

/// Rows of C and the inner size.
fn sizes(c: &[f32], n: usize, b: &[f32]) -> (usize, usize) {
    assert!(n > 0 && n.is_multiple_of(PAD), "rows of {n}");
    assert!(c.len().is_multiple_of(n) && b.len().is_multiple_of(n), "rows of {n}");
    (c.len() / n, b.len() / n)
}

/// The factor on the left, `R` of its rows at a time.
trait Left: Copy {
    /// For each inner index in turn, the elements of rows `first..first + R`.
    fn rows<const R: usize>(&self, first: usize, k: usize) -> impl Fn(usize) -> [f32; R];
}

#[derive(Clone, Copy)]
struct Plain<'a> {
    values: &'a [f32],
    stride: usize,
}

impl Left for Plain<'_> {
    #[inline(always)]
    fn rows<const R: usize>(&self, first: usize, k: usize) -> impl Fn(usize) -> [f32; R] {
        let rows: [&[f32]; R] = std::array::from_fn(|r| &self.values[(first + r) * self.stride..][..k]);
        move |inner| std::array::from_fn(|r| rows[r][inner])
    }
}

#[derive(Clone, Copy)]
struct Transposed<'a> {
    values: &'a [f32],
    stride: usize,
}

impl Left for Transposed<'_> {
    #[inline(always)]
    fn rows<const R: usize>(&self, first: usize, _: usize) -> impl Fn(usize) -> [f32; R] {
        move |inner| {
            let row = &self.values[inner * self.stride + first..][..R];
            std::array::from_fn(|r| row[r])
        }
    }
}

struct Product<'a, A> {
    c: &'a mut [f32],
    n: usize,
    b: &'a [f32],
    a: A,
}

impl<A: Left> WithSimd for Product<'_, A> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Registers across a tile: as many as leave room for B and A.
        match S::F32_LANES {
            16 => self.run::<S, 4>(simd),
            8 => self.run::<S, 2>(simd),
            4 => self.run::<S, 4>(simd),
            _ => self.run::<S, 1>(simd),
        }
    }
}

impl<A: Left> Product<'_, A> {
    /// Strips of up to `ACROSS` registers, so that a strip of B stays in the L1 cache while the rows pass.
    #[inline(always)]
    fn run<S: Simd, const ACROSS: usize>(self, simd: S) {
        let width = self.n / S::F32_LANES;
        let (b, c) = (S::as_simd_f32s(self.b).0, S::as_mut_simd_f32s(self.c).0);
        let strips = width.div_ceil(ACROSS);
        for strip in 0..strips {
            // Strips of nearly equal width: a thin one would be bound by loads.
            let (first, end) = (strip * width / strips, (strip + 1) * width / strips);
            let strip = Strip { a: self.a, b, c, width, first };
            match end - first {
                4 => strip.rows::<S, 4>(simd),
                3 => strip.rows::<S, 3>(simd),
                2 => strip.rows::<S, 2>(simd),
                _ => strip.rows::<S, 1>(simd),
            }
        }
    }
}

/// Some columns of C and B, counted in registers.
struct Strip<'a, V, A> {
    a: A,
    b: &'a [V],
    c: &'a mut [V],
    width: usize,
    first: usize,
}

impl<V: Copy, A: Left> Strip<'_, V, A> {
    #[inline(always)]
    fn rows<S: Simd<f32s = V>, const W: usize>(mut self, simd: S) {
        let rows = self.c.len() / self.width;
        let mut row = 0;
        while row + ROWS <= rows {
            self.tile::<S, W, ROWS>(simd, row);
            row += ROWS;
        }
        if row + 4 <= rows {
            self.tile::<S, W, 4>(simd, row);
            row += 4;
        }
        if row + 2 <= rows {
            self.tile::<S, W, 2>(simd, row);
            row += 2;
        }
        if row < rows {
            self.tile::<S, W, 1>(simd, row);
        }
    }

    #[inline(always)]
    fn tile<S: Simd<f32s = V>, const W: usize, const R: usize>(&mut self, simd: S, row: usize) {
        let start = |r: usize| (row + r) * self.width + self.first;
        let mut sums: [[V; W]; R] = std::array::from_fn(|r| {
            let old = &self.c[start(r)..][..W];
            std::array::from_fn(|w| old[w])
        });
        let a = self.a.rows::<R>(row, self.b.len() / self.width);
        for (inner, b) in self.b.chunks_exact(self.width).enumerate() {
            let b = &b[self.first..][..W];
            let a = a(inner);
            for r in 0..R {
                let a = simd.splat_f32s(a[r]);
                for w in 0..W {
                    sums[r][w] = simd.mul_add_f32s(a, b[w], sums[r][w]);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let at = start(r);
            self.c[at..at + W].copy_from_slice(sums);
        }
    }
}

/// `out: [columns, stride]` gets the transpose of the first `columns` columns of `a: [rows, width]`; what
/// pads its rows is left alone.
///
/// # Panics
/// If the sizes do not fit.
pub fn transpose(out: &mut [f32], stride: usize, a: &[f32], width: usize, columns: usize) {
    let rows = a.len() / width;
    assert!(a.len() == rows * width && columns <= width && rows <= stride, "out = Aᵀ");
    assert_eq!(out.len(), columns * stride, "out = Aᵀ");
    // Squares, so that both sides are read and written by the cache line, and written without gaps.
    let whole = (rows - rows % PAD, columns - columns % PAD);
    for row in (0..whole.0).step_by(PAD) {
        for column in (0..whole.1).step_by(PAD) {
            let square: [&[f32; PAD]; PAD] =
                std::array::from_fn(|r| a[(row + r) * width + column..].first_chunk().expect("a row has the columns"));
            for c in 0..PAD {
                let line: [f32; PAD] = std::array::from_fn(|r| square[r][c]);
                out[(column + c) * stride + row..][..PAD].copy_from_slice(&line);
            }
        }
    }
    for (row, values) in a.chunks_exact(width).enumerate() {
        let done = if row < whole.0 { whole.1 } else { 0 };
        for (column, &value) in values[..columns].iter().enumerate().skip(done) {
            out[column * stride + row] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::bits;
    use crate::rng::Stream;
    use crate::simd::levels;

    fn values(purpose: &str, n: usize) -> Vec<f32> {
        Stream::new(1, "product", purpose, n as u64).normals(n, 1.0)
    }

    /// The stated chain, by the letter; `a(row, inner)`.
    fn stated(c: &[f32], n: usize, b: &[f32], a: impl Fn(usize, usize) -> f32) -> Vec<u32> {
        let chain = |row: usize, column: usize| {
            let start = c[row * n + column];
            (0..b.len() / n).fold(start, |sum, inner| a(row, inner).mul_add(b[inner * n + column], sum))
        };
        (0..c.len() / n).flat_map(|row| (0..n).map(move |column| chain(row, column).to_bits())).collect()
    }

    #[test]
    fn products_have_the_stated_bits_at_every_level() {
        for (rows, k, n) in [(1, 1, 16), (2, 3, 32), (6, 20, 112), (13, 5, 208), (23, 0, 16), (0, 4, 48), (17, 9, 64)] {
            let (old, b) = (values("c", rows * n), values("b", k * n));
            // Both left factors have columns that are not used.
            let plain = Plain { values: &values("a", rows * (k + 3)), stride: k + 3 };
            let transposed = Transposed { values: &values("t", k * (rows + 5)), stride: rows + 5 };
            let want = [
                stated(&old, n, &b, |row, inner| plain.values[row * plain.stride + inner]),
                stated(&old, n, &b, |row, inner| transposed.values[inner * transposed.stride + row]),
            ];
            for level in levels() {
                let mut c = [old.clone(), old.clone()];
                level.dispatch(Product { c: &mut c[0], n, b: &b, a: plain });
                level.dispatch(Product { c: &mut c[1], n, b: &b, a: transposed });
                assert_eq!(c.map(|c| bits(&c)), want, "{rows} × {k} × {n}");
            }
            let mut c = [old.clone(), old];
            add_product(&mut c[0], n, plain.values, plain.stride, &b);
            add_transposed_product(&mut c[1], n, transposed.values, transposed.stride, &b);
            assert_eq!(c.map(|c| bits(&c)), want);
        }
    }

    #[test]
    fn a_product_by_hand() {
        let mut c = vec![0.0; 2 * PAD];
        let mut b = vec![0.0; 2 * PAD];
        (c[0], b[0], b[1], b[PAD]) = (0.5, 1.0, 2.0, 3.0);
        add_product(&mut c, PAD, &[1.0, 10.0, 2.0, 20.0], 2, &b);
        assert_eq!((c[0], c[1], c[PAD], c[PAD + 1]), (31.5, 2.0, 62.0, 4.0));
        add_transposed_product(&mut c, PAD, &[1.0, 2.0, 10.0, 20.0], 2, &b);
        assert_eq!((c[0], c[1], c[PAD], c[PAD + 1]), (62.5, 4.0, 124.0, 8.0));
    }

    #[test]
    fn a_transpose_leaves_the_padding() {
        let a = values("t", 19 * 32);
        let mut out = vec![7.0; 30 * 32];
        transpose(&mut out, 32, &a, 32, 30);
        for (column, row) in out.chunks_exact(32).enumerate() {
            assert!(row[..19].iter().zip(a.chunks_exact(32)).all(|(out, a)| *out == a[column]));
            assert!(row[19..].iter().all(|&out| out == 7.0));
        }
    }

    #[test]
    #[should_panic(expected = "rows of 15")]
    fn rows_must_be_padded() {
        add_product(&mut [0.0; 15], 15, &[1.0], 1, &[1.0; 15]);
    }

    #[test]
    #[should_panic(expected = "C += A·B")]
    fn sizes_must_fit() {
        add_product(&mut [0.0; 32], 16, &[1.0; 3], 2, &[1.0; 32]);
    }
}
