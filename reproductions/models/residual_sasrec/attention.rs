//! Causal attention within each piece of a group, on one thread.
//!
//! Activations lie transposed here, by time and column, with the pieces side by side in [`LANES`] lanes: then scores, their
//! softmax and sums over keys go over whole registers, and no sum crosses a lane. What has a number for each query and key
//! goes by head, then query, then key: a query sees the keys up to its own position.

use harness::nn::transpose;
use harness::simd::{self, exp};
use pulp::{NullaryFnOnce, Simd, WithSimd};

/// Pieces that go through attention together.
pub const LANES: usize = 16;

type Lanes = [f32; LANES];

/// The shape of an attention layer.
#[derive(Clone, Copy)]
pub struct AttentionShape {
    pub heads: usize,
    /// L.
    pub length: usize,
    /// C.
    pub width: usize,
}

impl AttentionShape {
    /// Pairs of a query and a key that it sees, of all heads.
    pub fn pairs(&self) -> usize {
        self.heads * self.length * (self.length + 1) / 2
    }

    fn columns(&self, head: usize) -> std::ops::Range<usize> {
        let width = self.width / self.heads;
        head * width..(head + 1) * width
    }

    fn scale(&self) -> f32 {
        (1.0 / (self.width as f64 / self.heads as f64).sqrt()) as f32
    }
}

/// Rows by time, then piece (`[L·pieces, stride]`), laid out by time, column and lane (`[L, C]`). Lanes without a piece are
/// zeros.
pub fn to_lanes(rows: &[f32], stride: usize, shape: AttentionShape, out: &mut Vec<Lanes>) {
    let pieces = rows.len() / stride / shape.length;
    if pieces < LANES {
        out.clear();
    }
    out.resize(shape.length * shape.width, [0.0; LANES]);
    for (out, rows) in out.chunks_exact_mut(shape.width).zip(rows.chunks_exact(pieces * stride)) {
        transpose(out.as_flattened_mut(), LANES, rows, stride, shape.width);
    }
}

/// Adds what lies in lanes `[L, C]` to rows by time, then piece (`[L·pieces, stride]`). `square`: a buffer.
pub fn add_from_lanes(lanes: &[Lanes], shape: AttentionShape, stride: usize, rows: &mut [f32], square: &mut Vec<f32>) {
    let pieces = rows.len() / stride / shape.length;
    // What lies beyond C is not written.
    square.clear();
    square.resize(LANES * stride, 0.0);
    for (lanes, rows) in lanes.chunks_exact(shape.width).zip(rows.chunks_exact_mut(pieces * stride)) {
        transpose(square, stride, lanes.as_flattened(), LANES, LANES);
        simd::add_scaled(rows, 1.0, &square[..pieces * stride]);
    }
}

/// `out` = ⟨a of the query, b of the key⟩ over the columns of each head, times `scale`.
fn products(shape: AttentionShape, a: &[Lanes], b: &[Lanes], scale: f32, out: &mut Vec<Lanes>) {
    out.resize(shape.pairs(), [0.0; LANES]);
    simd::dispatch(Products { shape, a, b, scale, out });
}

struct Products<'a> {
    shape: AttentionShape,
    a: &'a [Lanes],
    b: &'a [Lanes],
    scale: f32,
    out: &'a mut [Lanes],
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
                let (of_query, after) = rest.split_at_mut(query + 1);
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

/// Lanes as registers.
#[inline(always)]
fn registers<S: Simd, const REGS: usize>(lanes: &[Lanes]) -> &[[S::f32s; REGS]] {
    S::as_simd_f32s(lanes.as_flattened()).0.as_chunks().0
}

#[inline(always)]
fn registers_mut<S: Simd, const REGS: usize>(lanes: &mut [Lanes]) -> &mut [[S::f32s; REGS]] {
    S::as_mut_simd_f32s(lanes.as_flattened_mut()).0.as_chunks_mut().0
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

/// Scores → their softmax over the keys of each query, in place.
fn softmax(shape: AttentionShape, scores: &mut [Lanes]) {
    simd::dispatch(Softmax { shape, scores });
}

struct Softmax<'a> {
    shape: AttentionShape,
    scores: &'a mut [Lanes],
}

