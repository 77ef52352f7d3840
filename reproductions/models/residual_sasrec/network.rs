//! The step of SASRec with scaled blocks by hand, on the CPU: groups of pieces in parallel through the blocks, the output
//! layer, and back.

use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, Dropout, Trainable};
use harness::queries::Queries;
use harness::rng::Stream;
use harness::simd::add_scaled;
use harness::train::Model;
use harness::weights::{Settings, Weights};
use rayon::prelude::*;

use super::encoder::ResidualSasRecEncoder;
use super::group::{GROUP, GroupTrace};
use super::layers::ResidualSasRecLayers;
use super::sizes::{OF_BLOCK, ResidualSasRecSizes, TABLES};
use crate::models::pieces::rows::add_padded;
use crate::models::pieces::training::{PieceModel, check_batch};
use crate::models::pieces::{OutputGradients, OutputLayer, OutputLoss, PieceBatch, PieceScorer};

/// A SASRec with scaled blocks in training on the CPU, by hand-written gradients.
pub struct ResidualSasRec {
    sizes: ResidualSasRecSizes,
    dropout: Dropout,
    item: DenseParameter,
    position: DenseParameter,
    /// Of the blocks and of the norm on top, in their order.
    layers: Vec<DenseParameter>,
    output: DenseParameter,
    bias: DenseParameter,
    groups: Vec<GroupTrace>,
    loss: OutputLoss,
    /// What the output layer reads and its gradient, `[T, C]`.
    x: Vec<f32>,
    x_gradient: Vec<f32>,
}

impl ResidualSasRec {
    /// A model that starts at these weights.
    ///
    /// # Errors
    /// If they are not those of a [SASRec with scaled blocks](ResidualSasRecSizes::layout).
    pub fn new(weights: Weights, dropout: Dropout) -> Result<Self> {
        let sizes = ResidualSasRecSizes::of(&weights)?;
        let mut parameters: Vec<DenseParameter> = weights.parameters.into_iter().map(DenseParameter::new).collect();
        let mut last = || parameters.pop().expect("the layout was checked");
        let (bias, output) = (last(), last());
        let layers = parameters.split_off(TABLES);
        let mut last = || parameters.pop().expect("two tables are the first");
        let (position, item) = (last(), last());
        let (groups, loss, x, x_gradient) = (Vec::new(), OutputLoss::default(), Vec::new(), Vec::new());
        Ok(Self { sizes, dropout, item, position, layers, output, bias, groups, loss, x, x_gradient })
    }

    /// The sizes of the model.
    pub fn sizes(&self) -> ResidualSasRecSizes {
        self.sizes
    }

    fn packed(&self) -> ResidualSasRecLayers {
        let values: Vec<&[f32]> = self.layers.iter().map(|parameter| &parameter.weights[..]).collect();
        ResidualSasRecLayers::new(self.sizes, &values)
    }

    /// The model as it is read by students and served, borrowed.
    pub fn encoder(&self) -> ResidualSasRecEncoder<'_> {
        let [item, position, output, bias] =
            [&self.item, &self.position, &self.output, &self.bias].map(|p| (&p.weights[..]).into());
        ResidualSasRecEncoder { layers: self.packed(), item, position, output, bias }
    }

    /// Sums up the gradients that the groups left.
    fn gather(&mut self, stride: usize, inputs: &[u32]) {
        let ResidualSasRecSizes { width, length, .. } = self.sizes;
        let groups = &self.groups[..];
        self.layers.par_iter_mut().enumerate().for_each(|(number, parameter)| {
            let (block, number) = (number / OF_BLOCK.len(), number % OF_BLOCK.len());
            let row = width.min(parameter.gradient.len());
            let parts = groups.iter().map(|group| group.parameter_gradient(block, number));
            add_padded(&mut parameter.gradient, row, parts);
        });
        self.item.gradient.fill(0.0);
        self.position.gradient.fill(0.0);
        for (group, inputs) in groups.iter().zip(inputs.chunks(GROUP * length)) {
            for (row, time, piece) in group.order.each() {
                let gradient = &group.gradient[row * stride..];
                let id = inputs[piece * length + time] as usize;
                add_scaled(&mut self.item.gradient[id * width..][..width], 1.0, &gradient[..width]);
                add_scaled(&mut self.position.gradient[time * width..][..width], 1.0, &gradient[..width]);
            }
        }
    }
}

impl PieceModel for ResidualSasRec {
    fn forward_backward(&mut self, batch: &PieceBatch, dropout: &mut Stream) -> Result<f64> {
        let ResidualSasRecSizes { items, width, length, .. } = self.sizes;
        check_batch(batch, items, length)?;
        let layers = self.packed();
        let stride = layers.stride();
        self.groups.resize_with(batch.pieces().div_ceil(GROUP), GroupTrace::default);
        self.x.resize(batch.inputs().len() * width, 0.0);
        self.x_gradient.resize(self.x.len(), 0.0);
        let of_group = GROUP * length;
        let rate = self.dropout;
        let drops = rate != Dropout::new(0.0);
        let streams: Vec<Option<Stream>> = self.groups.iter().map(|_| drops.then(|| dropout.fork())).collect();
        let tables = [&self.item.weights[..], &self.position.weights[..]];
        self.groups
            .par_iter_mut()
            .zip(streams)
            .zip(batch.inputs().par_chunks(of_group))
            .zip(self.x.par_chunks_mut(of_group * width))
            .for_each(|(((group, mut stream), inputs), x)| {
                group.forward(&layers, tables, inputs, stream.as_mut().map(|stream| (rate, stream)));
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
        self.gather(stride, batch.inputs());
        Ok(losses.cross_entropy)
    }

    fn parameters_mut(&mut self) -> Vec<&mut DenseParameter> {
        let (tables, output) = ([&mut self.item, &mut self.position], [&mut self.output, &mut self.bias]);
        tables.into_iter().chain(&mut self.layers).chain(output).collect()
    }
}

impl Model for ResidualSasRec {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        let all = [&self.item, &self.position].into_iter().chain(&self.layers).chain([&self.output, &self.bias]);
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
