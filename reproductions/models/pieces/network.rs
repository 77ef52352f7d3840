//! A network over pieces in training on the CPU, by hand-written gradients: groups of pieces in parallel through its layers,
//! the output layer, and back.
//!
//! A network says by its [`PieceSizes`] which tables and layers it has, and by its [`PieceGroup`] how some pieces go through
//! the layers and back on one thread. All else is here and in [`encoder`](super::NetworkEncoder).

use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, Dropout, Trainable, padded};
use harness::queries::Queries;
use harness::rng::Stream;
use harness::simd::add_scaled;
use harness::train::Model;
use harness::weights::{Settings, Weights};
use rayon::prelude::*;

use super::rows::{TimeRows, add_padded};
use super::training::{PieceModel, check_batch};
use super::{NetworkEncoder, OutputGradients, OutputLayer, OutputLoss, PADDING, PieceBatch, PieceScorer, left_padded};

/// Pieces of a group: what one task takes through the layers. Fixed, so that nothing depends on threads.
pub const GROUP: usize = 16;

/// Parameters after those of the layers: the output layer's weights and bias.
pub const OUTPUT: usize = 2;

/// All that shapes a network over pieces. Its parameters stand in the order tables, layers, output layer (`[I + 1, C]` and
/// `[I + 1]`).
pub trait PieceSizes: Clone + Send + Sync {
    /// What is between the tables and the output layer, laid out for products.
    type Layers: Send + Sync;

    /// What a group of pieces keeps of its way through the layers.
    type Group: PieceGroup<Self::Layers>;

    /// Tables: that of ids, `[ids, C]`, and, if there are two, that of positions, `[L, C]`.
    const TABLES: usize;

    /// Whether the padding's row of the table of ids learns, as any other.
    const PADDING_LEARNS: bool = true;

    /// The sizes of a network with these weights.
    ///
    /// # Errors
    /// [`Internal`](harness::error::Kind::Internal) if they are not those of such a network.
    fn of(weights: &Weights) -> Result<Self>;

    /// What no shape tells.
    fn settings(&self) -> Settings;

    /// The layers with these values of their parameters.
    ///
    /// # Panics
    /// If there are not as many as there must be.
    fn layers(&self, values: &[&[f32]]) -> Self::Layers;

    /// I.
    fn items(&self) -> usize;

    /// C.
    fn width(&self) -> usize;

    /// L.
    fn length(&self) -> usize;

    /// Number of hidden outputs that students learn from.
    fn hidden(&self) -> usize;

    /// Ids that an input may have.
    fn ids(&self) -> usize {
        self.items() + 1
    }

    /// Whether what comes next is asked for by a mask after the items.
    fn asks_by_mask(&self) -> bool {
        false
    }

    /// Writes the items of an asker, oldest first, as the network reads them when it is asked for what comes next, to
    /// `row: [L]`.
    fn read(&self, items: &[u32], row: &mut [u32]) {
        left_padded(items, row);
    }
}

/// Results of the passes of some pieces through the layers, on one thread. Rows go [by time, then by piece](TimeRows), each
/// `[padded C]`, with zeros beyond C.
pub trait PieceGroup<Layers>: Default + Send + Sync {
    /// Takes pieces of ids `inputs: [pieces, L]` through the layers. Something is dropped if there is a stream to draw it
    /// from.
    fn forward(&mut self, layers: &Layers, tables: &[&[f32]], inputs: &[u32], dropout: Option<(Dropout, &mut Stream)>);

    /// From [`gradient_mut`](Self::gradient_mut), ∂L/∂out, to all gradients of the group; what it then holds is ∂L/∂embedding.
    fn backward(&mut self, layers: &Layers);

    fn order(&self) -> TimeRows;

    /// What the output layer reads.
    fn out(&self) -> &[f32];

    /// The embedding.
    fn embedding(&self) -> &[f32];

    /// The `number`-th output that students learn from.
    fn hidden(&self, layers: &Layers, number: usize) -> &[f32];

    fn gradient(&self) -> &[f32];

    fn gradient_mut(&mut self) -> &mut Vec<f32>;

    /// The gradient of the `number`-th parameter of the layers; where it has rows, they are padded.
    fn parameter_gradient(&self, number: usize) -> &[f32];
}

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
    /// What the output layer reads and its gradient, `[T, C]`.
    x: Vec<f32>,
    x_gradient: Vec<f32>,
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
        let (groups, loss, x, x_gradient) = (Vec::new(), OutputLoss::default(), Vec::new(), Vec::new());
        Ok(Self { sizes, dropout, tables, layers, output, bias, groups, loss, x, x_gradient })
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

    /// Sums up the gradients that the groups left.
    fn gather(&mut self, inputs: &[u32]) {
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
        for (group, inputs) in groups.iter().zip(inputs.chunks(GROUP * length)) {
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
        let (width, length) = (self.sizes.width(), self.sizes.length());
        check_batch(batch, self.sizes.ids(), self.sizes.items(), length)?;
        let layers = self.packed();
        let stride = padded(width);
        self.groups.resize_with(batch.pieces().div_ceil(GROUP), S::Group::default);
        self.x.resize(batch.inputs().len() * width, 0.0);
        self.x_gradient.resize(self.x.len(), 0.0);
        let of_group = GROUP * length;
        let rate = self.dropout;
        let drops = rate != Dropout::new(0.0);
        let streams: Vec<Option<Stream>> = self.groups.iter().map(|_| drops.then(|| dropout.fork())).collect();
        let tables: Vec<&[f32]> = self.tables.iter().map(|table| &table.weights[..]).collect();
        self.groups
            .par_iter_mut()
            .zip(streams)
            .zip(batch.inputs().par_chunks(of_group))
            .zip(self.x.par_chunks_mut(of_group * width))
            .for_each(|(((group, mut stream), inputs), x)| {
                group.forward(&layers, &tables, inputs, stream.as_mut().map(|stream| (rate, stream)));
                group.order().by_piece(group.out(), stride, width, x);
            });
        let layer = OutputLayer { weights: &self.output.weights, bias: &self.bias.weights, width };
        let onto = OutputGradients {
            x: &mut self.x_gradient,
            weights: &mut self.output.gradient,
            bias: &mut self.bias.gradient,
        };
        let losses = self.loss.loss(layer, &self.x, batch.labels(), 1.0, None, onto);
        self.groups.par_iter_mut().zip(self.x_gradient.par_chunks(of_group * width)).for_each(|(group, x_gradient)| {
            let (order, size) = (group.order(), group.out().len());
            let gradient = group.gradient_mut();
            gradient.resize(size, 0.0);
            order.by_time(x_gradient, width, stride, gradient);
            group.backward(&layers);
        });
        self.gather(batch.inputs());
        Ok(losses.cross_entropy)
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
