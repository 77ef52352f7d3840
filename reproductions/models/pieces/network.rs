//! A network over pieces in training on the CPU, by hand-written gradients: groups of pieces in parallel through its layers,
//! and back from the gradients of what losses read.
//!
//! A network says by its [`PieceSizes`] which tables and layers it has, and by its [`PieceGroup`] how some pieces go through
//! the layers and back on one thread. All else is here and in [`encoder`](super::NetworkEncoder).

use harness::error::{Error, Kind, Result};
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, Dropout, Trainable, padded};
use harness::queries::Queries;
use harness::rng::Stream;
use harness::simd::add_scaled;
use harness::train::Model;
use harness::weights::{Settings, Weights};
use rayon::prelude::*;

use super::group::{GROUP, PieceGroup, PieceSizes};
use super::rows::add_padded;
use super::training::{PieceModel, check_batch};
use super::{
    FeatureGradients, GroupGradients, NetworkEncoder, OutputGradients, OutputLayer, OutputLoss, PADDING, PieceBatch,
    PieceOutputs, PieceScorer,
};

/// A network over pieces in training.
pub struct PieceNetwork<S: PieceSizes> {
    sizes: S,
    dropout: Dropout,
    tables: Vec<DenseParameter>,
    layers: Vec<DenseParameter>,
    output: DenseParameter,
    bias: DenseParameter,
    groups: Vec<S::Group>,
    loss: OutputLoss,
    /// Of the step in progress: the ids, the layers as they are laid out for products, and what losses read.
    inputs: Vec<u32>,
    packed: Option<S::Layers>,
    features: PieceOutputs,
    /// ∂L/∂(what the output layer reads), `[T, C]`.
    last_gradient: Vec<f32>,
}

impl<S: PieceSizes> PieceNetwork<S> {
    /// A network that starts at these weights.
    ///
    /// # Errors
    /// If they are not those of such a network.
    pub fn new(weights: Weights, dropout: Dropout) -> Result<Self> {
        let sizes = S::of(&weights)?;
        let mut tables: Vec<DenseParameter> = weights.parameters.into_iter().map(DenseParameter::new).collect();
        let mut layers = tables.split_off(S::TABLES);
        let mut last = || layers.pop().expect("the layout was checked");
        let (bias, output) = (last(), last());
        Ok(Self {
            sizes,
            dropout,
            tables,
            layers,
            output,
            bias,
            groups: Vec::new(),
            loss: OutputLoss::default(),
            inputs: Vec::new(),
            packed: None,
            features: PieceOutputs::default(),
            last_gradient: Vec::new(),
        })
    }

    /// The sizes of the network.
    pub fn sizes(&self) -> &S {
        &self.sizes
    }

    fn packed(&self) -> S::Layers {
        let values: Vec<&[f32]> = self.layers.iter().map(|parameter| &parameter.weights[..]).collect();
        self.sizes.layers(&values)
    }

