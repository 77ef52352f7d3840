//! Some pieces through the blocks and back, on one thread.
//!
//! Rows go [by time, then by piece](TimeRows). Every element is one chain of
//! fused multiply-adds in a stated order, or a sum of a stated structure: a piece has the same bits on every machine and
//! whichever pieces are in the same group, unless something is dropped.

use harness::nn::Dropout;
use harness::rng::Stream;

use super::attention::{AttentionShape, LANES};
use super::block::{BlockBuffers, BlockTrace, NormTrace};
use super::layers::ResidualSasRecLayers;
use crate::models::pieces::rows::TimeRows;

/// Pieces of a group: what one task takes through the blocks, and attention side by side.
pub const GROUP: usize = LANES;

/// Results of the passes over a group. Buffers keep their size. Rows are `[padded C]`, zeros beyond C.
#[derive(Default)]
pub struct GroupTrace {
    /// No position is shared: what is dropped differs.
    pub order: TimeRows,
    blocks: Vec<BlockTrace>,
    /// The last block's output.
    hidden: Vec<f32>,
    pub top: NormTrace,
    /// What the output layer reads.
    pub out: Vec<f32>,
    /// ∂L/∂out before the way back, ∂L/∂embedding after it.
    pub gradient: Vec<f32>,
    dropped: bool,
    buffers: BlockBuffers,
}

impl GroupTrace {
    /// Takes pieces of ids `inputs: [pieces, L]` through the blocks; `item` and `position` are the tables. Something is
    /// dropped if there is a stream to draw it from.
    pub fn forward(
        &mut self,
        layers: &ResidualSasRecLayers,
        [item, position]: [&[f32]; 2],
        inputs: &[u32],
        dropout: Option<(Dropout, &mut Stream)>,
    ) {
        let (length, width, stride) = (layers.sizes.length, layers.sizes.width, layers.stride());
        let size = inputs.len() * stride;
        self.order = TimeRows { pieces: inputs.len() / length, length, shared: 0 };
        let shape = shape(layers);
        self.blocks.resize_with(layers.blocks.len(), BlockTrace::default);
        self.dropped = dropout.is_some();
        if let Some((dropout, stream)) = dropout {
            self.blocks.iter_mut().for_each(|block| block.masks.draw(dropout, shape, size, stream));
        }
        let mut x = std::mem::take(&mut self.hidden);
        x.clear();
        x.resize(size, 0.0);
        for (row, time, piece) in self.order.each() {
            let (id, row) = (inputs[piece * length + time] as usize, &mut x[row * stride..][..width]);
            let (item, position) = (&item[id * width..][..width], &position[time * width..][..width]);
            row.iter_mut().zip(item.iter().zip(position)).for_each(|(x, (item, position))| *x = item + position);
        }
        for (block, trace) in layers.blocks.iter().zip(&mut self.blocks) {
            std::mem::swap(&mut trace.input, &mut x);
            trace.forward(block, shape, stride, self.dropped, &mut self.buffers, &mut x);
        }
        self.hidden = x;
        self.top.forward(&layers.top, &self.hidden, stride, &mut self.out);
    }

    /// From `self.gradient` at the output to all gradients of the group, and that of the embedding.
    pub fn backward(&mut self, layers: &ResidualSasRecLayers) {
        let (shape, stride) = (shape(layers), layers.stride());
        self.top.backward(&layers.top, stride, &mut self.gradient);
        for (block, trace) in layers.blocks.iter().zip(&mut self.blocks).rev() {
            trace.backward(block, shape, stride, self.dropped, &mut self.buffers, &mut self.gradient);
        }
    }

    /// The embedding, if `layer` is 0, or else the output of the `layer`-th block: rows by time, then piece.
    pub fn of_block(&self, layer: usize) -> &[f32] {
        self.blocks.get(layer).map_or(&self.hidden, |block| &block.input)
    }

    /// The gradient of the `number`-th parameter of a block, padded; of the norm on top, if there is no such block.
    pub fn parameter_gradient(&self, block: usize, number: usize) -> &[f32] {
        self.blocks.get(block).map_or(&self.top.gradients[number % 2], |block| &block.gradients[number])
    }
}

fn shape(layers: &ResidualSasRecLayers) -> AttentionShape {
    AttentionShape { heads: layers.sizes.heads, length: layers.sizes.length, width: layers.sizes.width }
}
