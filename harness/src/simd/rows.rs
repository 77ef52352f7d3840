//! Reductions of many rows of a table to one number each, several rows at once.

use pulp::{Simd, WithSimd};

use super::LANES;

/// A reduction of a row to one number, such as its dot product with a vector.
pub trait OfRows {
    /// The numbers of `rows`, each summed in `REGS` registers that together are [`LANES`] lanes, and these
    /// by [`add_lanes`]. An implementation is `#[inline(always)]`: it is compiled for each level.
    fn of_rows<S: Simd, const ROWS: usize, const REGS: usize>(&self, simd: S, rows: [&[f32]; ROWS]) -> [f32; ROWS];
}

/// `out[k]` = what `kernel` makes of row `row_of(k)` of `table: [rows, width]`. To be [dispatched](super::dispatch).
pub struct ByRow<'a, F, K> {
    pub table: &'a [f32],
    pub width: usize,
    pub row_of: F,
    pub kernel: K,
    pub out: &'a mut [f32],
}

impl<F: Fn(usize) -> usize, K: OfRows> WithSimd for ByRow<'_, F, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Registers per row times rows at once stays within half the register file.
        match S::F32_LANES {
            16 => self.run::<S, 4, 2>(simd),
            8 => self.run::<S, 2, 4>(simd),
            4 => self.run::<S, 2, 8>(simd),
            _ => self.run::<S, 1, LANES>(simd),
        }
    }
}

impl<F: Fn(usize) -> usize, K: OfRows> ByRow<'_, F, K> {
    /// `ROWS` rows at once, each summed in `REGS` registers.
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const REGS: usize>(self, simd: S) {
        let row = |k: usize| &self.table[(self.row_of)(k) * self.width..][..self.width];
        let (groups, rest) = self.out.as_chunks_mut::<ROWS>();
        let done = groups.len() * ROWS;
        for (group, out) in groups.iter_mut().enumerate() {
            *out = self.kernel.of_rows::<S, ROWS, REGS>(simd, std::array::from_fn(|r| row(group * ROWS + r)));
        }
        for (k, out) in rest.iter_mut().enumerate() {
            [*out] = self.kernel.of_rows::<S, 1, REGS>(simd, [row(done + k)]);
        }
    }
}

/// The sum of the lanes of each row, by one tree, halves first: over registers, then within one (pulp
/// reduces by halves, too).
#[inline(always)]
pub fn add_lanes<S: Simd, const ROWS: usize, const REGS: usize>(
    simd: S,
    mut sums: [[S::f32s; REGS]; ROWS],
) -> [f32; ROWS] {
    for sum in &mut sums {
        let mut half = REGS / 2;
        while half > 0 {
            for reg in 0..half {
                sum[reg] = simd.add_f32s(sum[reg], sum[reg + half]);
            }
            half /= 2;
        }
    }
    // Lanes that a narrower machine skips may differ in the sign of a zero; so no zero keeps one.
    // A loop, because `map` is not inlined into code for this machine's registers.
    let mut out = [0.0; ROWS];
    for (out, sum) in out.iter_mut().zip(&sums) {
        *out = simd.reduce_sum_f32s(sum[0]) + 0.0;
    }
    out
}
