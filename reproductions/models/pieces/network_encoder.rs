//! A network over pieces without its training: what students learn from, and what is served.

use std::borrow::Cow;

use harness::error::Result;
use harness::nn::padded;
use harness::weights::Weights;
use rayon::prelude::*;

use super::group::{GROUP, OUTPUT, PieceGroup, PieceSizes};
use super::{OutputLayer, PieceEncoder, PieceOutputs};

/// Layers, and tables that are borrowed from a network in training or owned afterwards.
pub struct NetworkEncoder<'a, S: PieceSizes> {
    pub(super) sizes: S,
    pub(super) layers: S::Layers,
    pub(super) tables: Vec<Cow<'a, [f32]>>,
    /// Weights and bias of the output layer.
    pub(super) output: [Cow<'a, [f32]>; OUTPUT],
}

impl<S: PieceSizes> NetworkEncoder<'static, S> {
    /// The trained network with these weights.
    ///
    /// # Errors
    /// If the weights are not those of such a network.
    pub fn new(weights: &Weights) -> Result<Self> {
        let sizes = S::of(weights)?;
        let values: Vec<&[f32]> = weights.parameters.iter().map(|parameter| &parameter.values[..]).collect();
        let (inside, output) = values.split_at(values.len() - OUTPUT);
        let (tables, layers) = inside.split_at(S::TABLES);
        let owned = |values: &[f32]| Cow::Owned(values.to_vec());
        Ok(Self {
            layers: sizes.layers(layers),
            sizes,
            tables: tables.iter().map(|values| owned(values)).collect(),
            output: [owned(output[0]), owned(output[1])],
        })
    }
}

impl<S: PieceSizes> NetworkEncoder<'_, S> {
    fn tables(&self) -> Vec<&[f32]> {
        self.tables.iter().map(|table| &table[..]).collect()
    }
}

impl<S: PieceSizes> PieceEncoder for NetworkEncoder<'_, S> {
    fn length(&self) -> usize {
        self.sizes.length()
    }

    fn width(&self) -> usize {
        self.sizes.width()
    }

    fn layers(&self) -> usize {
        self.sizes.hidden()
    }

    fn read(&self, items: &[u32], row: &mut [u32]) {
        self.sizes.read(items, row);
    }

    fn asks_by_mask(&self) -> bool {
        self.sizes.asks_by_mask()
    }

    fn outputs(&self, inputs: &[u32], out: &mut PieceOutputs) {
        let (width, stride, of_group) = (self.width(), padded(self.width()), GROUP * self.length());
        let (tables, parts) = (self.tables(), out.groups(inputs.len() * width, self.layers(), of_group * width));
        parts.into_par_iter().zip(inputs.par_chunks(of_group)).for_each_init(
            S::Group::default,
            |group, (mut part, inputs)| {
                group.forward(&self.layers, &tables, inputs, None);
                let write = |rows: &[f32], out: &mut [f32]| group.order().by_piece(rows, stride, width, out);
                write(group.embedding(), part.embedding);
                for (number, out) in part.hidden.iter_mut().enumerate() {
                    write(group.hidden(&self.layers, number), out);
                }
                write(group.out(), part.last);
            },
        );
    }

    fn last_positions(&self, inputs: &[u32], out: &mut [f32]) {
        let (width, length, tables) = (self.width(), self.length(), self.tables());
        let stride = padded(width);
        out.par_chunks_mut(GROUP * width).zip(inputs.par_chunks(GROUP * length)).for_each_init(
            S::Group::default,
            |group, (out, inputs)| {
                group.forward(&self.layers, &tables, inputs, None);
                for (piece, out) in out.chunks_exact_mut(width).enumerate() {
                    out.copy_from_slice(&group.out()[group.order().row(length - 1, piece) * stride..][..width]);
                }
            },
        );
    }

    fn output_layer(&self) -> OutputLayer<'_> {
        OutputLayer { weights: &self.output[0], bias: &self.output[1], width: self.width() }
    }
}
