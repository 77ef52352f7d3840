//! The student in training: its step by hand, without a graph.
//!
//! ```text
//! embedding = dropout(token + position) → cells → dropout → representation → output layer (its loss is made elsewhere)
//! ```
//!
//! A pass takes blocks of whole sequences through the cells in parallel, and stops at each node, where batch normalisation needs
//! the statistics of the whole batch. In a search the value of an edge is the drawn operation's; yet the statistics of all
//! convolutions move at each step, and α's gradient needs ⟨∂L/∂f, operation(x)⟩ for all of them. For a convolution y with batch
//! normalisation that is, channel by channel,
//!
//! ```text
//! γ·(⟨g, y⟩ − mean(y)·Σg)/√(variance + ε) + β·Σg,   ⟨g, y⟩ = ⟨W, Σ_t x(t + shift)·g(t)⟩
//! ```
//!
//! so that only moments of y are kept, and one product of the unfolded feature map with the nodes' gradients serves all
//! operations of all edges that read it. It equals the sum over elements up to rounding: both are sums of the same terms in f32,
//! in another order.

mod gradients;

use harness::error::{Error, Kind, Result};
use harness::nn::{DenseParameter, Dropout, Trainable, padded};
use harness::rng::Stream;
use harness::weights::{Settings, Weights};
use rayon::prelude::*;

use super::architecture::{Architecture, EDGES, NODES, edge, ends};
use super::cell::{CellParameters, CellPass};
use super::encoder::{StudentEncoder, check_ids};
use super::pass::{Block, CellRows};
use super::student_sizes::StudentSizes;
use crate::models::pieces::{FeatureGradients, PieceOutputs};

/// Positions of a block, about; it has whole sequences. Fixed, so that nothing depends on threads.
const ROWS: usize = 80;

/// A student in training, searched or of one architecture.
pub struct Student {
    sizes: StudentSizes,
    dropout: Dropout,
    token: DenseParameter,
    position: DenseParameter,
    cells: Vec<CellParameters>,
    output: [DenseParameter; 2],
    /// Of the step in progress, or of the last one.
    ids: Vec<u32>,
    passes: Vec<CellPass>,
    blocks: Vec<Block>,
    /// Factors of dropout, `[T, C]`: of the embedding, and of the last cell's output.
    masks: [Vec<f32>; 2],
    /// The embedding after dropout, the outputs of the cells, and the last one's after dropout.
    features: PieceOutputs,
}

impl Student {
    /// A student that starts at these weights. `dropout` is that of the embedding and of the representation (0.1).
    ///
    /// # Errors
    /// If they are not a [student's](StudentSizes::layout), or of sizes that no student has.
    pub fn new(weights: Weights, dropout: Dropout) -> Result<Self> {
        let sizes = StudentSizes::of(&weights)?;
        sizes.check()?;
        let mut parameters = weights.parameters.into_iter();
        let dense = |parameters: &mut dyn Iterator<Item = _>| {
            DenseParameter::new(parameters.next().expect("the layout was checked"))
        };
        let (token, position) = (dense(&mut parameters), dense(&mut parameters));
        let cells = (0..sizes.cells).map(|_| CellParameters::new(&sizes, &mut parameters)).collect();
        let output = [dense(&mut parameters), dense(&mut parameters)];
        Ok(Self {
            sizes,
            dropout,
            token,
            position,
            cells,
            output,
            ids: Vec::new(),
            passes: Vec::new(),
            blocks: Vec::new(),
            masks: Default::default(),
            features: PieceOutputs::default(),
        })
    }

    /// The sizes of the student.
    pub fn sizes(&self) -> &StudentSizes {
        &self.sizes
    }

    /// The space, or the architecture.
    pub fn settings(&self) -> Settings {
        self.sizes.settings()
    }

    /// All tensors in the order of the [layout](StudentSizes::layout), running statistics included.
    pub fn tensors(&self) -> Vec<&dyn Trainable> {
        let tables = [&self.token, &self.position].map(|tensor| tensor as &dyn Trainable);
        let cells = self.cells.iter().flat_map(CellParameters::tensors);
        tables.into_iter().chain(cells).chain(self.output.iter().map(|tensor| tensor as &dyn Trainable)).collect()
    }

