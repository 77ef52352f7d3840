//! The tensors of a cell, and what a training pass prepares of them.
//!
//! ```text
//! f₀ = x, the cell's input;  node n = 1, 2, 3:  f_n = Σ_{m<n} operation of edge (n, m) of max(f_m, 0)
//! cell = x + max(LN(Σ_n softmax(w)_n f_n), 0)                                        f₀ is not in the weighted sum
//! ```

use harness::nn::{DenseParameter, Trainable};
use harness::weights::Parameter;

use super::architecture::{Architecture, EDGES, NODES, edge, ends};
use super::batch_norm::{BatchStatistics, RunningStatistic};
use super::convolutions::{Columns, Group, Run, WayBack, pack};
use super::operation::Operation;
use super::pooling::Pool;
use super::student_sizes::StudentSizes;

/// Under the root of layer normalisation (code).
pub const EPSILON: f32 = 1e-8;

/// The tensors of an edge's convolutions.
pub struct EdgeParameters {
    /// Each with the number of its first tap in `weight`.
    pub convolutions: Vec<(Operation, usize)>,
    /// Weight, bias, scale and shift.
    pub dense: [DenseParameter; 4],
    /// Running mean and variance.
    pub statistics: [RunningStatistic; 2],
}

/// The tensors of a cell.
pub struct CellParameters {
    /// None of an edge without convolutions.
    pub edges: [Option<EdgeParameters>; EDGES],
    /// w, and scale and shift of layer normalisation.
    pub dense: [DenseParameter; 3],
}

impl CellParameters {
    /// Takes the tensors of one cell, in the order of the [layout](StudentSizes::layout).
    ///
    /// # Panics
    /// If there are too few.
    pub fn new(sizes: &StudentSizes, parameters: &mut impl Iterator<Item = Parameter>) -> Self {
        let mut next = || parameters.next().expect("the layout was checked");
        let edges = std::array::from_fn(|edge| {
            let convolutions = sizes.convolutions(edge);
            (!convolutions.is_empty()).then(|| EdgeParameters {
                convolutions,
                dense: std::array::from_fn(|_| DenseParameter::new(next())),
                statistics: std::array::from_fn(|_| RunningStatistic::new(next())),
            })
        });
        Self { edges, dense: std::array::from_fn(|_| DenseParameter::new(next())) }
    }

    /// In the order of the layout.
    pub fn tensors(&self) -> impl Iterator<Item = &dyn Trainable> {
        let edges = self.edges.iter().flatten().flat_map(|edge| {
            let dense = edge.dense.iter().map(|tensor| tensor as &dyn Trainable);
            dense.chain(edge.statistics.iter().map(|tensor| tensor as &dyn Trainable))
        });
        edges.chain(self.dense.iter().map(|tensor| tensor as &dyn Trainable))
    }

    /// In the order of the layout.
    pub fn tensors_mut(&mut self) -> impl Iterator<Item = &mut dyn Trainable> {
        let edges = self.edges.iter_mut().flatten().flat_map(|edge| {
            let dense = edge.dense.iter_mut().map(|tensor| tensor as &mut dyn Trainable);
            dense.chain(edge.statistics.iter_mut().map(|tensor| tensor as &mut dyn Trainable))
        });
        edges.chain(self.dense.iter_mut().map(|tensor| tensor as &mut dyn Trainable))
    }

    /// What is trained.
    pub fn dense_mut(&mut self) -> impl Iterator<Item = &mut DenseParameter> {
        self.edges.iter_mut().flatten().flat_map(|edge| &mut edge.dense).chain(&mut self.dense)
    }

    /// softmax(w).
    pub fn node_weights(&self) -> [f64; NODES] {
        let w = &self.dense[0].weights;
        let largest = w.iter().copied().fold(f32::MIN, f32::max);
        let powers: [f64; NODES] = std::array::from_fn(|n| libm::exp(f64::from(w[n] - largest)));
        let sum: f64 = powers.iter().sum();
        powers.map(|power| power / sum)
    }
}

/// A cell as a training pass uses it: its weights laid out for products, and the batch's statistics as they come about.
pub struct CellPass {
    pub channels: usize,
    /// C, padded.
    pub width: usize,
    pub length: usize,
    /// By feature map.
    pub sources: [SourcePass; NODES],
    pub edges: [EdgePass; EDGES],
    /// softmax(w).
    pub nodes: [f32; NODES],
    pub norm_scale: Vec<f32>,
    pub norm_shift: Vec<f32>,
}

/// All convolutions that read one feature map.
pub struct SourcePass {
    pub columns: Columns,
    pub groups: Vec<Group>,
}

/// An edge in a training pass.
pub struct EdgePass {
    pub chosen: Chosen,
    /// The batch's, by convolution.
    pub statistics: Vec<BatchStatistics>,
}

