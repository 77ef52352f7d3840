//! One block of a step: from the rows of its windows to the loss and back, on one thread.

use harness::nn::{EmbeddingTable, Occurrences, padded};

use super::CaserSizes;
use super::backward::{BackwardBuffers, LayerGradients};
use super::layers::{CaserLayers, CaserPass};
use crate::models::sequence::{WindowBatch, WindowLoss};

/// Windows per block; fixed, so that sums over them do not depend on threads.
pub const BLOCK: usize = 32;

/// The tables of a model in training.
pub struct Tables {
    pub user: EmbeddingTable,
    pub item: EmbeddingTable,
    pub output: EmbeddingTable,
    pub bias: EmbeddingTable,
}

/// A step in progress. Buffers keep their size from step to step.
pub struct CaserStep {
    /// `[windows, features]`
    pub masks: Vec<f32>,
    /// Representations, `[windows, 2d]`.
    pub x: Vec<f32>,
    /// ∂loss/∂representation, `[windows, 2d]`.
    pub x_gradients: Vec<f32>,
    /// ∂loss/∂score, `[windows, graded]`.
    pub coefficients: Vec<f32>,
    /// ∂loss/∂rows read, `[windows · L, d]`.
    pub rows: Vec<f32>,
    /// One for each block.
    pub layers: Vec<LayerGradients>,
    /// Which windows name which user, …
    pub users: Occurrences,
    /// … which places of the inputs which id, …
    pub inputs: Occurrences,
    /// … and which scores which id: of those that have a gradient.
    pub scored: Occurrences,
    pub graded: usize,
}

/// A block of a step.
pub struct WindowBlock<'a> {
    first: usize,
    batch: WindowBatch<'a>,
    masks: &'a [f32],
    x: &'a mut [f32],
    x_gradients: &'a mut [f32],
    coefficients: &'a mut [f32],
    rows: &'a mut [f32],
    layers: &'a mut LayerGradients,
}

impl CaserStep {
    pub fn new(sizes: &CaserSizes) -> Self {
        Self {
            masks: Vec::new(),
            x: Vec::new(),
            x_gradients: Vec::new(),
            coefficients: Vec::new(),
            rows: Vec::new(),
            layers: Vec::new(),
            users: Occurrences::new(sizes.users),
            inputs: Occurrences::new(sizes.ids),
            scored: Occurrences::new(sizes.ids),
            graded: 0,
        }
    }

    /// Makes room for a batch and says which rows it names.
    pub fn set(&mut self, sizes: &CaserSizes, batch: &WindowBatch<'_>) {
        let (n, dim) = (batch.windows.len(), sizes.dim);
        self.graded = batch.graded;
        self.masks.resize(n * sizes.features(), 0.0);
        self.x.resize(n * 2 * dim, 0.0);
        self.x_gradients.resize(n * 2 * dim, 0.0);
        self.coefficients.resize(n * batch.graded, 0.0);
        self.rows.resize(n * sizes.length * dim, 0.0);
        self.layers.resize_with(n.div_ceil(BLOCK), || LayerGradients::new(*sizes));
        self.users.set(batch.windows.iter().map(|window| window.user));
        self.inputs.set(batch.inputs.iter().copied());
        let scored = batch.items.chunks_exact(batch.columns()).flat_map(|items| &items[..batch.graded]);
        self.scored.set(scored.copied());
    }

    /// Cuts the buffers of a batch into blocks of windows, for one task each.
    pub fn blocks<'a>(&'a mut self, sizes: &CaserSizes, batch: &WindowBatch<'a>) -> Vec<WindowBlock<'a>> {
        let (dim, length, columns, graded) = (sizes.dim, sizes.length, batch.columns(), batch.graded);
        batch
            .windows
            .chunks(BLOCK)
            .zip(batch.inputs.chunks(BLOCK * length))
            .zip(batch.items.chunks(BLOCK * columns))
            .zip(self.masks.chunks(BLOCK * sizes.features()))
            .zip(self.x.chunks_mut(BLOCK * 2 * dim).zip(self.x_gradients.chunks_mut(BLOCK * 2 * dim)))
            .zip(self.coefficients.chunks_mut(BLOCK * graded).zip(self.rows.chunks_mut(BLOCK * length * dim)))
            .zip(&mut self.layers)
            .enumerate()
            .map(
                |(block, ((((((windows, inputs), items), masks), (x, x_gradients)), (coefficients, rows)), layers))| {
                    let batch = WindowBatch { windows, inputs, items, graded };
                    WindowBlock { first: block * BLOCK, batch, masks, x, x_gradients, coefficients, rows, layers }
                },
            )
            .collect()
    }
}

/// Buffers of one task: the forward pass, the backward pass, and scores of a window.
pub type Buffers = (CaserPass, BackwardBuffers, Vec<f32>);

impl Tables {
    /// In the order of the parameters, around the layers.
    pub fn all(&self) -> [&EmbeddingTable; 4] {
        [&self.user, &self.item, &self.output, &self.bias]
    }

    /// In the order of the parameters, around the layers.
    pub fn all_mut(&mut self) -> [&mut EmbeddingTable; 4] {
        [&mut self.user, &mut self.item, &mut self.output, &mut self.bias]
    }

    /// Brings the rows that a batch reads up to date, where rows fall behind at all.
    pub fn catch_up(&mut self, batch: &WindowBatch<'_>, step: &CaserStep) {
        self.user.catch_up(&step.users);
        self.item.catch_up(&step.inputs);
        // RD's samples name nearly all rows.
        if batch.items.len() >= self.output.rows() {
            self.output.keep_up();
            self.bias.keep_up();
        }
        if self.output.is_behind() {
            let mut read = Occurrences::new(self.output.rows());
            read.set(batch.items.iter().copied());
            self.output.catch_up(&read);
            self.bias.catch_up(&read);
        }
    }

    /// Loss and gradients of a block.
    pub fn pass(
        &self,
        layers: &CaserLayers,
        block: WindowBlock<'_>,
        (pass, scratch, scores): &mut Buffers,
        loss: &WindowLoss<'_>,
    ) -> f64 {
        let (dim, length) = (layers.sizes.dim, layers.sizes.length);
        let WindowBatch { windows, inputs, items, graded } = block.batch;
        let columns = block.batch.columns();
        pass.rows.resize(windows.len() * length * dim, 0.0);
        for (row, &id) in pass.rows.chunks_exact_mut(dim).zip(inputs) {
            row.copy_from_slice(self.item.row(id));
        }
        layers.forward(pass, Some(block.masks));
        scores.resize(columns, 0.0);
        let bias = |id: u32| self.bias.row(id)[0];
        let mut sum = 0.0;
        let representations = block.x.chunks_exact_mut(2 * dim).zip(block.x_gradients.chunks_exact_mut(2 * dim));
        for (k, (x, x_gradient)) in representations.enumerate() {
            x[..dim].copy_from_slice(&pass.hidden[k * padded(dim)..][..dim]);
            x[dim..].copy_from_slice(self.user.row(windows[k].user));
            let items = &items[k * columns..][..columns];
            self.output.dots(items, x, scores);
            scores.iter_mut().zip(items).for_each(|(score, &id)| *score += bias(id));
            let coefficients = &mut block.coefficients[k * graded..][..graded];
            sum += loss(block.first + k, scores, coefficients);
            x_gradient.fill(0.0);
            self.output.weighted_sum(&items[..graded], coefficients, x_gradient);
        }
        block.layers.clear();
        layers.backward(pass, block.masks, block.x_gradients, block.rows, block.layers, scratch);
        sum
    }
}