impl NullaryFnOnce for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, scores } = self;
        let mut rest = scores;
        for _ in 0..shape.heads {
            for query in 0..shape.length {
                let (scores, after) = rest.split_at_mut(query + 1);
                rest = after;
                let mut largest = [f32::MIN; LANES];
                for score in scores.iter() {
                    for k in 0..LANES {
                        largest[k] = if score[k] > largest[k] { score[k] } else { largest[k] };
                    }
                }
                let mut sum = [0.0; LANES];
                for score in scores.iter_mut() {
                    for k in 0..LANES {
                        score[k] = exp(score[k] - largest[k]);
                        sum[k] += score[k];
                    }
                }
                for score in scores {
                    for k in 0..LANES {
                        score[k] /= sum[k];
                    }
                }
            }
        }
    }
}

/// `out` of each query = Σ over its keys of factor · x of the key.
fn sum_over_keys(shape: AttentionShape, factors: &[Lanes], x: &[Lanes], out: &mut Vec<Lanes>) {
    out.resize(shape.length * shape.width, [0.0; LANES]);
    simd::dispatch(Sums::<true> { shape, factors, x, out });
}

/// `out` of each key = Σ over the queries that see it of factor · x of the query.
fn sum_over_queries(shape: AttentionShape, factors: &[Lanes], x: &[Lanes], out: &mut Vec<Lanes>) {
    out.resize(shape.length * shape.width, [0.0; LANES]);
    simd::dispatch(Sums::<false> { shape, factors, x, out });
}

struct Sums<'a, const OVER_KEYS: bool> {
    shape: AttentionShape,
    factors: &'a [Lanes],
    x: &'a [Lanes],
    out: &'a mut [Lanes],
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
        let Self { shape: AttentionShape { heads, length, width }, factors, x, out } = self;
        let (factors, x) = (registers::<S, REGS>(factors), registers::<S, REGS>(x));
        let out = registers_mut::<S, REGS>(out);
        let pairs = length * (length + 1) / 2;
        let of_head = width / heads;
        for head in 0..heads {
            let factors = &factors[head * pairs..][..pairs];
            for at in 0..length {
                let out = &mut out[at * width + head * of_head..][..of_head];
                let (whole, others) = out.as_chunks_mut::<COLUMNS>();
                let done = whole.len() * COLUMNS;
                for (chunk, out) in whole.iter_mut().enumerate() {
                    let columns = Columns { x, width, first: head * of_head + chunk * COLUMNS };
                    *out = columns.weighted::<S, COLUMNS, OVER_KEYS>(simd, factors, at, length);
                }
                for (k, out) in others.iter_mut().enumerate() {
                    let columns = Columns { x, width, first: head * of_head + done + k };
                    [*out] = columns.weighted::<S, 1, OVER_KEYS>(simd, factors, at, length);
                }
            }
        }
    }
}

/// Some columns of all times.
#[derive(Clone, Copy)]
struct Columns<'a, V, const REGS: usize> {
    x: &'a [[V; REGS]],
    width: usize,
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
        length: usize,
    ) -> [[V; REGS]; N] {
        let mut sums = [[simd.splat_f32s(0.0); REGS]; N];
        let times = if OVER_KEYS { 0..at + 1 } else { at..length };
        for time in times {
            let (query, key) = if OVER_KEYS { (at, time) } else { (time, at) };
            let factor = factors[query * (query + 1) / 2 + key];
            let x = &self.x[time * self.width + self.first..][..N];
            for n in 0..N {
                for reg in 0..REGS {
                    sums[n][reg] = simd.mul_add_f32s(factor[reg], x[n][reg], sums[n][reg]);
                }
            }
        }
        sums
    }
}

/// Slopes of attention weights after dropout → those of scores, in place.
fn score_slopes(shape: AttentionShape, weights: &[Lanes], masks: Option<&[Lanes]>, slopes: &mut [Lanes]) {
    simd::dispatch(ScoreSlopes { shape, weights, masks, slopes, scale: shape.scale() });
}

