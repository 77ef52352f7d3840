//! A trained SASRec with scaled blocks: what students learn from, and what is served.

use std::borrow::Cow;

use harness::error::Result;
use harness::weights::Weights;
use rayon::prelude::*;

use super::group::{GROUP, GroupTrace};
use super::layers::ResidualSasRecLayers;
use super::sizes::{ResidualSasRecSizes, TABLES};
use crate::models::pieces::{OutputLayer, PieceEncoder, PieceOutputs};

/// Tables, borrowed from a model in training or owned afterwards, and layers.
pub struct ResidualSasRecEncoder<'a> {
    pub(super) layers: ResidualSasRecLayers,
    pub(super) item: Cow<'a, [f32]>,
    pub(super) position: Cow<'a, [f32]>,
    pub(super) output: Cow<'a, [f32]>,
    pub(super) bias: Cow<'a, [f32]>,
}

impl ResidualSasRecEncoder<'static> {
    /// The trained model with these weights.
    ///
    /// # Errors
    /// If the weights are not those of a SASRec with scaled blocks.
    pub fn new(weights: &Weights) -> Result<Self> {
        let sizes = ResidualSasRecSizes::of(weights)?;
        let values: Vec<&[f32]> = weights.parameters.iter().map(|parameter| &parameter.values[..]).collect();
        let (layers, output) = values.split_at(values.len() - 2);
        let owned = |values: &[f32]| Cow::Owned(values.to_vec());
        Ok(Self {
            layers: ResidualSasRecLayers::new(sizes, &layers[TABLES..]),
            item: owned(layers[0]),
            position: owned(layers[1]),
            output: owned(output[0]),
            bias: owned(output[1]),
        })
    }
}

impl ResidualSasRecEncoder<'_> {
    fn tables(&self) -> [&[f32]; 2] {
        [&self.item, &self.position]
    }
}

impl PieceEncoder for ResidualSasRecEncoder<'_> {
    fn length(&self) -> usize {
        self.layers.sizes.length
    }

    fn width(&self) -> usize {
        self.layers.sizes.width
    }

    fn layers(&self) -> usize {
        self.layers.sizes.blocks
    }

    fn outputs(&self, inputs: &[u32], out: &mut PieceOutputs) {
        let ResidualSasRecSizes { length, width, blocks, .. } = self.layers.sizes;
        let parts = out.groups(inputs.len() * width, blocks, GROUP * length * width);
        parts.into_par_iter().zip(inputs.par_chunks(GROUP * length)).for_each_init(
            GroupTrace::default,
            |trace, (mut part, inputs)| {
                trace.forward(&self.layers, self.tables(), inputs, None);
                let stride = self.layers.stride();
                trace.order.by_piece(trace.of_block(0), stride, width, part.embedding);
                for (block, out) in part.hidden.iter_mut().enumerate() {
                    trace.order.by_piece(trace.of_block(block + 1), stride, width, out);
                }
                trace.order.by_piece(&trace.out, stride, width, part.last);
            },
        );
    }

    fn last_positions(&self, inputs: &[u32], out: &mut [f32]) {
        let ResidualSasRecSizes { length, width, .. } = self.layers.sizes;
        let stride = self.layers.stride();
        out.par_chunks_mut(GROUP * width).zip(inputs.par_chunks(GROUP * length)).for_each_init(
            GroupTrace::default,
            |trace, (out, inputs)| {
                trace.forward(&self.layers, self.tables(), inputs, None);
                for (piece, out) in out.chunks_exact_mut(width).enumerate() {
                    out.copy_from_slice(&trace.out[trace.order.row(length - 1, piece) * stride..][..width]);
                }
            },
        );
    }

    fn output_layer(&self) -> OutputLayer<'_> {
        OutputLayer { weights: &self.output, bias: &self.bias, width: self.layers.sizes.width }
    }
}
