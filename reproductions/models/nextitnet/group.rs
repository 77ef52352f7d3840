//! Some pieces through the blocks and back, on one thread.
//!
//! Rows go [by time, then by piece](TimeRows). Where all pieces of a group begin with the padding, their first positions are
//! computed once: what a causal convolution makes of the padding alone depends on the position only. Every element is one
//! chain of fused multiply-adds in a stated order, or a sum of a stated structure: a piece has the same bits on every machine
//! and whichever pieces are in the same group.

use harness::nn::Dropout;
use harness::rng::Stream;
use harness::simd;

use super::layers::{Half, NextItNetLayers, ResidualBlock};
use super::sizes::{OF_BLOCK, TAPS};
use crate::models::pieces::rows::{TimeRows, add_branch, add_rows, rectify, rectify_slopes, zeros};
use crate::models::pieces::{GroupGradients, PADDING, PieceGroup};

/// Results of the passes over a group. Buffers keep their size. Rows are `[padded C]`, zeros beyond C.
#[derive(Default)]
pub struct GroupTrace {
    order: TimeRows,
    blocks: Vec<BlockTrace>,
    out: Vec<f32>,
    gradient: Vec<f32>,
    /// A convolution's output on the way forward; slopes on the way back.
    scratch: Vec<f32>,
    slopes: Vec<f32>,
    /// What a convolution makes of shared positions.
    sums: Vec<f32>,
}

/// Results of one block.
#[derive(Default)]
struct BlockTrace {
    input: Vec<f32>,
    halves: [HalfTrace; 2],
    scale_gradient: f32,
}

/// Results of a convolution, its norm and the activation; and the gradients of their parameters.
#[derive(Default)]
struct HalfTrace {
    normal: Vec<f32>,
    inverse: Vec<f32>,
    out: Vec<f32>,
    /// `[3, C, padded C]`
    taps: Vec<f32>,
    /// `[padded C]`
    bias: Vec<f32>,
    norm_scale: Vec<f32>,
    norm_shift: Vec<f32>,
}

impl PieceGroup<NextItNetLayers> for GroupTrace {
    /// Nothing is dropped.
    fn forward(
        &mut self,
        layers: &NextItNetLayers,
        tables: &[&[f32]],
        inputs: &[u32],
        _: Option<(Dropout, &mut Stream)>,
    ) {
        let item = tables[0];
        let (length, width, stride) = (layers.sizes.length, layers.sizes.width, layers.stride());
        let pieces = inputs.chunks_exact(length);
        let padded = |ids: &[u32]| ids.iter().take_while(|&&id| id == PADDING).count();
        // At least one position of its own, the last: it is what is scored.
        let shared = pieces.clone().map(padded).min().map_or(0, |shared| shared.min(length - 1));
        self.order = TimeRows { pieces: pieces.len(), length, shared };
        let size = self.order.count() * stride;
        self.blocks.resize_with(layers.blocks.len(), BlockTrace::default);
        self.scratch.resize(size, 0.0);
        let mut x = std::mem::take(&mut self.out);
        x.resize(size, 0.0);
        for (row, time, piece) in self.order.each() {
            let id = inputs[piece * length + time] as usize;
            x[row * stride..][..width].copy_from_slice(&item[id * width..][..width]);
        }
        for (block, trace) in layers.blocks.iter().zip(&mut self.blocks) {
            std::mem::swap(&mut trace.input, &mut x);
            trace.forward(block, stride, self.order, [&mut self.scratch, &mut self.slopes], &mut x);
        }
        self.out = x;
    }

    fn backward(&mut self, layers: &NextItNetLayers, features: &GroupGradients<'_>) {
        let Self { order, blocks, gradient, scratch, slopes, sums, .. } = self;
        let of_group = layers.sizes.dilations.len();
        for (number, (block, trace)) in layers.blocks.iter().zip(blocks).enumerate().rev() {
            if (number + 1).is_multiple_of(of_group) {
                features.add_hidden(number / of_group, *order, gradient);
            }
            trace.backward(block, layers.stride(), *order, gradient, [scratch, slopes, sums]);
        }
        features.add_embedding(*order, gradient);
    }

    fn order(&self) -> TimeRows {
        self.order
    }