struct ScoreSlopes<'a> {
    shape: AttentionShape,
    weights: &'a [Lanes],
    masks: Option<&'a [Lanes]>,
    slopes: &'a mut [Lanes],
    scale: f32,
}

impl NullaryFnOnce for ScoreSlopes<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, weights, masks, slopes, scale } = self;
        if let Some(masks) = masks {
            for (slope, mask) in slopes.iter_mut().zip(masks) {
                for k in 0..LANES {
                    slope[k] *= mask[k];
                }
            }
        }
        let mut first = 0;
        for _ in 0..shape.heads {
            for query in 0..shape.length {
                let of_query = first..first + query + 1;
                first = of_query.end;
                let (weights, slopes) = (&weights[of_query.clone()], &mut slopes[of_query]);
                let mut mean = [0.0; LANES];
                for (weight, slope) in weights.iter().zip(slopes.iter()) {
                    for k in 0..LANES {
                        mean[k] = weight[k].mul_add(slope[k], mean[k]);
                    }
                }
                for (weight, slope) in weights.iter().zip(slopes) {
                    for k in 0..LANES {
                        slope[k] = scale * weight[k] * (slope[k] - mean[k]);
                    }
                }
            }
        }
    }
}

/// What attention keeps of a group from the way forward, and its buffers.
#[derive(Default)]
pub struct Attention {
    queries: Vec<Lanes>,
    keys: Vec<Lanes>,
    values: Vec<Lanes>,
    /// Attention weights before dropout.
    weights: Vec<Lanes>,
    /// After it.
    dropped: Vec<Lanes>,
}

/// Buffers that the blocks share.
#[derive(Default)]
pub struct AttentionBuffers {
    lanes: Vec<Lanes>,
    slopes: Vec<Lanes>,
    out: Vec<Lanes>,
    square: Vec<f32>,
}

impl Attention {
    /// Adds what each query attends to to `out`. All are rows by time, then piece, `[L·pieces, stride]`; `masks` are factors
    /// of the attention weights, if there are any.
    pub fn forward(
        &mut self,
        shape: AttentionShape,
        [queries, keys, values]: [&[f32]; 3],
        stride: usize,
        masks: Option<&[Lanes]>,
        buffers: &mut AttentionBuffers,
        out: &mut [f32],
    ) {
        to_lanes(queries, stride, shape, &mut self.queries);
        to_lanes(keys, stride, shape, &mut self.keys);
        to_lanes(values, stride, shape, &mut self.values);
        products(shape, &self.queries, &self.keys, shape.scale(), &mut self.weights);
        softmax(shape, &mut self.weights);
        self.dropped.clone_from(&self.weights);
        if let Some(masks) = masks {
            let factors = masks.as_flattened();
            self.dropped.as_flattened_mut().iter_mut().zip(factors).for_each(|(weight, factor)| *weight *= factor);
        }
        sum_over_keys(shape, &self.dropped, &self.values, &mut buffers.out);
        add_from_lanes(&buffers.out, shape, stride, out, &mut buffers.square);
    }

    /// From ∂L/∂out, `gradient`, to the gradients of queries, keys and values, which are added to.
    pub fn backward(
        &self,
        shape: AttentionShape,
        gradient: &[f32],
        stride: usize,
        masks: Option<&[Lanes]>,
        buffers: &mut AttentionBuffers,
        [queries, keys, values]: [&mut [f32]; 3],
    ) {
        let AttentionBuffers { lanes, slopes, out, square } = buffers;
        to_lanes(gradient, stride, shape, lanes);
        products(shape, lanes, &self.values, 1.0, slopes);
        score_slopes(shape, &self.weights, masks, slopes);
        sum_over_queries(shape, &self.dropped, lanes, out);
        add_from_lanes(out, shape, stride, values, square);
        sum_over_keys(shape, slopes, &self.keys, out);
        add_from_lanes(out, shape, stride, queries, square);
        sum_over_queries(shape, slopes, &self.queries, out);
        add_from_lanes(out, shape, stride, keys, square);
    }
}

#[cfg(test)]
mod tests {
    use harness::rng::Stream;

    use super::*;

