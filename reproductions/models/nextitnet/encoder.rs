//! A trained NextItNet: what students learn from, and what is served.

use std::borrow::Cow;

use harness::error::Result;
use harness::weights::Weights;
use rayon::prelude::*;

use super::group::{GROUP, GroupTrace};
use super::layers::NextItNetLayers;
use super::sizes::{NextItNetSizes, OUTPUT};
use crate::models::pieces::{OutputLayer, PieceEncoder, PieceOutputs};

/// Tables, borrowed from a model in training or owned afterwards, and layers.
pub struct NextItNetEncoder<'a> {
    pub(super) layers: NextItNetLayers,
    pub(super) item: Cow<'a, [f32]>,
    pub(super) output: Cow<'a, [f32]>,
    pub(super) bias: Cow<'a, [f32]>,
}

impl NextItNetEncoder<'static> {
    /// The trained model with these weights.
    ///
    /// # Errors
    /// If the weights are not a NextItNet's.
    pub fn new(weights: &Weights) -> Result<Self> {
        let sizes = NextItNetSizes::of(weights)?;
        let values: Vec<&[f32]> = weights.parameters.iter().map(|parameter| &parameter.values[..]).collect();
        let (blocks, output) = values.split_at(values.len() - OUTPUT);
        let [item, output, bias] = [blocks[0], output[0], output[1]].map(|values| Cow::Owned(values.to_vec()));
        Ok(Self { layers: NextItNetLayers::new(sizes, &blocks[1..]), item, output, bias })
    }
}

impl PieceEncoder for NextItNetEncoder<'_> {
    fn length(&self) -> usize {
        self.layers.sizes.length
    }

    fn width(&self) -> usize {
        self.layers.sizes.width
    }

    fn layers(&self) -> usize {
        self.layers.sizes.groups
    }

    fn outputs(&self, inputs: &[u32], out: &mut PieceOutputs) {
        let NextItNetSizes { length, width, groups, ref dilations, .. } = self.layers.sizes;
        let parts = out.groups(inputs.len() * width, groups, GROUP * length * width);
        parts.into_par_iter().zip(inputs.par_chunks(GROUP * length)).for_each_init(
            GroupTrace::default,
            |trace, (mut part, inputs)| {
                trace.forward(&self.layers, &self.item, inputs);
                let write = |block: usize, out: &mut [f32]| {
                    trace.order.by_piece(trace.of_block(block), self.layers.stride(), width, out);
                };
                write(0, part.embedding);
                for (group, out) in part.hidden.iter_mut().enumerate() {
                    write((group + 1) * dilations.len(), out);
                }
                write(groups * dilations.len(), part.last);
            },
        );
    }

    fn last_positions(&self, inputs: &[u32], out: &mut [f32]) {
        let NextItNetSizes { length, width, .. } = self.layers.sizes;
        let stride = self.layers.stride();
        out.par_chunks_mut(GROUP * width).zip(inputs.par_chunks(GROUP * length)).for_each_init(
            GroupTrace::default,
            |trace, (out, inputs)| {
                trace.forward(&self.layers, &self.item, inputs);
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
