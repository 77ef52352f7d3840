//! Attention within each piece of a group, on one thread.
//!
//! Activations lie transposed here, by time and column, with the pieces side by side in [`LANES`] lanes: then scores, their
//! softmax and sums over keys go over whole registers, and no sum crosses a lane. What has a number for each query and key
//! goes by head, then query, then key.

mod lanes;
mod products;
mod shape;
mod softmax;
mod sums;
#[cfg(test)]
mod tests;

pub use self::lanes::Lanes;
use self::lanes::{add_from_lanes, to_lanes};
use self::products::products;
pub use self::shape::AttentionShape;
use self::softmax::{score_slopes, softmax};
use self::sums::{sum_over_keys, sum_over_queries};

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

/// What changes attention weights.
#[derive(Clone, Copy, Default)]
pub struct AttentionMasks<'a> {
    /// By key, `[L]`: where it is not 0, no query sees the key, unless it sees no other.
    pub padding: Option<&'a [Lanes]>,
    /// Dropout factors of the weights, by pair.
    pub factors: Option<&'a [Lanes]>,
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
    /// Adds what each query attends to to `out`. All are rows by time, then piece, `[L·pieces, stride]`.
    pub fn forward(
        &mut self,
        shape: AttentionShape,
        [queries, keys, values]: [&[f32]; 3],
        stride: usize,
        AttentionMasks { padding, factors }: AttentionMasks<'_>,
        buffers: &mut AttentionBuffers,
        out: &mut [f32],
    ) {
        to_lanes(queries, stride, shape, &mut self.queries);
        to_lanes(keys, stride, shape, &mut self.keys);
        to_lanes(values, stride, shape, &mut self.values);
        products(shape, &self.queries, &self.keys, shape.scale(), &mut self.weights);
        softmax(shape, padding, &mut self.weights);
        self.dropped.clone_from(&self.weights);
        if let Some(factors) = factors {
            let factors = factors.as_flattened();
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
        factors: Option<&[Lanes]>,
        buffers: &mut AttentionBuffers,
        [queries, keys, values]: [&mut [f32]; 3],
    ) {
        let AttentionBuffers { lanes, slopes, out, square } = buffers;
        to_lanes(gradient, stride, shape, lanes);
        products(shape, lanes, &self.values, 1.0, slopes);
        score_slopes(shape, &self.weights, factors, slopes);
        sum_over_queries(shape, &self.dropped, lanes, out);
        add_from_lanes(out, shape, stride, values, square);
        sum_over_keys(shape, slopes, &self.keys, out);
        add_from_lanes(out, shape, stride, queries, square);
        sum_over_queries(shape, slopes, &self.queries, out);
        add_from_lanes(out, shape, stride, keys, square);
    }
}