    /// The network as it is read by students and served, borrowed.
    pub fn encoder(&self) -> NetworkEncoder<'_, S> {
        let tables = self.tables.iter().map(|table| (&table.weights[..]).into()).collect();
        let output = [&self.output, &self.bias].map(|parameter| (&parameter.weights[..]).into());
        NetworkEncoder { sizes: self.sizes.clone(), layers: self.packed(), tables, output }
    }

    /// Begins a step: the pieces through the layers, up to what the output layer reads.
    fn pass(&mut self, batch: &PieceBatch, dropout: &mut Stream) -> Result<()> {
        let (width, length) = (self.sizes.width(), self.sizes.length());
        check_batch(batch, self.sizes.ids(), self.sizes.items(), length)?;
        self.inputs.clear();
        self.inputs.extend_from_slice(batch.inputs());
        let packed = self.packed();
        let layers = &*self.packed.insert(packed);
        let stride = padded(width);
        self.groups.resize_with(batch.pieces().div_ceil(GROUP), S::Group::default);
        let last = &mut self.features.last;
        last.resize(batch.inputs().len() * width, 0.0);
        let of_group = GROUP * length;
        let rate = self.dropout;
        let drops = rate != Dropout::new(0.0);
        let streams: Vec<Option<Stream>> = self.groups.iter().map(|_| drops.then(|| dropout.fork())).collect();
        let tables: Vec<&[f32]> = self.tables.iter().map(|table| &table.weights[..]).collect();
        self.groups
            .par_iter_mut()
            .zip(streams)
            .zip(batch.inputs().par_chunks(of_group))
            .zip(last.par_chunks_mut(of_group * width))
            .for_each(|(((group, mut stream), inputs), last)| {
                group.forward(layers, &tables, inputs, stream.as_mut().map(|stream| (rate, stream)));
                group.order().by_piece(group.out(), stride, width, last);
            });
        Ok(())
    }

    /// The way back of the step in progress, and the sum of the gradients that the groups leave.
    fn way_back(&mut self, gradients: FeatureGradients<'_>) -> Result<()> {
        let (width, length) = (self.sizes.width(), self.sizes.length());
        let size = self.inputs.len() * width;
        let Some(layers) = self.packed.as_ref().filter(|_| gradients.fit(size, self.sizes.hidden())) else {
            return Err(Error::new(Kind::Internal, "gradients of other sizes than the network's features"));
        };
        let of_group = GROUP * length * width;
        self.groups.par_iter_mut().zip(gradients.last.par_chunks(of_group)).enumerate().for_each(
            |(number, (group, last))| {
                let (order, size) = (group.order(), group.out().len());
                let gradient = group.gradient_mut();
                gradient.resize(size, 0.0);
                order.by_time(last, width, padded(width), gradient);
                let values = number * of_group..number * of_group + last.len();
                group.backward(layers, &GroupGradients { all: gradients, values, width });
            },
        );
        self.gather();
        Ok(())
    }

    /// Sums up the gradients that the groups left.
    fn gather(&mut self) {
        let (width, length) = (self.sizes.width(), self.sizes.length());
        let stride = padded(width);
        let groups = &self.groups[..];
        self.layers.par_iter_mut().enumerate().for_each(|(number, parameter)| {
            let row = *parameter.shape().last().expect("a parameter has a shape");
            add_padded(&mut parameter.gradient, row, groups.iter().map(|group| group.parameter_gradient(number)));
        });
        for table in &mut self.tables {
            table.gradient.fill(0.0);
        }
        for (group, inputs) in groups.iter().zip(self.inputs.chunks(GROUP * length)) {
            for (row, time, piece) in group.order().each() {
                let gradient = &group.gradient()[row * stride..][..width];
                let rows = [inputs[piece * length + time] as usize, time];
                for (table, row) in self.tables.iter_mut().zip(rows) {
                    add_scaled(&mut table.gradient[row * width..][..width], 1.0, gradient);
                }
            }
        }
        if !S::PADDING_LEARNS {
            self.tables[0].gradient[PADDING as usize * width..][..width].fill(0.0);
        }
    }
}

impl<S: PieceSizes> PieceModel for PieceNetwork<S> {
    fn forward_backward(&mut self, batch: &PieceBatch, dropout: &mut Stream) -> Result<f64> {
        self.pass(batch, dropout)?;
        let layer = OutputLayer { weights: &self.output.weights, bias: &self.bias.weights, width: self.sizes.width() };
        self.last_gradient.resize(self.features.last.len(), 0.0);
        let onto = OutputGradients {
            x: &mut self.last_gradient,
            weights: &mut self.output.gradient,
            bias: &mut self.bias.gradient,
        };
        let losses = self.loss.loss(layer, &self.features.last, batch.labels(), 1.0, None, onto);
        let last = std::mem::take(&mut self.last_gradient);
        self.way_back(FeatureGradients { embedding: None, hidden: None, last: &last })?;
        self.last_gradient = last;
        Ok(losses.cross_entropy)
    }

    fn forward(&mut self, batch: &PieceBatch, dropout: &mut Stream) -> Result<()> {
        self.pass(batch, dropout)?;
        let (width, stride, layers) = (self.sizes.width(), padded(self.sizes.width()), self.sizes.hidden());
        let packed = self.packed.as_ref().expect("the pass has them");
        let PieceOutputs { embedding, hidden, .. } = &mut self.features;
        hidden.resize_with(layers, Vec::new);
        let groups = &self.groups;
        let gather = |rows: &(dyn Fn(&S::Group) -> &[f32] + Sync), out: &mut Vec<f32>| {
            out.resize(batch.inputs().len() * width, 0.0);
            let parts = out.par_chunks_mut(GROUP * batch.length() * width);
            parts.zip(groups).for_each(|(out, group)| group.order().by_piece(rows(group), stride, width, out));
        };
        gather(&|group| group.embedding(), embedding);
        for (number, out) in hidden.iter_mut().enumerate() {
            gather(&|group| group.hidden(packed, number), out);
        }
        Ok(())
    }

    fn features_and_output_mut(&mut self) -> (&PieceOutputs, [&mut DenseParameter; 2]) {
        (&self.features, [&mut self.output, &mut self.bias])
    }

    fn backward(&mut self, gradients: FeatureGradients<'_>) -> Result<()> {
        self.way_back(gradients)
    }

    fn parameters_mut(&mut self) -> Vec<&mut DenseParameter> {
        let Self { tables, layers, output, bias, .. } = self;
        tables.iter_mut().chain(layers).chain([output, bias]).collect()
    }
}

impl<S: PieceSizes> Model for PieceNetwork<S> {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        let all = self.tables.iter().chain(&self.layers).chain([&self.output, &self.bias]);
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
