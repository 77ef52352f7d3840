//! Vector kernels with the same bits on every machine.
//!
//! `pulp` chooses AVX-512, AVX2, NEON or plain code at run time; the choice changes the speed and
//! never a bit, because a sum's structure is fixed here: element `j` of a dot product goes to lane
//! `j mod 32`, each lane is one chain of fused multiply-adds, and the lanes are added by one tree.
//! Choosing costs a call that cannot be inlined, so kernels take batches.

mod exp;
mod gathered;

use std::sync::LazyLock;

pub use exp::exp_minus;
pub use gathered::add_gathered;
use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

/// Lanes of a dot product: two AVX-512 registers, four of AVX2; enough chains to hide the latency
/// of a fused multiply-add (4 cycles) when several rows are summed at once.
const LANES: usize = 32;

/// Found once: detection reads a dozen flags.
static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Runs a kernel with the widest registers of this machine.
#[inline]
pub fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    ARCH.dispatch(kernel)
}

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
    dispatch(Dots { table: rows, row_of: |r| r, x, out });
}

/// `out[k]` = ⟨row `ids[k]`, x⟩ for `table: [rows, x.len()]`, row-major.
///
/// # Panics
/// If an id is not a row, or `ids` and `out` differ in length.
pub fn gathered_dots(table: &[f32], ids: &[u32], x: &[f32], out: &mut [f32]) {
    assert_eq!(ids.len(), out.len(), "one score for each id");
    dispatch(Dots { table, row_of: |k| ids[k] as usize, x, out });
}

struct Dots<'a, F> {
    table: &'a [f32],
    row_of: F,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl<F: Fn(usize) -> usize> WithSimd for Dots<'_, F> {
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

impl<F: Fn(usize) -> usize> Dots<'_, F> {
    /// `ROWS` rows at once, each summed in `REGS` registers.
    #[inline(always)]
    fn run<S: Simd, const ROWS: usize, const REGS: usize>(self, simd: S) {
        let dim = self.x.len();
        let row = |k: usize| {
            let start = (self.row_of)(k) * dim;
            &self.table[start..start + dim]
        };
        let (groups, rest) = self.out.as_chunks_mut::<ROWS>();
        let done = groups.len() * ROWS;
        for (group, out) in groups.iter_mut().enumerate() {
            *out = sums::<S, ROWS, REGS>(simd, std::array::from_fn(|r| row(group * ROWS + r)), self.x);
        }
        for (k, out) in rest.iter_mut().enumerate() {
            [*out] = sums::<S, 1, REGS>(simd, [row(done + k)], self.x);
        }
    }
}

#[inline(always)]
fn sums<S: Simd, const ROWS: usize, const REGS: usize>(simd: S, rows: [&[f32]; ROWS], x: &[f32]) -> [f32; ROWS] {
    let (x_body, x_tail) = S::as_simd_f32s(x);
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
    // The tree over 32 lanes, halves first: over registers, then within one (pulp reduces by halves, too).
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

/// `sum += coefficient · vector`, element by element, each one fused multiply-add.
///
/// # Panics
/// If the lengths differ.
pub fn add_scaled(sum: &mut [f32], coefficient: f32, vector: &[f32]) {
    assert_eq!(sum.len(), vector.len(), "sum += c · vector");
    dispatch(AddScaled(sum, coefficient, vector));
}

struct AddScaled<'a>(&'a mut [f32], f32, &'a [f32]);

impl NullaryFnOnce for AddScaled<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(sum, coefficient, vector) = self;
        for (s, v) in sum.iter_mut().zip(vector) {
            *s = coefficient.mul_add(*v, *s);
        }
    }
}

/// `out = a − b`, element by element.
///
/// # Panics
/// If the lengths differ.
pub fn subtract(out: &mut [f32], a: &[f32], b: &[f32]) {
    assert!(out.len() == a.len() && a.len() == b.len(), "out = a − b");
    dispatch(Subtract(out, a, b));
}

struct Subtract<'a>(&'a mut [f32], &'a [f32], &'a [f32]);

impl NullaryFnOnce for Subtract<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(out, a, b) = self;
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a - b;
        }
    }
}

/// How many scores beat a threshold.
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

/// Whether no score is infinite or not a number.
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

/// Every level of this machine, for tests that all of them agree.
#[cfg(test)]
pub(crate) fn levels() -> Vec<Arch> {
    let mut levels = vec![Arch::new(), Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    {
        levels.extend(pulp::x86::V3::try_new().map(Arch::V3));
        levels.extend(pulp::x86::V4::try_new().map(Arch::V4));
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    fn values(n: usize) -> Vec<f32> {
        Stream::new(1, "simd", "values", n as u64).normals(n, 1.0)
    }

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
                level.dispatch(Dots { table: &table, row_of: |r| r, x: &x, out: &mut out });
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

    #[test]
    fn rows_are_added_and_subtracted_element_by_element() {
        for n in [0, 1, 15, 20, 33, 200] {
            let (a, b) = (values(n), values(n + 1));
            let b = &b[..n];
            let (mut sum, mut difference) = (b.to_vec(), vec![f32::NAN; n]);
            add_scaled(&mut sum, -0.3, &a);
            subtract(&mut difference, &a, b);
            for j in 0..n {
                assert_eq!(sum[j].to_bits(), (-0.3f32).mul_add(a[j], b[j]).to_bits());
                assert_eq!(difference[j].to_bits(), (a[j] - b[j]).to_bits());
            }
        }
    }

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
