//! An embedding table on the CPU: weights, Adam moments, and the fused step.
//!
//! Not a candle variable: candle's gradient of an embedding is a dense table, and its step rewrites
//! the table through a dozen temporaries (anchors: 5 to 10 times slower than this). Models gather
//! the rows of a batch, compute row gradients (by hand, or by candle's autograd over a
//! [`leaf`](EmbeddingTable::leaf)), and give them back to [`step`](EmbeddingTable::step).

use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;

use super::Occurrences;
use crate::error::Result;
use crate::method::Parameter;
use crate::optim::Adam;
use crate::simd;
use crate::train::State;

/// Elements that one task updates: 16 KiB of each array, so the four streams stay in the L2 cache.
/// Fixed, so that nothing depends on the number of threads (no sum crosses a block anyway).
const BLOCK: usize = 4096;

/// `[rows, dim]`, row-major, with the moments of Adam.
#[derive(Clone)]
pub struct EmbeddingTable {
    pub name: &'static str,
    rows: usize,
    dim: usize,
    weights: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    steps: u64,
}

impl EmbeddingTable {
    /// A table that starts at `weights` (`rows × dim` values).
    ///
    /// # Panics
    /// If the lengths disagree.
    pub fn new(name: &'static str, rows: usize, dim: usize, weights: Vec<f32>) -> Self {
        assert_eq!(weights.len(), rows * dim, "table `{name}`");
        let zeros = vec![0.0; weights.len()];
        Self { name, rows, dim, first_moment: zeros.clone(), second_moment: zeros, weights, steps: 0 }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    pub fn moments(&self) -> [&[f32]; 2] {
        [&self.first_moment, &self.second_moment]
    }

    /// Replaces the weights, and leaves the moments alone.
    ///
    /// # Panics
    /// If the length is not the table's.
    pub fn set_weights(&mut self, weights: Vec<f32>) {
        assert_eq!(weights.len(), self.rows * self.dim, "table `{}`", self.name);
        self.weights = weights;
    }

    /// Adds weights, moments and the step count to `state`.
    pub fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put(format!("{}.weights", self.name), &self.weights[..]);
        state.put(format!("{}.first_moment", self.name), &self.first_moment[..]);
        state.put(format!("{}.second_moment", self.name), &self.second_moment[..]);
        state.counts.insert(format!("{}.steps", self.name), self.steps);
    }

    /// Takes back what `save` put.
    ///
    /// # Errors
    /// If an array is missing or has another length.
    pub fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        let n = self.rows * self.dim;
        self.weights = state.take(&format!("{}.weights", self.name), n)?;
        self.first_moment = state.take(&format!("{}.first_moment", self.name), n)?;
        self.second_moment = state.take(&format!("{}.second_moment", self.name), n)?;
        self.steps = state.count(&format!("{}.steps", self.name))?;
        Ok(())
    }

    #[inline(always)]
    pub fn row(&self, row: u32) -> &[f32] {
        &self.weights[row as usize * self.dim..][..self.dim]
    }

    /// The weights as a parameter of the model.
    pub fn parameter(&self) -> Parameter {
        Parameter { name: self.name.into(), shape: vec![self.rows, self.dim], values: self.weights.clone() }
    }

    /// The rows `ids` as a candle variable `[ids, dim]` for autograd: backward then yields the
    /// gradient of these rows and never a dense table.
    ///
    /// # Errors
    /// [`Internal`](crate::error::Kind::Internal) if candle fails.
    pub fn leaf(&self, ids: &[u32]) -> Result<Var> {
        let mut rows = Vec::with_capacity(ids.len() * self.dim);
        for &id in ids {
            rows.extend_from_slice(self.row(id));
        }
        let rows = Tensor::from_vec(rows, (ids.len(), self.dim), &Device::Cpu)?;
        Ok(Var::from_tensor(&rows)?)
    }

    /// One step of Adam over every row. The data gradient of a row is the sum over its
    /// `occurrences`, in batch order, of `coefficient · vector` as given by `gradient(position)`.
    pub fn step<'g>(
        &mut self,
        adam: &Adam,
        occurrences: &Occurrences,
        gradient: impl Fn(usize) -> (f32, &'g [f32]) + Sync,
    ) {
        self.steps += 1;
        let adam = adam.at(self.steps);
        let dim = self.dim;
        let rows_per_block = (BLOCK / dim).max(1);
        let chunk = rows_per_block * dim;
        self.weights
            .par_chunks_mut(chunk)
            .zip(self.first_moment.par_chunks_mut(chunk))
            .zip(self.second_moment.par_chunks_mut(chunk))
            .enumerate()
            .for_each_init(
                || vec![0.0f32; chunk],
                |buffer, (block, ((weights, first), second))| {
                    let start = block * rows_per_block;
                    let rows = start..start + weights.len() / dim;
                    if !occurrences.any(rows.clone()) {
                        adam.apply(weights, first, second, None);
                        return;
                    }
                    let buffer = &mut buffer[..weights.len()];
                    buffer.fill(0.0);
                    for (sum, row) in buffer.chunks_exact_mut(dim).zip(rows) {
                        for position in occurrences.of(row) {
                            let (coefficient, vector) = gradient(position);
                            simd::add_scaled(sum, coefficient, vector);
                        }
                    }
                    adam.apply(weights, first, second, Some(buffer));
                },
            );
    }
}
