//! Products of queries and keys.

use harness::simd;
use pulp::{Simd, WithSimd};

use super::lanes::{LANES, Lanes, registers, registers_mut};
use super::shape::AttentionShape;

/// `out` = ⟨a of the query, b of the key⟩ over the columns of each head, times `scale`.
pub fn products(shape: AttentionShape, a: &[Lanes], b: &[Lanes], scale: f32, out: &mut Vec<Lanes>) {
    out.resize(shape.pairs(), [0.0; LANES]);
    simd::dispatch(Products { shape, a, b, scale, out });
}

pub struct Products<'a> {
    pub shape: AttentionShape,
    pub a: &'a [Lanes],
    pub b: &'a [Lanes],
    pub scale: f32,
    pub out: &'a mut [Lanes],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Registers of the lanes, and keys at once: as many sums as leave room for the factors.
        match S::F32_LANES {
            16 => self.run::<S, 1, 8>(simd),
            8 => self.run::<S, 2, 4>(simd),
            4 => self.run::<S, 4, 2>(simd),
            _ => self.run::<S, LANES, 1>(simd),
        }
    }
}

impl Products<'_> {
    #[inline(always)]
    fn run<S: Simd, const REGS: usize, const KEYS: usize>(self, simd: S) {
        let Self { shape, a, b, scale, out } = self;
        let (a, b) = (registers::<S, REGS>(a), registers::<S, REGS>(b));
        let mut rest = registers_mut::<S, REGS>(out);
        let scale = simd.splat_f32s(scale);
        for head in 0..shape.heads {
            let columns = shape.columns(head);
            let at = |time: usize| time * shape.width + columns.start..time * shape.width + columns.end;
            for query in 0..shape.length {
                let a = &a[at(query)];
                let (of_query, after) = rest.split_at_mut(shape.keys(query));
                rest = after;
                let (whole, others) = of_query.as_chunks_mut::<KEYS>();
                let done = whole.len() * KEYS;
                for (chunk, out) in whole.iter_mut().enumerate() {
                    *out = dots(simd, a, std::array::from_fn(|k| &b[at(chunk * KEYS + k)]), scale);
                }
                for (k, out) in others.iter_mut().enumerate() {
                    [*out] = dots(simd, a, [&b[at(done + k)]], scale);
                }
            }
        }
    }
}

#[inline(always)]
fn dots<S: Simd, const REGS: usize, const N: usize>(
    simd: S,
    a: &[[S::f32s; REGS]],
    b: [&[[S::f32s; REGS]]; N],
    scale: S::f32s,
) -> [[S::f32s; REGS]; N] {
    let mut sums = [[simd.splat_f32s(0.0); REGS]; N];
    let b = b.map(|b| &b[..a.len()]);
    for (column, a) in a.iter().enumerate() {
        for (sum, b) in sums.iter_mut().zip(&b) {
            for reg in 0..REGS {
                sum[reg] = simd.mul_add_f32s(a[reg], b[column][reg], sum[reg]);
            }
        }
    }
    for sum in sums.iter_mut().flatten() {
        *sum = simd.mul_f32s(scale, *sum);
    }
    sums
}
