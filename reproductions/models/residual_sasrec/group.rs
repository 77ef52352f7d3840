//! Some pieces through the blocks and back, on one thread.
//!
//! Rows go [by time, then by piece](TimeRows). Every element is one chain of
//! fused multiply-adds in a stated order, or a sum of a stated structure: a piece has the same bits on every machine and
//! whichever pieces are in the same group, unless something is dropped.

use harness::nn::Dropout;
use harness::rng::Stream;

use super::block::{BlockBuffers, BlockTrace};
use super::layers::ResidualSasRecLayers;
use super::sizes::OF_BLOCK;
use crate::models::attention::AttentionShape;
use crate::models::norm::NormTrace;
use crate::models::pieces::rows::{TimeRows, embed};
use crate::models::pieces::{GroupGradients, PieceGroup};

/// Results of the passes over a group. Buffers keep their size. Rows are `[padded C]`, zeros beyond C.
#[derive(Default)]
pub struct GroupTrace {
    /// No position is shared: what is dropped differs.
    order: TimeRows,
    blocks: Vec<BlockTrace>,
    /// The last block's output.
    hidden: Vec<f32>,
    top: NormTrace,
    out: Vec<f32>,
    gradient: Vec<f32>,
    dropped: bool,
    buffers: BlockBuffers,
}

impl GroupTrace {
    /// The embedding, if `layer` is 0, or else the output of the `layer`-th block.
    fn of_block(&self, layer: usize) -> &[f32] {
        self.blocks.get(layer).map_or(&self.hidden, |block| &block.input)
    }
}

impl PieceGroup<ResidualSasRecLayers> for GroupTrace {
    fn forward(
        &mut self,
        layers: &ResidualSasRecLayers,
        tables: &[&[f32]],
        inputs: &[u32],
        dropout: Option<(Dropout, &mut Stream)>,
    ) {
        let (length, stride) = (layers.sizes.length, layers.stride());
        let size = inputs.len() * stride;
        self.order = TimeRows { pieces: inputs.len() / length, length, shared: 0 };
        let shape = shape(layers);
        self.blocks.resize_with(layers.blocks.len(), BlockTrace::default);
        self.dropped = dropout.is_some();
        if let Some((dropout, stream)) = dropout {
            self.blocks.iter_mut().for_each(|block| block.masks.draw(dropout, shape, size, stream));
        }
        let mut x = std::mem::take(&mut self.hidden);
        embed(tables, inputs, self.order, layers.sizes.width, &mut x);
        for (block, trace) in layers.blocks.iter().zip(&mut self.blocks) {
            std::mem::swap(&mut trace.input, &mut x);
            trace.forward(block, shape, stride, self.dropped, &mut self.buffers, &mut x);
        }
        self.hidden = x;
        self.top.forward(&layers.top, &self.hidden, stride, &mut self.out);
    }

    fn backward(&mut self, layers: &ResidualSasRecLayers, features: &GroupGradients<'_>) {
        let (shape, stride) = (shape(layers), layers.stride());
        self.top.backward(&layers.top, stride, &mut self.gradient);
        for (number, (block, trace)) in layers.blocks.iter().zip(&mut self.blocks).enumerate().rev() {
            features.add_hidden(number, self.order, &mut self.gradient);
            trace.backward(block, shape, stride, self.dropped, &mut self.buffers, &mut self.gradient);
        }
        features.add_embedding(self.order, &mut self.gradient);
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

    fn hidden(&self, _: &ResidualSasRecLayers, number: usize) -> &[f32] {
        self.of_block(number + 1)
    }

    fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    fn gradient_mut(&mut self) -> &mut Vec<f32> {
        &mut self.gradient
    }

    /// Of the norm on top, after those of the blocks.
    fn parameter_gradient(&self, number: usize) -> &[f32] {
        let (block, number) = (number / OF_BLOCK.len(), number % OF_BLOCK.len());
        match self.blocks.get(block) {
            Some(block) => &block.gradients[number],
            None => &self.top.gradients[number],
        }
    }
}

fn shape(layers: &ResidualSasRecLayers) -> AttentionShape {
    let sizes = layers.sizes;
    AttentionShape { heads: sizes.heads, length: sizes.length, width: sizes.width, causal: true }
}
