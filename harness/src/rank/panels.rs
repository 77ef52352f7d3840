//! An item table laid out for scoring many items at once.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use crate::metrics::Dot;
use crate::simd::dispatch;

/// Items side by side in a panel: two AVX-512 registers.
pub(super) const LANES: usize = 32;
/// Queries scored at once: 12 × 2 sums leave 8 of AVX-512's 32 registers for the operands.
pub(super) const GROUP: usize = 12;

/// The item table as panels `[n_items / 32, dim, 32]`, the last one padded with zeros.
///
/// Every score is one chain, bias + x₀·q₀ + x₁·q₁ + … by fused multiply-adds in the order of the
/// dimensions. The chain does not know which queries and items are scored beside it, so block sizes,
/// threads and vector widths cannot change a bit.
pub(super) struct Panels {
    pub dim: usize,
    values: Vec<f32>,
    /// `[n_items / 32, 32]`, zeros where there is no bias.
    bias: Vec<f32>,
}

impl Panels {
    /// Lays out the items and biases of a dot product.
    pub fn pack(dot: &Dot<'_>) -> Self {
        let dim = dot.dim;
        let n_items = dot.items.len() / dim;
        let n_panels = n_items.div_ceil(LANES);
        let mut values = vec![0.0; n_panels * dim * LANES];
        values.par_chunks_mut(dim * LANES).zip(dot.items.par_chunks(LANES * dim)).for_each(|(panel, rows)| {
            for (lane, row) in rows.chunks_exact(dim).enumerate() {
                for (column, &value) in panel.as_chunks_mut::<LANES>().0.iter_mut().zip(row) {
                    column[lane] = value;
                }
            }
        });
        let mut bias = vec![0.0; n_panels * LANES];
        if let Some(given) = dot.bias {
            bias[..n_items].copy_from_slice(given);
        }
        Self { dim, values, bias }
    }

    /// Number of panels.
    pub fn count(&self) -> usize {
        self.bias.len() / LANES
    }

    /// Scores of the panels `first..first + count` for a group of queries.
    ///
    /// `x`: `[dim, GROUP]`. `out`: `[GROUP, stride]`, of which the first `count · LANES` are written.
    pub fn score_group(&self, first: usize, count: usize, x: &[f32], out: &mut [f32], stride: usize) {
        assert!(x.len() == self.dim * GROUP && out.len() == GROUP * stride && count * LANES <= stride);
        let (panels, bias) = self.slice(first, count);
        dispatch(ScoreGroup { dim: self.dim, panels, bias, x, out, stride });
    }

    /// Scores of the same panels for one query `x: [dim]`; `out`: `[count · LANES]`.
    pub fn score_one(&self, first: usize, count: usize, x: &[f32], out: &mut [f32]) {
        assert!(x.len() == self.dim && out.len() == count * LANES);
        let (panels, bias) = self.slice(first, count);
        dispatch(ScoreOne { panels, bias, x, out });
    }

    /// Scores of some items for one query `x: [dim]`.
    pub fn score_items(&self, x: &[f32], items: &[u32], out: &mut [f32]) {
        assert!(x.len() == self.dim && items.len() == out.len());
        dispatch(ScoreItems { panels: self, x, items, out });
    }

    fn slice(&self, first: usize, count: usize) -> (&[f32], &[[f32; LANES]]) {
        let size = self.dim * LANES;
        (&self.values[first * size..(first + count) * size], &self.bias.as_chunks().0[first..first + count])
    }
}

/// Rows `[n, dim]` as groups `[n / GROUP, dim, GROUP]`, padded with zeros.
pub(super) fn pack_queries(x: &[f32], dim: usize) -> Vec<f32> {
    let n_groups = (x.len() / dim).div_ceil(GROUP);
    let mut packed = vec![0.0; n_groups * dim * GROUP];
    for (group, rows) in packed.chunks_exact_mut(dim * GROUP).zip(x.chunks(GROUP * dim)) {
        for (lane, row) in rows.chunks_exact(dim).enumerate() {
            for (column, &value) in group.as_chunks_mut::<GROUP>().0.iter_mut().zip(row) {
                column[lane] = value;
            }
        }
    }
    packed
}

struct ScoreGroup<'a> {
    dim: usize,
    panels: &'a [f32],
    bias: &'a [[f32; LANES]],
    x: &'a [f32],
    out: &'a mut [f32],
    stride: usize,
}

impl WithSimd for ScoreGroup<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Queries × registers of items at once: as many sums as the register file holds.
        match S::F32_LANES {
            16 => self.run::<S, 12, 2>(simd),
            8 => self.run::<S, 6, 2>(simd),
            4 => self.run::<S, 6, 4>(simd),
            _ => self.run::<S, 2, 4>(simd),
        }
    }
}

impl ScoreGroup<'_> {
    #[inline(always)]
    fn run<S: Simd, const QUERIES: usize, const REGS: usize>(self, simd: S) {
        let x = self.x.as_chunks::<GROUP>().0;
        for (p, (panel, bias)) in self.panels.chunks_exact(self.dim * LANES).zip(self.bias).enumerate() {
            let panel = panel.as_chunks::<LANES>().0;
            for query in (0..GROUP).step_by(QUERIES) {
                for lane in (0..LANES).step_by(REGS * S::F32_LANES) {
                    let sums = tile::<S, QUERIES, REGS>(simd, x, query, panel, bias, lane);
                    for (q, sums) in sums.iter().enumerate() {
                        let start = (query + q) * self.stride + p * LANES + lane;
                        let out = &mut self.out[start..start + REGS * S::F32_LANES];
                        S::as_mut_simd_f32s(out).0.copy_from_slice(sums);
                    }
                }
            }
        }
    }
}

