//! NextItNet's step by hand, on the CPU: groups of pieces in parallel through the blocks, the output layer, and back.

use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, Trainable};
use harness::queries::Queries;
use harness::rng::Stream;
use harness::simd::add_scaled;
use harness::train::Model;
use harness::weights::{Settings, Weights};
use rayon::prelude::*;

use super::encoder::NextItNetEncoder;
use super::group::{GROUP, GroupTrace};
use super::layers::NextItNetLayers;
use super::sizes::{NextItNetSizes, OF_BLOCK};
use crate::models::pieces::rows::add_padded;
use crate::models::pieces::training::{PieceModel, check_batch};
use crate::models::pieces::{OutputGradients, OutputLayer, OutputLoss, PieceBatch, PieceScorer};

/// A NextItNet in training on the CPU, by hand-written gradients.
pub struct NextItNet {
    sizes: NextItNetSizes,
    item: DenseParameter,
    /// Of the blocks, in their order.
    blocks: Vec<DenseParameter>,
    output: DenseParameter,
    bias: DenseParameter,
    groups: Vec<GroupTrace>,
    loss: OutputLoss,
    /// What the output layer reads and its gradient, `[T, C]`.
    x: Vec<f32>,
    x_gradient: Vec<f32>,
}

impl NextItNet {
    /// A model that starts at these weights.
    ///
    /// # Errors
    /// If they are not a [NextItNet's](NextItNetSizes::layout).
    pub fn new(weights: Weights) -> Result<Self> {
        let sizes = NextItNetSizes::of(&weights)?;
        let mut parameters: Vec<DenseParameter> = weights.parameters.into_iter().map(DenseParameter::new).collect();
        let mut last = || parameters.pop().expect("the layout was checked");
        let (bias, output) = (last(), last());
        let blocks = parameters.split_off(1);
        let item = parameters.pop().expect("the item table is the first");
        let (groups, loss, x, x_gradient) = (Vec::new(), OutputLoss::default(), Vec::new(), Vec::new());
        Ok(Self { sizes, item, blocks, output, bias, groups, loss, x, x_gradient })
    }

    /// The sizes of the model.
    pub fn sizes(&self) -> &NextItNetSizes {
        &self.sizes
    }

    fn layers(&self) -> NextItNetLayers {
        let values: Vec<&[f32]> = self.blocks.iter().map(|parameter| &parameter.weights[..]).collect();
        NextItNetLayers::new(self.sizes.clone(), &values)
    }

    /// The model as it is read by students and served, borrowed.
    pub fn encoder(&self) -> NextItNetEncoder<'_> {
        let [item, output, bias] = [&self.item, &self.output, &self.bias].map(|p| (&p.weights[..]).into());
        NextItNetEncoder { layers: self.layers(), item, output, bias }
    }

    /// Sums up the gradients that the groups left.
    fn gather(&mut self, layers: &NextItNetLayers, inputs: &[u32]) {
        let (width, length, stride) = (self.sizes.width, self.sizes.length, layers.stride());
        let groups = &self.groups[..];
        self.blocks.par_iter_mut().enumerate().for_each(|(number, parameter)| {
            let (block, number) = (number / OF_BLOCK.len(), number % OF_BLOCK.len());
            let row = width.min(parameter.gradient.len());
            let parts = groups.iter().map(|group| group.parameter_gradient(block, number));
            add_padded(&mut parameter.gradient, row, parts);
        });
        self.item.gradient.fill(0.0);
        for (group, inputs) in groups.iter().zip(inputs.chunks(GROUP * length)) {
            for (row, time, piece) in group.order.each() {
                let (id, gradient) = (inputs[piece * length + time] as usize, &group.gradient[row * stride..]);
                add_scaled(&mut self.item.gradient[id * width..][..width], 1.0, &gradient[..width]);
            }
        }
    }
}

impl PieceModel for NextItNet {
    fn forward_backward(&mut self, batch: &PieceBatch, _: &mut Stream) -> Result<f64> {
        let (width, length) = (self.sizes.width, self.sizes.length);
        check_batch(batch, self.sizes.items, length)?;
        let layers = self.layers();
        let stride = layers.stride();
        self.groups.resize_with(batch.pieces().div_ceil(GROUP), GroupTrace::default);
        self.x.resize(batch.inputs().len() * width, 0.0);
        self.x_gradient.resize(self.x.len(), 0.0);
        let of_group = GROUP * length;
        let item = &self.item.weights[..];
        self.groups
            .par_iter_mut()
            .zip(batch.inputs().par_chunks(of_group))
            .zip(self.x.par_chunks_mut(of_group * width))
            .for_each(|((group, inputs), x)| {
                group.forward(&layers, item, inputs);
                group.order.by_piece(&group.out, stride, width, x);
            });
        let layer = OutputLayer { weights: &self.output.weights, bias: &self.bias.weights, width };
        let onto = OutputGradients {
            x: &mut self.x_gradient,
            weights: &mut self.output.gradient,
            bias: &mut self.bias.gradient,
        };
        let losses = self.loss.loss(layer, &self.x, batch.labels(), 1.0, None, onto);
        self.groups.par_iter_mut().zip(self.x_gradient.par_chunks(of_group * width)).for_each(|(group, gradient)| {
            group.gradient.resize(group.out.len(), 0.0);
            group.order.by_time(gradient, width, stride, &mut group.gradient);
            group.backward(&layers);
        });
        self.gather(&layers, batch.inputs());
        Ok(losses.cross_entropy)
    }

    fn parameters_mut(&mut self) -> Vec<&mut DenseParameter> {
        let output = [&mut self.output, &mut self.bias];
        std::iter::once(&mut self.item).chain(&mut self.blocks).chain(output).collect()
    }
}

impl Model for NextItNet {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        let all = std::iter::once(&self.item).chain(&self.blocks).chain([&self.output, &self.bias]);
        all.map(|parameter| parameter as &dyn Trainable).collect()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.parameters_mut().into_iter().map(|parameter| parameter as &mut dyn Trainable).collect()
    }

    fn settings(&self) -> Settings {
        self.sizes.settings()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        Ok(Box::new(PieceScorer::new(Box::new(self.encoder()), queries)?))
    }
}
