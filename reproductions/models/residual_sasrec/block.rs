//! A block of a group, forward and back, on one thread. Rows go by time, then by piece.

use harness::nn::Dropout;
use harness::rng::Stream;
use harness::simd;

use super::layers::AttentionBlock;
use super::sizes::OF_BLOCK;
use crate::models::attention::{Attention, AttentionBuffers, AttentionMasks, AttentionShape, Lanes};
use crate::models::dense::Dense;
use crate::models::norm::NormTrace;
use crate::models::pieces::rows::{add_branch, draw_factors, rectify, rectify_slopes, scale_by, zeros};

/// Dropout factors of one block; none where nothing is dropped.
#[derive(Default)]
pub struct BlockMasks {
    attention: Vec<Lanes>,
    /// After each layer of the feed-forward, `[rows, padded C]`.
    feed: [Vec<f32>; 2],
}

impl BlockMasks {
    /// Draws the masks of `size` values of activations.
    pub fn draw(&mut self, dropout: Dropout, shape: AttentionShape, size: usize, stream: &mut Stream) {
        self.attention.resize(shape.pairs(), Lanes::default());
        let weights = self.attention.as_flattened_mut();
        // One block, so that the whole of it is drawn here.
        dropout.draw(stream, weights.len().max(1), weights);
        for factors in &mut self.feed {
            draw_factors(dropout, stream, size, factors);
        }
    }
}

/// Results of one block.
#[derive(Default)]
pub struct BlockTrace {
    /// x.
    pub input: Vec<f32>,
    attention_norm: NormTrace,
    /// a.
    entry: Vec<f32>,
    attention: Attention,
    feed_norm: NormTrace,
    /// z.
    feed: Vec<f32>,
    /// After activation and dropout.
    inner: Vec<f32>,
    /// What ε scales.
    branch: Vec<f32>,
    pub masks: BlockMasks,
    /// Of the parameters, in their order: layers `[C, padded C]` and `[padded C]`.
    pub gradients: Vec<Vec<f32>>,
}

/// Buffers that the blocks of a group share.
#[derive(Default)]
pub struct BlockBuffers {
    rows: [Vec<f32>; 4],
    attention: AttentionBuffers,
}

impl BlockTrace {
    /// From `self.input` to the next block's input, `out`; with `self.masks` if `dropped`.
    pub fn forward(
        &mut self,
        block: &AttentionBlock,
        shape: AttentionShape,
        stride: usize,
        dropped: bool,
        buffers: &mut BlockBuffers,
        out: &mut Vec<f32>,
    ) {
        let [queries, keys, values, attended] = &mut buffers.rows;
        self.attention_norm.forward(&block.attention_norm, &self.input, stride, &mut self.entry);
        for (dense, rows) in block.heads.iter().zip([&mut *queries, &mut *keys, &mut *values]) {
            dense.forward(&self.entry, rows);
        }
        attended.clone_from(&self.entry);
        let masks = dropped.then_some(&self.masks);
        let of_attention = masks.map(|masks| &masks.attention[..]);
        let rows = [&queries[..], keys, values];
        let masked = AttentionMasks { padding: None, factors: of_attention };
        self.attention.forward(shape, rows, stride, masked, &mut buffers.attention, attended);
        self.feed_norm.forward(&block.feed_norm, attended, stride, &mut self.feed);
        block.inner.forward(&self.feed, &mut self.inner);
        rectify(&mut self.inner);
        if let Some(masks) = masks {
            scale_by(&mut self.inner, &masks.feed[0]);
        }
        block.outer.forward(&self.inner, &mut self.branch);
        if let Some(masks) = masks {
            scale_by(&mut self.branch, &masks.feed[1]);
        }
        simd::add_scaled(&mut self.branch, 1.0, &self.feed);
        add_branch(out, &self.input, block.scale, &self.branch);
    }

    /// From ∂L/∂output to ∂L/∂input, in place, and to the gradients of the parameters.
    pub fn backward(
        &mut self,
        block: &AttentionBlock,
        shape: AttentionShape,
        stride: usize,
        dropped: bool,
        buffers: &mut BlockBuffers,
        gradient: &mut [f32],
    ) {
        self.gradients.resize_with(OF_BLOCK.len(), Vec::new);
        let masks = dropped.then_some(&self.masks);
        let size = gradient.len();
        let [of_branch, of_queries, of_keys, of_values] = &mut buffers.rows;
        // The feed-forward; `of_branch` is the gradient of the branch, and goes on as that of z.
        let scale = simd::dot(gradient, &self.branch);
        zeros(of_branch, size);
        simd::add_scaled(of_branch, block.scale, gradient);
        let (of_outer, of_inner) = (&mut *of_queries, &mut *of_keys);
        of_outer.clone_from(of_branch);
        if let Some(masks) = masks {
            scale_by(of_outer, &masks.feed[1]);
        }
        let mut layer = |dense: &Dense, number: usize, x: &[f32], y_gradient: &[f32]| {
            let [weights, bias] = &mut self.gradients[2 * number..2 * number + 2] else { unreachable!("two") };
            dense.gradients(x, y_gradient, weights, bias);
        };
        layer(&block.outer, 4, &self.inner, of_outer);
        zeros(of_inner, size);
        block.outer.backward(of_outer, of_inner);
        if let Some(masks) = masks {
            scale_by(of_inner, &masks.feed[0]);
        }
        // In place of the outer's, which are used up. What is dropped is 0, too.
        rectify_slopes(of_outer, of_inner, 1.0, &self.inner);
        layer(&block.inner, 3, &self.feed, of_outer);
        block.inner.backward(of_outer, of_branch);
        self.feed_norm.backward(&block.feed_norm, stride, of_branch);
        // Attention; `of_branch` is the gradient of y, and goes on as that of a.
        for rows in [&mut *of_queries, &mut *of_keys, &mut *of_values] {
            zeros(rows, size);
        }
        let into = [&mut of_queries[..], of_keys, of_values];
        let of_attention = masks.map(|masks| &masks.attention[..]);
        self.attention.backward(shape, of_branch, stride, of_attention, &mut buffers.attention, into);
        for (number, (dense, rows)) in block.heads.iter().zip([of_queries, of_keys, of_values]).enumerate() {
            layer(dense, number, &self.entry, rows);
            dense.backward(rows, of_branch);
        }
        self.attention_norm.backward(&block.attention_norm, stride, of_branch);
        simd::add_scaled(gradient, 1.0, of_branch);
        let norms = [&self.attention_norm, &self.feed_norm].into_iter().flat_map(|norm| &norm.gradients);
        self.gradients[10..14].iter_mut().zip(norms).for_each(|(out, norm)| out.clone_from(norm));
        self.gradients[14] = vec![scale];
    }
}