/// The operation that an edge's value is.
pub enum Chosen {
    Convolution(Box<ChosenConvolution>),
    Pool(Pool),
    Skip,
    Nothing,
}

/// A convolution whose value is used. Vectors are by channel, padded with zeros.
pub struct ChosenConvolution {
    /// Which of the edge's convolutions it is.
    pub index: usize,
    /// Its first tap in the edge's weights.
    pub first_tap: usize,
    pub runs: Vec<Run>,
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
    pub back: WayBack,
    /// On the way back: scale/√(variance + ε), and the batch's means of g and of g·ŷ.
    pub factor: Vec<f32>,
    pub mean: Vec<f32>,
    pub mean_along: Vec<f32>,
}

impl CellPass {
    /// With these operations.
    ///
    /// # Panics
    /// If an edge has no such convolution.
    pub fn new(sizes: &StudentSizes, cell: &CellParameters, architecture: &Architecture, width: usize) -> Self {
        let channels = sizes.channels;
        let sources: [SourcePass; NODES] = std::array::from_fn(|source| SourcePass::new(cell, source, channels, width));
        let edges = std::array::from_fn(|number| {
            let columns = &sources[ends(number).1].columns;
            EdgePass::new(cell.edges[number].as_ref(), architecture.0[number], columns, channels, width)
        });
        let [_, norm_scale, norm_shift] = cell.dense.each_ref().map(|tensor| tensor.weights.clone());
        let nodes = cell.node_weights().map(|weight| weight as f32);
        Self { channels, width, length: sizes.length, sources, edges, nodes, norm_scale, norm_shift }
    }
}

impl SourcePass {
    fn new(cell: &CellParameters, source: usize, channels: usize, width: usize) -> Self {
        let of_source = |number: usize| cell.edges[number].as_ref().map(|edge| (number, edge));
        let edges: Vec<(usize, &EdgeParameters)> =
            (source + 1..=NODES).filter_map(|node| of_source(edge(node, source))).collect();
        let operations = edges.iter().flat_map(|(_, edge)| edge.convolutions.iter().map(|(operation, _)| *operation));
        let columns = Columns::of(operations);
        let group = |operation: Operation| {
            let having: Vec<(usize, usize, usize, &EdgeParameters)> = edges
                .iter()
                .filter_map(|&(number, edge)| {
                    let at = edge.convolutions.iter().position(|(other, _)| *other == operation)?;
                    Some((number, at, edge.convolutions[at].1, edge))
                })
                .collect();
            if having.is_empty() {
                return None;
            }
            let runs = columns.runs(operation);
            let mut weight = vec![0.0; operation.taps() * width * having.len() * width];
            for (side, (_, _, first_tap, edge)) in having.iter().enumerate() {
                let of_operation = &edge.dense[0].weights[first_tap * channels * channels..];
                pack(of_operation, channels, width, &runs, side * width, &mut weight);
            }
            let edges = having.iter().map(|&(number, at, _, _)| (number, at)).collect();
            Some(Group { operation, runs, edges, weight })
        };
        let groups = Operation::ALL.into_iter().filter_map(group).collect();
        Self { columns, groups }
    }
}

impl EdgePass {
    fn new(
        edge: Option<&EdgeParameters>,
        operation: Operation,
        columns: &Columns,
        channels: usize,
        width: usize,
    ) -> Self {
        let statistics = vec![BatchStatistics::default(); edge.map_or(0, |edge| edge.convolutions.len())];
        let chosen = match operation {
            Operation::MaxPool => Chosen::Pool(Pool::Max),
            Operation::AvgPool => Chosen::Pool(Pool::Average),
            Operation::SkipConnect => Chosen::Skip,
            Operation::None => Chosen::Nothing,
            convolution => {
                let edge = edge.expect("the choice was checked");
                let index = edge.convolutions.iter().position(|(other, _)| *other == convolution);
                let index = index.expect("the choice was checked");
                let first_tap = edge.convolutions[index].1;
                let [weight, _, scale, shift] = edge.dense.each_ref().map(|tensor| &tensor.weights[..]);
                let weight = &weight[first_tap * channels * channels..][..convolution.taps() * channels * channels];
                let row = |values: &[f32]| {
                    let mut row = values[index * channels..][..channels].to_vec();
                    row.resize(width, 0.0);
                    row
                };
                Chosen::Convolution(Box::new(ChosenConvolution {
                    index,
                    first_tap,
                    runs: columns.runs(convolution),
                    scale: row(scale),
                    shift: row(shift),
                    back: WayBack::new(convolution, weight, channels, width),
                    factor: vec![0.0; width],
                    mean: vec![0.0; width],
                    mean_along: vec![0.0; width],
                }))
            }
        };
        Self { chosen, statistics }
    }
}
