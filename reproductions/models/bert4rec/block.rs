//! A block of a group, forward and back, on one thread. Rows go by time, then by piece.

use harness::nn::Dropout;
use harness::rng::Stream;
use harness::simd;

use super::layers::{Bert4RecLayers, Block};
use super::sizes::OF_BLOCK;
use crate::models::attention::{Attention, AttentionBuffers, AttentionMasks, Lanes};
use crate::models::dense::Dense;
use crate::models::gelu::activate;
use crate::models::norm::NormTrace;
use crate::models::pieces::rows::{draw_factors, scale_by, zeros};

/// Dropout factors of one block.
#[derive(Default)]
pub struct BlockMasks {
    /// Of attention weights.
    weights: Vec<Lanes>,
    /// Of what is attended to, of the feed-forward, and of the block's output, `[rows, padded C]`.
    attended: Vec<f32>,
    feed: Vec<f32>,
    out: Vec<f32>,
    /// Inside the feed-forward, `[rows, padded 4·C]`.
    inner: Vec<f32>,
}

impl BlockMasks {
    /// Draws the masks of so many rows.
    pub fn draw(&mut self, dropout: Dropout, layers: &Bert4RecLayers, rows: usize, stream: &mut Stream) {
        self.weights.resize(layers.attention().pairs(), Lanes::default());
        let weights = self.weights.as_flattened_mut();
        dropout.draw(stream, weights.len().max(1), weights);
        let (width, inner) = (rows * layers.stride(), rows * layers.inner_stride());
        draw_factors(dropout, stream, width, &mut self.attended);
        draw_factors(dropout, stream, inner, &mut self.inner);
        draw_factors(dropout, stream, width, &mut self.feed);
        draw_factors(dropout, stream, width, &mut self.out);
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
    /// What W_O reads.
    heads: Vec<f32>,
    feed_norm: NormTrace,
    /// z.
    feed: Vec<f32>,
    /// After activation and dropout, and the slopes of both.
    inner: Vec<f32>,
    slopes: Vec<f32>,
    pub masks: BlockMasks,
    /// Of the parameters, in their order; rows are padded.
    pub gradients: Vec<Vec<f32>>,
}

/// Buffers that the blocks of a group share.
#[derive(Default)]
pub struct BlockBuffers {
    rows: [Vec<f32>; 4],
    inner: Vec<f32>,
    attention: AttentionBuffers,
}

impl BlockTrace {
    /// From `self.input` to the next block's input, `out`; with `self.masks` if `dropped`. Where `padding: [L]` is 1, no query
    /// sees the key.
    pub fn forward(
        &mut self,
        layers: &Bert4RecLayers,
        block: &Block,
        padding: &[Lanes],
        dropped: bool,
        buffers: &mut BlockBuffers,
        out: &mut Vec<f32>,
    ) {
        let stride = layers.stride();
        let masks = dropped.then_some(&self.masks);
        let drop = |values: &mut [f32], mask: fn(&BlockMasks) -> &[f32]| {
            if let Some(masks) = masks {
                scale_by(values, mask(masks));
            }
        };
        let [queries, keys, values, branch] = &mut buffers.rows;
        self.attention_norm.forward(&block.attention_norm, &self.input, stride, &mut self.entry);
        for (dense, rows) in block.heads.iter().zip([&mut *queries, &mut *keys, &mut *values]) {
            dense.forward(&self.entry, rows);
        }
        zeros(&mut self.heads, self.input.len());
        self.attention.forward(
            layers.attention(),
            [queries, keys, values],
            stride,
            AttentionMasks { padding: Some(padding), factors: masks.map(|masks| &masks.weights[..]) },
            &mut buffers.attention,
            &mut self.heads,
        );
        block.attended.forward(&self.heads, branch);
        drop(branch, |masks| &masks.attended);
        // y.
        out.clone_from(&self.input);
        simd::add_scaled(out, 1.0, branch);
        self.feed_norm.forward(&block.feed_norm, out, stride, &mut self.feed);
        block.inner.forward(&self.feed, &mut self.inner);
        self.slopes.resize(self.inner.len(), 0.0);
        activate(&mut self.inner, &mut self.slopes);
        drop(&mut self.inner, |masks| &masks.inner);
        drop(&mut self.slopes, |masks| &masks.inner);
        block.outer.forward(&self.inner, branch);
        drop(branch, |masks| &masks.feed);
        simd::add_scaled(out, 1.0, branch);
        drop(out, |masks| &masks.out);
    }

    /// From ∂L/∂output to ∂L/∂input, in place, and to the gradients of the parameters.
    pub fn backward(
        &mut self,
        layers: &Bert4RecLayers,
        block: &Block,
        dropped: bool,
        buffers: &mut BlockBuffers,
        gradient: &mut [f32],
    ) {
        self.gradients.resize_with(OF_BLOCK.len(), Vec::new);
        let (stride, size) = (layers.stride(), gradient.len());
        let masks = dropped.then_some(&self.masks);
        let drop = |values: &mut [f32], mask: fn(&BlockMasks) -> &[f32]| {
            if let Some(masks) = masks {
                scale_by(values, mask(masks));
            }
        };
        let gradients = &mut self.gradients;
        let mut layer = |dense: &Dense, number: usize, x: &[f32], y_gradient: &[f32]| {
            let [weights, bias] = &mut gradients[2 * number..2 * number + 2] else { unreachable!("two") };
            dense.gradients(x, y_gradient, weights, bias);
        };
        let BlockBuffers { rows: [of_branch, of_queries, of_keys, of_values], inner: of_inner, attention } = buffers;
        // The feed-forward; `gradient` goes on as that of y.
        drop(gradient, |masks| &masks.out);
        of_branch.clear();
        of_branch.extend_from_slice(gradient);
        drop(of_branch, |masks| &masks.feed);
        layer(&block.outer, 5, &self.inner, of_branch);
        zeros(of_inner, self.inner.len());
        block.outer.backward(of_branch, of_inner);
        scale_by(of_inner, &self.slopes);
        layer(&block.inner, 4, &self.feed, of_inner);
        zeros(of_branch, size);
        block.inner.backward(of_inner, of_branch);
        self.feed_norm.backward(&block.feed_norm, stride, of_branch);
        simd::add_scaled(gradient, 1.0, of_branch);
        // Attention; `gradient` goes on as that of x.
        of_branch.clear();
        of_branch.extend_from_slice(gradient);
        drop(of_branch, |masks| &masks.attended);
        layer(&block.attended, 3, &self.heads, of_branch);
        // The inner buffer holds the gradient of what W_O reads.
        zeros(of_inner, size);
        block.attended.backward(of_branch, of_inner);
        for rows in [&mut *of_queries, &mut *of_keys, &mut *of_values] {
            zeros(rows, size);
        }
        let of_weights = masks.map(|masks| &masks.weights[..]);
        let into = [&mut of_queries[..], of_keys, of_values];
        self.attention.backward(layers.attention(), of_inner, stride, of_weights, attention, into);
        zeros(of_branch, size);
        for (number, (dense, rows)) in block.heads.iter().zip([of_queries, of_keys, of_values]).enumerate() {
            layer(dense, number, &self.entry, rows);
            dense.backward(rows, of_branch);
        }
        self.attention_norm.backward(&block.attention_norm, stride, of_branch);
        simd::add_scaled(gradient, 1.0, of_branch);
        let norms = [&self.attention_norm, &self.feed_norm].into_iter().flat_map(|norm| &norm.gradients);
        self.gradients[12..].iter_mut().zip(norms).for_each(|(out, norm)| out.clone_from(norm));
    }
}
