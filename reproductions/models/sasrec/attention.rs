//! Causal attention within each input of a group, on one thread.

use harness::simd;

use super::SasRecSizes;
use super::dropout::queries;

/// Where the inputs of a group and their queries lie, in one block.
pub struct Shape<'a> {
    pub sizes: &'a SasRecSizes,
    pub block: usize,
    /// Items of each input.
    pub lengths: &'a [usize],
    pub stride: usize,
}

/// Keys, values, queries: rows `[padded d]`.
#[derive(Clone, Copy)]
pub struct AttentionRows<'a> {
    pub keys: &'a [f32],
    pub values: &'a [f32],
    pub queries: &'a [f32],
}

/// ∂L/∂ of [`AttentionRows`]; what was there stays and is added to.
pub struct RowGradients<'a> {
    pub keys: &'a mut [f32],
    pub values: &'a mut [f32],
    pub queries: &'a mut [f32],
}

/// A query and the keys that it sees.
struct Seen {
    /// Row of the query among queries.
    query: usize,
    /// Row of its first key among places, and how many it sees.
    first: usize,
    count: usize,
    /// Where its weights begin, and the columns of its head.
    weights: usize,
    columns: std::ops::Range<usize>,
}

impl Shape<'_> {
    /// Head by head, input by input, query by query.
    fn each(&self) -> impl Iterator<Item = Seen> + '_ {
        let width = self.sizes.dim / self.sizes.heads;
        let mut weights = 0;
        (0..self.sizes.heads)
            .flat_map(move |head| {
                let columns = head * width..(head + 1) * width;
                let (mut place, mut query) = (0, 0);
                self.lengths
                    .iter()
                    .flat_map(move |&n| {
                        let (first, count) = (place, queries(self.sizes, self.block, n));
                        let first_query = query;
                        (place, query) = (place + n, query + count);
                        (0..count).map(move |k| (first, first_query + k, n - count + k + 1))
                    })
                    .map(move |(first, query, count)| (first, query, count, columns.clone()))
            })
            .map(move |(first, query, count, columns)| {
                let seen = Seen { query, first, count, weights, columns };
                weights += count;
                seen
            })
    }

    /// Whether only the last place of each input has a query.
    pub fn last_only(&self) -> bool {
        self.block + 1 == self.sizes.blocks
    }

    fn scale(&self) -> f32 {
        (1.0 / (self.sizes.dim as f64 / self.sizes.heads as f64).sqrt()) as f32
    }

    /// Writes attention weights before dropout to `weights`, one after the other, and adds what each query
    /// attends to to `out`, rows `[padded d]`. `masks` are factors of the weights, if there are any.
    pub fn forward(&self, rows: AttentionRows<'_>, masks: Option<&[f32]>, weights: &mut Vec<f32>, out: &mut [f32]) {
        let (stride, scale) = (self.stride, self.scale());
        let mut scores = Vec::new();
        weights.clear();
        for Seen { query, first, count, weights: at, columns } in self.each() {
            let row = |values, k| row(values, k, stride, &columns);
            let of_query = row(rows.queries, query);
            scores.clear();
            scores.extend((first..first + count).map(|key| scale * simd::dot(row(rows.keys, key), of_query)));
            weights.resize(at + count, 0.0);
            let weights = &mut weights[at..];
            softmax(&scores, weights);
            let out = &mut out[query * stride..][columns.clone()];
            for (k, weight) in weights.iter().enumerate() {
                let weight = masks.map_or(*weight, |masks| weight * masks[at + k]);
                simd::add_scaled(out, weight, row(rows.values, first + k));
            }
        }
    }

    /// From ∂L/∂out to the gradients of keys, values and queries.
    pub fn backward(
        &self,
        rows: AttentionRows<'_>,
        masks: Option<&[f32]>,
        weights: &[f32],
        gradient: &[f32],
        into: RowGradients<'_>,
    ) {
        let (stride, scale) = (self.stride, self.scale());
        let mut slopes = Vec::new();
        for Seen { query, first, count, weights: at, columns } in self.each() {
            let row = |values, k| row(values, k, stride, &columns);
            let of_row = |k: usize| k * stride + columns.start..k * stride + columns.end;
            let (weights, gradient) = (&weights[at..at + count], row(gradient, query));
            let mask = |k: usize| masks.map_or(1.0, |masks| masks[at + k]);
            slopes.clear();
            for (k, weight) in weights.iter().enumerate() {
                slopes.push(mask(k) * simd::dot(gradient, row(rows.values, first + k)));
                simd::add_scaled(&mut into.values[of_row(first + k)], weight * mask(k), gradient);
            }
            let mean: f32 = weights.iter().zip(&slopes).map(|(weight, slope)| weight * slope).sum();
            for (k, (weight, slope)) in weights.iter().zip(&slopes).enumerate() {
                let slope = scale * weight * (slope - mean);
                simd::add_scaled(&mut into.queries[of_row(query)], slope, row(rows.keys, first + k));
                simd::add_scaled(&mut into.keys[of_row(first + k)], slope, row(rows.queries, query));
            }
        }
    }
}

/// Some columns of a row.
fn row<'a>(values: &'a [f32], k: usize, stride: usize, columns: &std::ops::Range<usize>) -> &'a [f32] {
    &values[k * stride + columns.start..k * stride + columns.end]
}

/// There is at least one.
fn softmax(scores: &[f32], weights: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::MIN, f32::max);
    simd::exp_minus(scores, largest, weights);
    let sum: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
}