    fn out(&self) -> &[f32] {
        &self.out
    }

    fn embedding(&self) -> &[f32] {
        &self.blocks[0].input
    }

    fn hidden(&self, layers: &NextItNetLayers, number: usize) -> &[f32] {
        let block = (number + 1) * layers.sizes.dilations.len();
        self.blocks.get(block).map_or(&self.out, |block| &block.input)
    }

    fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    fn gradient_mut(&mut self) -> &mut Vec<f32> {
        &mut self.gradient
    }

    fn parameter_gradient(&self, number: usize) -> &[f32] {
        let (block, number) = (number / OF_BLOCK.len(), number % OF_BLOCK.len());
        let trace = &self.blocks[block];
        let Some(half) = trace.halves.get(number / 4) else { return std::slice::from_ref(&trace.scale_gradient) };
        match number % 4 {
            0 => &half.taps,
            1 => &half.bias,
            2 => &half.norm_scale,
            _ => &half.norm_shift,
        }
    }
}

impl BlockTrace {
    /// From `self.input` to the next block's, `out`.
    fn forward(
        &mut self,
        block: &ResidualBlock,
        stride: usize,
        order: TimeRows,
        [scratch, gathered]: [&mut Vec<f32>; 2],
        out: &mut Vec<f32>,
    ) {
        let [first, second] = &mut self.halves;
        first.forward(&block.halves[0], &self.input, stride, order, [&mut *scratch, &mut *gathered]);
        second.forward(&block.halves[1], &first.out, stride, order, [scratch, gathered]);
        add_branch(out, &self.input, block.scale, &second.out);
    }

    /// From ∂L/∂out to ∂L/∂input, in place.
    fn backward(
        &mut self,
        block: &ResidualBlock,
        stride: usize,
        order: TimeRows,
        gradient: &mut [f32],
        [of_second, of_first, sums]: [&mut Vec<f32>; 3],
    ) {
        let [first, second] = &mut self.halves;
        self.scale_gradient = simd::dot(gradient, &second.out);
        of_second.resize(gradient.len(), 0.0);
        rectify_slopes(of_second, gradient, block.scale, &second.out);
        second.backward(&block.halves[1], &first.out, stride, order, of_second, sums);
        zeros(of_first, gradient.len());
        block.halves[1].convolution.backward(of_second, order, of_first, sums);
        // In place of the second's, which are used up.
        rectify_slopes(of_second, of_first, 1.0, &first.out);
        first.backward(&block.halves[0], &self.input, stride, order, of_second, sums);
        block.halves[0].convolution.backward(of_second, order, gradient, sums);
    }
}

impl HalfTrace {
    fn forward(
        &mut self,
        half: &Half,
        x: &[f32],
        stride: usize,
        order: TimeRows,
        [scratch, gathered]: [&mut Vec<f32>; 2],
    ) {
        half.convolution.forward(x, order, scratch, gathered);
        // What lies beyond C is not written, and stays zero.
        self.normal.resize(x.len(), 0.0);
        self.out.resize(x.len(), 0.0);
        self.inverse.resize(x.len() / stride, 0.0);
        half.norm().forward(scratch, stride, &mut self.normal, &mut self.inverse, &mut self.out);
        rectify(&mut self.out);
    }

    /// From the slopes of the norm's output to those of the convolution's, in place, and to the gradients of the parameters;
    /// `x` is what the convolution read.
    fn backward(
        &mut self,
        half: &Half,
        x: &[f32],
        stride: usize,
        order: TimeRows,
        slopes: &mut [f32],
        sums: &mut Vec<f32>,
    ) {
        let norm = half.norm();
        let width = norm.scale.len();
        zeros(&mut self.norm_scale, width);
        zeros(&mut self.norm_shift, width);
        let of_norm = [&mut self.norm_scale[..], &mut self.norm_shift[..]];
        norm.backward(slopes, stride, &self.normal, &self.inverse, of_norm);
        zeros(&mut self.bias, stride);
        add_rows(&mut self.bias, slopes);
        zeros(&mut self.taps, TAPS * width * stride);
        half.convolution.add_gradients(x, slopes, order, &mut self.taps, sums);
    }
}
