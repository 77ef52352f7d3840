//! Sums over keys and over queries.

use harness::simd;
use pulp::{Simd, WithSimd};

use super::lanes::{LANES, Lanes, registers, registers_mut};
use super::shape::AttentionShape;

/// `out` of each query = Σ over its keys of factor · x of the key.
pub fn sum_over_keys(shape: AttentionShape, factors: &[Lanes], x: &[Lanes], out: &mut Vec<Lanes>) {
    out.resize(shape.length * shape.width, [0.0; LANES]);
    simd::dispatch(Sums::<true> { shape, factors, x, out });
}

/// `out` of each key = Σ over the queries that see it of factor · x of the query.
pub fn sum_over_queries(shape: AttentionShape, factors: &[Lanes], x: &[Lanes], out: &mut Vec<Lanes>) {
    out.resize(shape.length * shape.width, [0.0; LANES]);
    simd::dispatch(Sums::<false> { shape, factors, x, out });
}

pub struct Sums<'a, const OVER_KEYS: bool> {
    pub shape: AttentionShape,
    pub factors: &'a [Lanes],
    pub x: &'a [Lanes],
    pub out: &'a mut [Lanes],
}

impl<const OVER_KEYS: bool> WithSimd for Sums<'_, OVER_KEYS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As the products: registers of the lanes, and columns at once.
        match S::F32_LANES {
            16 => self.run::<S, 1, 8>(simd),
            8 => self.run::<S, 2, 4>(simd),
            4 => self.run::<S, 4, 2>(simd),
            _ => self.run::<S, LANES, 1>(simd),
        }
    }
}

impl<const OVER_KEYS: bool> Sums<'_, OVER_KEYS> {
    #[inline(always)]
    fn run<S: Simd, const REGS: usize, const COLUMNS: usize>(self, simd: S) {
        let Self { shape, factors, x, out } = self;
        let AttentionShape { heads, length, width, .. } = shape;
        let (factors, x) = (registers::<S, REGS>(factors), registers::<S, REGS>(x));
        let out = registers_mut::<S, REGS>(out);
        let pairs = shape.before(length);
        let of_head = width / heads;
        for head in 0..heads {
            let factors = &factors[head * pairs..][..pairs];
            for at in 0..length {
                let out = &mut out[at * width + head * of_head..][..of_head];
                let (whole, others) = out.as_chunks_mut::<COLUMNS>();
                let done = whole.len() * COLUMNS;
                for (chunk, out) in whole.iter_mut().enumerate() {
                    let columns = Columns { x, shape, first: head * of_head + chunk * COLUMNS };
                    *out = columns.weighted::<S, COLUMNS, OVER_KEYS>(simd, factors, at);
                }
                for (k, out) in others.iter_mut().enumerate() {
                    let columns = Columns { x, shape, first: head * of_head + done + k };
                    [*out] = columns.weighted::<S, 1, OVER_KEYS>(simd, factors, at);
                }
            }
        }
    }
}

/// Some columns of all times.
#[derive(Clone, Copy)]
struct Columns<'a, V, const REGS: usize> {
    x: &'a [[V; REGS]],
    shape: AttentionShape,
    first: usize,
}

impl<V: Copy, const REGS: usize> Columns<'_, V, REGS> {
    /// Σ of factor · the `N` columns, over the keys that a query `at` a time sees, or over the queries that see a key.
    #[inline(always)]
    fn weighted<S: Simd<f32s = V>, const N: usize, const OVER_KEYS: bool>(
        self,
        simd: S,
        factors: &[[V; REGS]],
        at: usize,
    ) -> [[V; REGS]; N] {
        let mut sums = [[simd.splat_f32s(0.0); REGS]; N];
        let shape = self.shape;
        let times = if OVER_KEYS { 0..shape.keys(at) } else { shape.first_query(at)..shape.length };
        for time in times {
            let (query, key) = if OVER_KEYS { (at, time) } else { (time, at) };
            let factor = factors[shape.before(query) + key];
            let x = &self.x[time * shape.width + self.first..][..N];
            for n in 0..N {
                for reg in 0..REGS {
                    sums[n][reg] = simd.mul_add_f32s(factor[reg], x[n][reg], sums[n][reg]);
                }
            }
        }
        sums
    }
}
