//! Some pieces through the blocks and back, on one thread.
//!
//! Rows go [by time, then by piece](TimeRows). Every element is one chain of fused multiply-adds in a stated order, or a sum of
//! a stated structure: a piece has the same bits on every machine and whichever pieces are in the same group, unless something
//! is dropped.

use harness::nn::Dropout;
use harness::rng::Stream;

use super::block::{BlockBuffers, BlockTrace};
use super::layers::Bert4RecLayers;
use super::sizes::OF_BLOCK;
use crate::models::attention::Lanes;
use crate::models::pieces::rows::{TimeRows, draw_factors, embed, scale_by};
use crate::models::pieces::{GroupGradients, PADDING, PieceGroup};

/// Results of the passes over a group. Buffers keep their size. Rows are `[padded C]`, zeros beyond C.
#[derive(Default)]
pub struct GroupTrace {
    /// No position is shared: what is dropped differs.
    order: TimeRows,
    /// By position 1 where a piece has the padding, `[L]`.
    padding: Vec<Lanes>,
    /// Dropout factors of the embedding.
    mask: Vec<f32>,
    blocks: Vec<BlockTrace>,
    out: Vec<f32>,
    gradient: Vec<f32>,
    dropped: bool,
    buffers: BlockBuffers,
}

impl GroupTrace {
    /// The embedding, if `layer` is 0, or else the output of the `layer`-th block.
    fn of_block(&self, layer: usize) -> &[f32] {
        self.blocks.get(layer).map_or(&self.out, |block| &block.input)
    }
}

impl PieceGroup<Bert4RecLayers> for GroupTrace {
    fn forward(
        &mut self,
        layers: &Bert4RecLayers,
        tables: &[&[f32]],
        inputs: &[u32],
        dropout: Option<(Dropout, &mut Stream)>,
    ) {
        let length = layers.sizes.length;
        self.order = TimeRows { pieces: inputs.len() / length, length, shared: 0 };
        self.padding.clear();
        self.padding.resize(length, Lanes::default());
        for (piece, ids) in inputs.chunks_exact(length).enumerate() {
            for (padding, &id) in self.padding.iter_mut().zip(ids) {
                padding[piece] = if id == PADDING { 1.0 } else { 0.0 };
            }
        }
        self.blocks.resize_with(layers.blocks.len(), BlockTrace::default);
        let mut x = std::mem::take(&mut self.out);
        embed(tables, inputs, self.order, layers.sizes.width, &mut x);
        self.dropped = dropout.is_some();
        if let Some((dropout, stream)) = dropout {
            draw_factors(dropout, stream, x.len(), &mut self.mask);
            self.blocks.iter_mut().for_each(|block| block.masks.draw(dropout, layers, inputs.len(), stream));
            scale_by(&mut x, &self.mask);
        }
        for (block, trace) in layers.blocks.iter().zip(&mut self.blocks) {
            std::mem::swap(&mut trace.input, &mut x);
            trace.forward(layers, block, &self.padding, self.dropped, &mut self.buffers, &mut x);
        }
        self.out = x;
    }

    fn backward(&mut self, layers: &Bert4RecLayers, features: &GroupGradients<'_>) {
        for (number, (block, trace)) in layers.blocks.iter().zip(&mut self.blocks).enumerate().rev() {
            features.add_hidden(number, self.order, &mut self.gradient);
            trace.backward(layers, block, self.dropped, &mut self.buffers, &mut self.gradient);
        }
        features.add_embedding(self.order, &mut self.gradient);
        if self.dropped {
            scale_by(&mut self.gradient, &self.mask);
        }
    }

    fn order(&self) -> TimeRows {
        self.order
    }

    fn out(&self) -> &[f32] {
        &self.out
    }

    fn embedding(&self) -> &[f32] {
        self.of_block(0)
    }

    fn hidden(&self, _: &Bert4RecLayers, number: usize) -> &[f32] {
        self.of_block(number + 1)
    }

    fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    fn gradient_mut(&mut self) -> &mut Vec<f32> {
        &mut self.gradient
    }

    fn parameter_gradient(&self, number: usize) -> &[f32] {
        &self.blocks[number / OF_BLOCK.len()].gradients[number % OF_BLOCK.len()]
    }
}
