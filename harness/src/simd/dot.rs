//! Dot products.

use pulp::Simd;

use super::{ByRow, OfRows, add_lanes, dispatch};

/// ⟨a, b⟩. For more than one row use [`dots`] or [`gathered_dots`]: the same bits, faster.
///
/// # Panics
/// If the lengths differ.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut out = [0.0];
    dots(a, b, &mut out);
    out[0]
}

/// `out[r]` = ⟨row r, x⟩ for `rows: [out.len(), x.len()]`, row-major.
///
/// # Panics
/// If `rows` has another size.
pub fn dots(rows: &[f32], x: &[f32], out: &mut [f32]) {
    assert_eq!(rows.len(), out.len() * x.len(), "rows · x");
    dispatch(ByRow { table: rows, width: x.len(), row_of: |r| r, kernel: DotKernel(x), out });
}

/// `out[k]` = ⟨row `ids[k]`, x⟩ for `table: [rows, x.len()]`, row-major.
///
/// # Panics
/// If an id is not a row, or `ids` and `out` differ in length.
pub fn gathered_dots(table: &[f32], ids: &[u32], x: &[f32], out: &mut [f32]) {
    assert_eq!(ids.len(), out.len(), "one score for each id");
    dispatch(ByRow { table, width: x.len(), row_of: |k| ids[k] as usize, kernel: DotKernel(x), out });
}

/// The kernel of ⟨row, x⟩ for each row.
struct DotKernel<'a>(&'a [f32]);

impl OfRows for DotKernel<'_> {
    #[inline(always)]
    fn of_rows<S: Simd, const ROWS: usize, const REGS: usize>(&self, simd: S, rows: [&[f32]; ROWS]) -> [f32; ROWS] {
        let (x_body, x_tail) = S::as_simd_f32s(self.0);
        let rows = rows.map(|row| S::as_simd_f32s(row));
        let (x_blocks, x_rest) = x_body.as_chunks::<REGS>();
        let mut sums = [[simd.splat_f32s(0.0); REGS]; ROWS];
        for (block, x) in x_blocks.iter().enumerate() {
            for (row, sum) in rows.iter().zip(&mut sums) {
                let values = &row.0[block * REGS..(block + 1) * REGS];
                for reg in 0..REGS {
                    sum[reg] = simd.mul_add_f32s(values[reg], x[reg], sum[reg]);
                }
            }
        }
        let start = x_blocks.len() * REGS;
        let x_tail = (!x_tail.is_empty()).then(|| simd.partial_load_f32s(x_tail));
        for (row, sum) in rows.iter().zip(&mut sums) {
            // A fixed loop with tests inside: a running index would push the sums out of registers.
            for (reg, sum) in sum.iter_mut().enumerate() {
                if reg < x_rest.len() {
                    *sum = simd.mul_add_f32s(row.0[start + reg], x_rest[reg], *sum);
                } else if let (true, Some(x)) = (reg == x_rest.len(), x_tail) {
                    *sum = simd.mul_add_f32s(simd.partial_load_f32s(row.1), x, *sum);
                }
            }
        }
        add_lanes(simd, sums)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LANES, levels, values};
    use super::*;

    /// The stated structure, by the letter.
    fn stated(a: &[f32], b: &[f32]) -> f32 {
        let mut lanes = [0.0f32; LANES];
        for (j, (a, b)) in a.iter().zip(b).enumerate() {
            lanes[j % LANES] = a.mul_add(*b, lanes[j % LANES]);
        }
        for half in [16, 8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        lanes[0] + 0.0
    }

    #[test]
    fn dots_have_the_stated_bits_at_every_level() {
        for dim in [1, 3, 8, 15, 16, 17, 20, 31, 32, 33, 48, 50, 63, 64, 100, 200, 600] {
            let n = 7;
            let (table, x) = (values(n * dim), values(dim));
            let expected: Vec<u32> = table.chunks(dim).map(|row| stated(row, &x).to_bits()).collect();
            for level in levels() {
                let mut out = vec![f32::NAN; n];
                level.dispatch(ByRow {
                    table: &table,
                    width: dim,
                    row_of: |r| r,
                    kernel: DotKernel(&x),
                    out: &mut out,
                });
                assert_eq!(out.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), expected, "dim {dim}");
            }
            let ids = [6, 0, 0, 3, 5];
            let mut out = [0.0; 5];
            gathered_dots(&table, &ids, &x, &mut out);
            for (id, value) in ids.iter().zip(out) {
                assert_eq!(value.to_bits(), expected[*id as usize]);
            }
            assert_eq!(dot(&table[..dim], &x).to_bits(), expected[0]);
        }
    }

    #[test]
    fn a_dot_is_near_its_f64_value() {
        let (a, b) = (values(201), values(202));
        let exact: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        assert!((f64::from(dot(&a, &b[..201])) - exact).abs() < 1e-4);
    }

    #[test]
    #[should_panic(expected = "rows · x")]
    fn sizes_must_fit() {
        dots(&[1.0; 5], &[1.0; 2], &mut [0.0; 2]);
    }
}