    /// All tensors in the order of the layout, running statistics included.
    pub fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        let tables = [&mut self.token, &mut self.position].map(|tensor| tensor as &mut dyn Trainable);
        let cells = self.cells.iter_mut().flat_map(CellParameters::tensors_mut);
        let output = self.output.iter_mut().map(|tensor| tensor as &mut dyn Trainable);
        tables.into_iter().chain(cells).chain(output).collect()
    }

    /// All that is trained, in the order of the layout, with the gradients of the step in progress. Operations that were not
    /// drawn have gradients of 0, by which an optimiser with decay or momentum still moves them (code).
    pub fn dense_mut(&mut self) -> impl Iterator<Item = &mut DenseParameter> {
        let tables = [&mut self.token, &mut self.position].into_iter();
        tables.chain(self.cells.iter_mut().flat_map(CellParameters::dense_mut)).chain(&mut self.output)
    }

    /// The output layer, weight `[I + 1, C]` and bias `[I + 1]`; its gradients are filled by whoever makes the loss.
    pub fn output_mut(&mut self) -> &mut [DenseParameter; 2] {
        &mut self.output
    }

    /// The output layer, weight `[I + 1, C]` and bias `[I + 1]`.
    pub fn output(&self) -> &[DenseParameter; 2] {
        &self.output
    }

    /// What the losses read of the last training pass.
    pub fn features(&self) -> &PieceOutputs {
        &self.features
    }

    /// Features and output layer at once, for the loss that reads the one and fills the gradients of the other.
    pub fn features_and_output_mut(&mut self) -> (&PieceOutputs, [&mut DenseParameter; 2]) {
        (&self.features, self.output.each_mut())
    }

    /// The student as it answers with the operations of `architecture`, copied from its weights and running statistics as
    /// they stand.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if an edge lacks its operation.
    pub fn encoder(&self, architecture: &Architecture) -> Result<StudentEncoder> {
        self.check(architecture)?;
        let tables = [&self.token, &self.position].map(|table| table.weights.clone());
        Ok(StudentEncoder::of_cells(&self.sizes, tables, &self.cells, architecture))
    }

    fn check(&self, architecture: &Architecture) -> Result<()> {
        for (number, operation) in architecture.0.iter().enumerate() {
            if !self.sizes.operations(number).contains(operation) {
                let (node, source) = ends(number);
                return Err(Error::new(
                    Kind::Internal,
                    format!("edge {node}-{source} of a student has no `{operation}`"),
                ));
            }
        }
        Ok(())
    }

    /// Begins a step in training mode: `ids: [T]` are whole sequences of L ids, 0 being padding. Moves the running statistics of
    /// all convolutions, also of those that are not of `architecture`. [`features`](Self::features) are of this pass
    /// afterwards.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if the ids are not whole sequences, one has no row, or an edge lacks its operation.
    pub fn forward(&mut self, ids: &[u32], architecture: &Architecture, dropout: &mut Stream) -> Result<()> {
        let (channels, length) = (self.sizes.channels, self.sizes.length);
        check_ids(ids, length, self.sizes.items + 1)?;
        self.check(architecture)?;
        let width = padded(channels);
        for mask in &mut self.masks {
            mask.resize(ids.len() * channels, 0.0);
            self.dropout.draw(dropout, channels, mask);
        }
        self.ids.clear();
        self.ids.extend_from_slice(ids);
        self.embed(width);
        let sizes = &self.sizes;
        let passes = self.cells.par_iter().map(|cell| CellPass::new(sizes, cell, architecture, width));
        passes.collect_into_vec(&mut self.passes);
        for cell in 0..sizes.cells {
            for source in 0..NODES {
                let pass = &self.passes[cell];
                self.blocks.par_iter_mut().for_each(|block| {
                    if source > 0 {
                        block.node(pass, cell, source);
                    }
                    block.expand(pass, cell, source);
                });
                self.combine(cell, source);
            }
            let pass = &self.passes[cell];
            self.blocks.par_iter_mut().for_each(|block| {
                block.node(pass, cell, NODES);
                block.mix(pass, cell);
            });
        }
        self.gather_features(width);
        Ok(())
    }

    /// Positions of a block.
    fn rows_of_block(&self) -> usize {
        (ROWS / self.sizes.length).max(1) * self.sizes.length
    }

    fn embed(&mut self, width: usize) {
        let (channels, length) = (self.sizes.channels, self.sizes.length);
        let rows = self.rows_of_block();
        let embedding = &mut self.features.embedding;
        embedding.clear();
        for (place, (&id, mask)) in self.ids.iter().zip(self.masks[0].chunks_exact(channels)).enumerate() {
            let token = &self.token.weights[id as usize * channels..][..channels];
            let position = &self.position.weights[place % length * channels..][..channels];
            embedding.extend((0..channels).map(|j| (token[j] + position[j]) * mask[j]));
        }
        self.blocks.resize_with(self.ids.len().div_ceil(rows), Block::default);
        for (block, embedding) in self.blocks.iter_mut().zip(embedding.chunks(rows * channels)) {
            block.rows = embedding.len() / channels;
            block.cells.resize_with(self.sizes.cells, CellRows::default);
            pad(embedding, channels, width, &mut block.cells[0].maps[0]);
        }
    }

    /// The batch's statistics of the convolutions that read a feature map.
    fn combine(&mut self, cell: usize, source: usize) {
        let blocks = &self.blocks;
        for node in source + 1..=NODES {
            let number = edge(node, source);
            let Some(parameters) = &mut self.cells[cell].edges[number] else { continue };
            let (channels, width) = (self.sizes.channels, padded(self.sizes.channels));
            let [running_mean, running_variance] = &mut parameters.statistics;
            for (at, statistics) in self.passes[cell].edges[number].statistics.iter_mut().enumerate() {
                let of = at * channels..(at + 1) * channels;
                let moments = blocks.iter().map(|block| block.cells[cell].moments(number, at, block.rows, width));
                let bias = &parameters.dense[1].weights[of.clone()];
                let running = [&mut running_mean.values[of.clone()], &mut running_variance.values[of]];
                statistics.combine(moments, bias, running);
            }
        }
    }

    fn gather_features(&mut self, width: usize) {
        let (channels, cells) = (self.sizes.channels, self.sizes.cells);
        let PieceOutputs { hidden: outputs, last, .. } = &mut self.features;
        outputs.resize_with(cells, Vec::new);
        for (cell, output) in outputs.iter_mut().enumerate() {
            output.clear();
            for block in &self.blocks {
                let rows = block.cells.get(cell + 1).map_or(&block.out, |next| &next.maps[0]);
                rows.chunks_exact(width).for_each(|row| output.extend_from_slice(&row[..channels]));
            }
        }
        last.clear();
        last.extend(outputs[cells - 1].iter().zip(&self.masks[1]).map(|(x, factor)| x * factor));
    }

    /// Ends a step: overwrites the gradients of all but the output layer. With `search`, returns ∂L/∂(weight of each operation of
    /// each edge), `[edges, operations of the edge]`, which sums over all cells: what
    /// [`ArchitectureParameters::backward`](super::relaxation::ArchitectureParameters::backward) takes.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if no pass is in progress, or a gradient has another size than its feature.
    pub fn backward(&mut self, gradients: FeatureGradients<'_>, search: bool) -> Result<Option<Vec<f64>>> {
        let (channels, width, cells) = (self.sizes.channels, padded(self.sizes.channels), self.sizes.cells);
        let n = self.ids.len() * channels;
        if n == 0 || !gradients.fit(n, cells) {
            return Err(Error::new(Kind::Internal, "gradients of other sizes than the student's features"));
        }
        let masked: Vec<f32> = gradients.last.iter().zip(&self.masks[1]).map(|(g, mask)| g * mask).collect();
        let rows = self.rows_of_block();
        for (block, gradient) in self.blocks.iter_mut().zip(masked.chunks(rows * channels)) {
            pad(gradient, channels, width, &mut block.gradient);
        }
        let mut of_operations: Option<Vec<Vec<f64>>> =
            search.then(|| (0..EDGES).map(|number| vec![0.0; self.sizes.operations(number).len()]).collect());
        for cell in (0..cells).rev() {
            let pass = &self.passes[cell];
            let of_cell = gradients.hidden.map(|cells| &cells[cell][..]);
            self.blocks.par_iter_mut().enumerate().for_each(|(number, block)| {
                if let Some(gradient) = of_cell {
                    let gradient = &gradient[number * rows * channels..][..block.rows * channels];
                    add_rows(gradient, channels, width, &mut block.gradient);
                }
                block.unmix(pass, cell);
            });
            for source in (0..NODES).rev() {
                self.means(cell, source + 1);
                let pass = &self.passes[cell];
                self.blocks.par_iter_mut().for_each(|block| block.back(pass, cell, source, search));
            }
            self.gather_cell(cell);
            if let Some(sums) = &mut of_operations {
                self.add_operations(cell, sums);
            }
        }
        self.gather_tables(width, gradients.embedding);
        Ok(of_operations.map(|sums| sums.concat()))
    }
}

/// `out: [rows, width]`, zeros beyond the channels.
fn pad(rows: &[f32], channels: usize, width: usize, out: &mut Vec<f32>) {
    out.clear();
    for row in rows.chunks_exact(channels) {
        out.extend_from_slice(row);
        out.resize(out.len().next_multiple_of(width), 0.0);
    }
}

/// Adds rows of the channels to rows of `width`.
fn add_rows(rows: &[f32], channels: usize, width: usize, sums: &mut [f32]) {
    for (sums, row) in sums.chunks_exact_mut(width).zip(rows.chunks_exact(channels)) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}

#[cfg(test)]
mod tests;