/// The inner loop: `QUERIES` queries from `query` × `REGS` registers of items from `lane`.
#[inline(always)]
fn tile<S: Simd, const QUERIES: usize, const REGS: usize>(
    simd: S,
    x: &[[f32; GROUP]],
    query: usize,
    panel: &[[f32; LANES]],
    bias: &[f32; LANES],
    lane: usize,
) -> [[S::f32s; REGS]; QUERIES] {
    let load = |values: &[f32; LANES]| -> [S::f32s; REGS] {
        let values = S::as_simd_f32s(&values[lane..lane + REGS * S::F32_LANES]).0;
        std::array::from_fn(|r| values[r])
    };
    let mut sums = [load(bias); QUERIES];
    for (x, items) in x.iter().zip(panel) {
        let items = load(items);
        for (sums, &x) in sums.iter_mut().zip(&x[query..query + QUERIES]) {
            let x = simd.splat_f32s(x);
            for (sum, &item) in sums.iter_mut().zip(&items) {
                *sum = simd.mul_add_f32s(x, item, *sum);
            }
        }
    }
    sums
}

struct ScoreOne<'a> {
    panels: &'a [f32],
    bias: &'a [[f32; LANES]],
    x: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for ScoreOne<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // One panel at a time although its chains wait for each other: the table comes from memory,
        // and one stream that the prefetcher follows beat four at once by 2.5 times.
        match S::F32_LANES {
            16 => self.run::<S, 2>(simd),
            8 => self.run::<S, 4>(simd),
            4 => self.run::<S, 8>(simd),
            _ => self.run::<S, LANES>(simd),
        }
    }
}

impl ScoreOne<'_> {
    #[inline(always)]
    fn run<S: Simd, const REGS: usize>(self, simd: S) {
        let load = |values: &[f32; LANES]| -> [S::f32s; REGS] {
            let values = S::as_simd_f32s(values).0;
            std::array::from_fn(|r| values[r])
        };
        let panels = self.panels.chunks_exact(self.x.len() * LANES);
        for ((panel, bias), out) in panels.zip(self.bias).zip(self.out.as_chunks_mut::<LANES>().0) {
            let mut sums = load(bias);
            for (&x, items) in self.x.iter().zip(panel.as_chunks::<LANES>().0) {
                let x = simd.splat_f32s(x);
                for (sum, item) in sums.iter_mut().zip(load(items)) {
                    *sum = simd.mul_add_f32s(x, item, *sum);
                }
            }
            S::as_mut_simd_f32s(out).0.copy_from_slice(&sums);
        }
    }
}

struct ScoreItems<'a> {
    panels: &'a Panels,
    x: &'a [f32],
    items: &'a [u32],
    out: &'a mut [f32],
}

impl WithSimd for ScoreItems<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let size = self.panels.dim * LANES;
        for (&item, out) in self.items.iter().zip(self.out) {
            let (panel, lane) = (item as usize / LANES, item as usize % LANES);
            let columns = self.panels.values[panel * size..(panel + 1) * size].as_chunks::<LANES>().0;
            let bias = self.panels.bias[item as usize];
            *out = self.x.iter().zip(columns).fold(bias, |sum, (&x, column)| x.mul_add(column[lane], sum));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::simd::levels;

    /// The chain, by the letter; `mul_add` rounds once on every machine.
    fn stated(x: &[f32], row: &[f32], bias: f32) -> u32 {
        x.iter().zip(row).fold(bias, |sum, (x, y)| x.mul_add(*y, sum)).to_bits()
    }

    #[test]
    fn every_way_has_the_bits_of_the_chain() {
        for dim in [1, 20, 33, 200] {
            for (n_items, biased) in [(5, true), (32, false), (200, true)] {
                let mut stream = Stream::new(2, "panels", "values", dim as u64);
                let (items, x) = (stream.normals(n_items * dim, 1.0), stream.normals(GROUP * dim, 1.0));
                let bias = stream.normals(n_items, 1.0);
                let no_encode = |_: &[u32], _: &mut [f32]| {};
                let dot = Dot { dim, items: &items, bias: biased.then_some(&bias), encode: Box::new(no_encode) };
                let panels = Panels::pack(&dot);
                let expected = |q: usize, i: usize| {
                    stated(
                        &x[q * dim..(q + 1) * dim],
                        &items[i * dim..(i + 1) * dim],
                        if biased { bias[i] } else { 0.0 },
                    )
                };
                let stride = panels.count() * LANES;
                let (values, biases) = panels.slice(0, panels.count());
                let packed = pack_queries(&x, dim);
                for level in levels() {
                    let mut out = vec![f32::NAN; GROUP * stride];
                    level.dispatch(ScoreGroup { dim, panels: values, bias: biases, x: &packed, out: &mut out, stride });
                    let mut row = vec![f32::NAN; stride];
                    level.dispatch(ScoreOne { panels: values, bias: biases, x: &x[dim..2 * dim], out: &mut row });
                    for i in 0..n_items {
                        for q in 0..GROUP {
                            assert_eq!(out[q * stride + i].to_bits(), expected(q, i), "dim {dim}, {q}, {i}");
                        }
                        assert_eq!(row[i].to_bits(), expected(1, i), "dim {dim}, item {i}");
                    }
                }
                let ids: Vec<u32> = (0..n_items as u32).rev().collect();
                let mut out = vec![0.0; n_items];
                panels.score_items(&x[..dim], &ids, &mut out);
                for (&id, score) in ids.iter().zip(out) {
                    assert_eq!(score.to_bits(), expected(0, id as usize));
                }
            }
        }
    }
}