    /// Kernels on lanes of random numbers, at every level, against the sums by the letter.
    #[test]
    fn kernels_have_the_stated_bits_at_every_level() {
        let shape = AttentionShape { heads: 3, length: 7, width: 33 };
        let lanes = |purpose: &str, n: usize| -> Vec<Lanes> {
            let values = Stream::new(0, "attention", purpose, 0).normals(n * LANES, 1.0);
            values.as_chunks::<LANES>().0.to_vec()
        };
        let (a, b) = (lanes("a", 7 * 33), lanes("b", 7 * 33));
        let pairs: Vec<[usize; 3]> = (0..3)
            .flat_map(|head| (0..7).flat_map(move |query| (0..=query).map(move |key| [head, query, key])))
            .collect();
        let factors = lanes("factors", pairs.len());
        let chain = |terms: &mut dyn Iterator<Item = (f32, f32)>| terms.fold(0.0f32, |sum, (a, b)| a.mul_add(b, sum));
        for level in simd::levels() {
            let mut out = vec![[f32::NAN; LANES]; pairs.len()];
            level.dispatch(Products { shape, a: &a, b: &b, scale: 0.3, out: &mut out });
            for (out, &[head, query, key]) in out.iter().zip(&pairs) {
                let column = |time: usize| time * 33 + head * 11..time * 33 + head * 11 + 11;
                for k in 0..LANES {
                    let sum = chain(&mut column(query).zip(column(key)).map(|(i, j)| (a[i][k], b[j][k])));
                    assert_eq!(out[k].to_bits(), (0.3 * sum).to_bits());
                }
            }
            let mut by_query = vec![[f32::NAN; LANES]; 7 * 33];
            let mut by_key = by_query.clone();
            level.dispatch(Sums::<true> { shape, factors: &factors, x: &a, out: &mut by_query });
            level.dispatch(Sums::<false> { shape, factors: &factors, x: &a, out: &mut by_key });
            for (at, (by_query, by_key)) in by_query.iter().zip(&by_key).enumerate() {
                let (time, column) = (at / 33, at % 33);
                let sum = |k: usize, of: usize| {
                    let here = |pair: &[usize; 3]| pair[0] == column / 11 && pair[1 + of] == time;
                    let found = pairs.iter().zip(&factors).filter(|(pair, _)| here(pair));
                    chain(&mut found.map(|(pair, factor)| (factor[k], a[pair[2 - of] * 33 + column][k])))
                };
                for k in 0..LANES {
                    assert_eq!(by_query[k].to_bits(), sum(k, 0).to_bits());
                    assert_eq!(by_key[k].to_bits(), sum(k, 1).to_bits());
                }
            }
            let mut weights = factors.clone();
            level.dispatch(Softmax { shape, scores: &mut weights });
            let mut slopes = factors.clone();
            level.dispatch(ScoreSlopes { shape, weights: &weights, masks: None, slopes: &mut slopes, scale: 1.0 });
            let of_query = |values: &[Lanes], query: [usize; 2]| -> f32 {
                pairs.iter().zip(values).filter(|(pair, _)| pair[..2] == query).map(|(_, lanes)| lanes[3]).sum()
            };
            for head in 0..3 {
                for query in 0..7 {
                    assert!((of_query(&weights, [head, query]) - 1.0).abs() < 1e-6);
                    assert!(of_query(&slopes, [head, query]).abs() < 1e-6, "a softmax that moves keeps its sum");
                }
            }
        }
    }

    #[test]
    fn rows_go_to_lanes_and_back() {
        let shape = AttentionShape { heads: 1, length: 3, width: 5 };
        let rows: Vec<f32> = (0..3 * 2 * 16).map(|k| if k % 16 < 5 { k as f32 } else { 0.0 }).collect();
        let mut lanes = Vec::new();
        to_lanes(&rows, 16, shape, &mut lanes);
        assert_eq!(lanes[7][..3], [rows[32 + 2], rows[48 + 2], 0.0], "the second time, the third column");
        let mut back = rows.clone();
        add_from_lanes(&lanes, shape, 16, &mut back, &mut Vec::new());
        assert!(back.iter().zip(&rows).all(|(back, row)| *back == 2.0 * row));
    }
}
