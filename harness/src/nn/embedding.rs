//! An embedding table on the CPU: weights, Adam moments, and the fused step.
//!
//! Not a candle variable: candle's gradient of an embedding is a dense table, and its step rewrites
//! the table through a dozen temporaries (anchors: 5 to 10 times slower than this). Models gather
//! the rows of a batch, compute row gradients (by hand, or by candle's autograd over a
//! [`leaf`](EmbeddingTable::leaf)), and give them back to [`step`](EmbeddingTable::step).
//!
//! Every step moves every row (see [`optim`](crate::optim)), and moving a table that is larger than the
//! cache is all that a step costs. So in large tables the rows that a batch does not name fall behind
//! by up to [`LAG`] steps and are then moved by all of them at once, while they are in the cache. A row
//! is brought up to date before it is read ([`catch_up`](EmbeddingTable::catch_up)), and all of them
//! before the table is ([`settle`](EmbeddingTable::settle)). Each element goes through the very same
//! operations in the same order, so this changes no bit; a test holds it to that.

use std::ops::Range;

use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;

use super::{Occurrences, Trainable};
use crate::error::Result;
use crate::optim::{Adam, AdamStep};
use crate::simd;
use crate::weights::{Parameter, State};

/// Elements that one task updates: 16 KiB of each array, so the four streams stay in the L2 cache.
/// Fixed, so that nothing depends on the number of threads (no sum crosses a block anyway).
const BLOCK: usize = 4096;

/// Steps that a row may fall behind. More of them save less and less: the rows that batches name are
/// moved at each step anyway.
const LAG: usize = 8;

/// Bytes of weights and moments above which rows fall behind: about what stays in the last-level
/// cache from step to step, beside the rest.
const LARGE: usize = 16 << 20;

/// `[rows, dim]`, row-major, with the moments of Adam.
#[derive(Clone)]
pub struct EmbeddingTable {
    name: String,
    rows: usize,
    dim: usize,
    weights: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    steps: u64,
    /// Steps since all rows were up to date; always empty in a small table.
    recent: Vec<AdamStep>,
    /// By row: how many of the last steps in `recent` it has not made yet.
    behind: Vec<u8>,
    /// Whether every row makes every step at once, however large the table is.
    keeps_up: bool,
}

/// Some rows of a table, as one task works on them.
struct RowBlock<'a> {
    /// Number of the first row.
    start: usize,
    weights: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    behind: &'a mut [u8],
}

impl EmbeddingTable {
    /// A table that starts at `weights` (`rows × dim` values).
    ///
    /// # Panics
    /// If the lengths disagree.
    pub fn new(name: impl Into<String>, rows: usize, dim: usize, weights: Vec<f32>) -> Self {
        let name = name.into();
        assert_eq!(weights.len(), rows * dim, "table `{name}`");
        let zeros = vec![0.0; weights.len()];
        Self {
            name,
            rows,
            dim,
            first_moment: zeros.clone(),
            second_moment: zeros,
            weights,
            steps: 0,
            recent: Vec::new(),
            behind: vec![0; rows],
            keeps_up: false,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Length of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// # Panics
    /// If rows are behind: [`settle`](Self::settle) comes first.
    pub fn weights(&self) -> &[f32] {
        self.assert_settled();
        &self.weights
    }

    /// # Panics
    /// If rows are behind.
    pub fn moments(&self) -> [&[f32]; 2] {
        self.assert_settled();
        [&self.first_moment, &self.second_moment]
    }

    fn assert_settled(&self) {
        assert!(self.recent.is_empty(), "table `{}` is read before its rows are up to date", self.name);
    }

    /// One row; in a large table only of those that [`catch_up`](Self::catch_up) brought up to date.
    #[inline(always)]
    pub fn row(&self, row: u32) -> &[f32] {
        debug_assert_eq!(self.behind[row as usize], 0, "row {row} of `{}` is behind", self.name);
        &self.weights[row as usize * self.dim..][..self.dim]
    }

    /// `out[k]` = ⟨row `ids[k]`, x⟩; rows as in [`row`](Self::row).
    #[inline]
    pub fn dots(&self, ids: &[u32], x: &[f32], out: &mut [f32]) {
        debug_assert!(ids.iter().all(|&id| self.behind[id as usize] == 0), "a row of `{}` is behind", self.name);
        simd::gathered_dots(&self.weights, ids, x, out);
    }

    /// `sum` += Σ `coefficients[k]` · row `ids[k]`, in this order; rows as in [`row`](Self::row).
    #[inline]
    pub fn weighted_sum(&self, ids: &[u32], coefficients: &[f32], sum: &mut [f32]) {
        debug_assert!(ids.iter().all(|&id| self.behind[id as usize] == 0), "a row of `{}` is behind", self.name);
        simd::add_gathered(sum, coefficients, &self.weights, ids);
    }

    /// From now on no row falls behind: for a table most of whose rows each step reads, so that bringing them
    /// up to date would be a second pass. Changes no bit.
    pub fn keep_up(&mut self) {
        if !self.keeps_up {
            self.settle();
            self.keeps_up = true;
        }
    }

    /// Whether any row may be behind.
    pub fn is_behind(&self) -> bool {
        !self.recent.is_empty()
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

    fn is_large(&self) -> bool {
        self.weights.len() * 3 * size_of::<f32>() > LARGE
    }

    /// Runs `work` on all rows in parallel, block by block.
    fn for_blocks(&mut self, work: impl Fn(&mut Vec<f32>, RowBlock<'_>) + Sync) {
        let rows_per_block = (BLOCK / self.dim).max(1);
        let chunk = rows_per_block * self.dim;
        self.weights
            .par_chunks_mut(chunk)
            .zip(self.first_moment.par_chunks_mut(chunk))
            .zip(self.second_moment.par_chunks_mut(chunk))
            .zip(self.behind.par_chunks_mut(rows_per_block))
            .enumerate()
            .for_each_init(Vec::new, |buffer, (block, (((weights, first), second), behind))| {
                work(buffer, RowBlock { start: block * rows_per_block, weights, first, second, behind });
            });
    }

    /// Brings the rows that a batch names up to date, before they are read.
    pub fn catch_up(&mut self, occurrences: &Occurrences) {
        if self.recent.is_empty() {
            return;
        }
        let (dim, recent) = (self.dim, std::mem::take(&mut self.recent));
        self.for_blocks(|_, mut block| {
            for row in 0..block.behind.len() {
                if block.behind[row] > 0 && occurrences.any(block.start + row..block.start + row + 1) {
                    block.catch_up(row..row + 1, dim, &recent);
                }
            }
        });
        self.recent = recent;
    }

    /// Brings every row up to date.
    pub fn settle(&mut self) {
        let (dim, recent) = (self.dim, std::mem::take(&mut self.recent));
        if !recent.is_empty() {
            self.for_blocks(|_, mut block| block.settle(dim, &recent));
        }
    }

    /// One step of Adam over every row. The data gradient of a row is the sum over its
    /// `occurrences`, in batch order, of `coefficient · vector` as given by `gradient(position)`.
    ///
    /// In a large table the named rows must have been [brought up to date](Self::catch_up).
    pub fn step<'g>(
        &mut self,
        adam: &Adam,
        occurrences: &Occurrences,
        gradient: impl Fn(usize) -> (f32, &'g [f32]) + Sync,
    ) {
        let add = |row: usize, sum: &mut [f32]| {
            for position in occurrences.of(row) {
                let (coefficient, vector) = gradient(position);
                simd::add_scaled(sum, coefficient, vector);
            }
        };
        self.step_rows(adam, |rows| occurrences.any(rows), add);
    }

    /// The same for gradients from anywhere: `touched` says whether any of some rows has one, and `add`
    /// adds it to a row's sum.
    pub fn step_rows(
        &mut self,
        adam: &Adam,
        touched: impl Fn(Range<usize>) -> bool + Sync,
        add: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        self.steps += 1;
        let (adam, dim) = (adam.at(self.steps), self.dim);
        let data_gradient = |sums: &mut [f32], rows: Range<usize>| {
            sums.fill(0.0);
            for (sum, row) in sums.chunks_exact_mut(dim).zip(rows) {
                add(row, sum);
            }
        };
        if self.keeps_up || !self.is_large() {
            self.for_blocks(|buffer, block| {
                let rows = block.start..block.start + block.behind.len();
                let sums = touched(rows.clone()).then(|| {
                    buffer.resize(block.weights.len(), 0.0);
                    data_gradient(buffer, rows);
                    &buffer[..]
                });
                adam.apply(block.weights, block.first, block.second, sums);
            });
            return;
        }
        let mut recent = std::mem::take(&mut self.recent);
        recent.push(adam);
        let settles = recent.len() == LAG;
        self.for_blocks(|buffer, mut block| {
            buffer.resize(dim, 0.0);
            for row in 0..block.behind.len() {
                let number = block.start + row;
                if !touched(number..number + 1) {
                    block.behind[row] += 1;
                    continue;
                }
                debug_assert_eq!(block.behind[row], 0, "row {number} is behind");
                data_gradient(buffer, number..number + 1);
                let at = row * dim..(row + 1) * dim;
                adam.apply(
                    &mut block.weights[at.clone()],
                    &mut block.first[at.clone()],
                    &mut block.second[at],
                    Some(buffer),
                );
            }
            if settles {
                block.settle(dim, &recent);
            }
        });
        if !settles {
            self.recent = recent;
        }
    }
}

impl From<Parameter> for EmbeddingTable {
    /// # Panics
    /// If the parameter is no matrix, or has not as many values as its shape says.
    fn from(Parameter { name, shape, values }: Parameter) -> Self {
        let [rows, dim] = shape[..] else { panic!("`{name}` of the shape {shape:?} is no table") };
        Self::new(name, rows, dim, values)
    }
}

/// All methods panic if rows are behind: [`settle`](EmbeddingTable::settle) comes first.
impl Trainable for EmbeddingTable {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Vec<usize> {
        vec![self.rows, self.dim]
    }

    fn parameter(&self) -> Result<Parameter> {
        Ok(Parameter { name: self.name.clone(), shape: self.shape(), values: self.weights().to_vec() })
    }

    fn set_weights(&mut self, values: Vec<f32>) -> Result<()> {
        assert_eq!(values.len(), self.weights().len(), "table `{}`", self.name);
        self.weights = values;
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        let [first, second] = self.moments();
        state.put_trained(&self.name, [self.weights(), first, second], self.steps);
        Ok(())
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        let ([weights, first, second], steps) = state.take_trained(&self.name, self.weights().len())?;
        (self.weights, self.first_moment, self.second_moment, self.steps) = (weights, first, second, steps);
        Ok(())
    }
}

impl RowBlock<'_> {
    /// Makes up for the steps that `rows` of this block, all equally far behind, have not made.
    fn catch_up(&mut self, rows: Range<usize>, dim: usize, recent: &[AdamStep]) {
        let missing = self.behind[rows.start] as usize;
        let at = rows.start * dim..rows.end * dim;
        for step in &recent[recent.len() - missing..] {
            step.apply(&mut self.weights[at.clone()], &mut self.first[at.clone()], &mut self.second[at.clone()], None);
        }
        self.behind[rows].fill(0);
    }

    fn settle(&mut self, dim: usize, recent: &[AdamStep]) {
        let mut start = 0;
        while start < self.behind.len() {
            // Neighbours that are equally far behind go together: longer runs, fewer calls.
            let run = self.behind[start..].iter().take_while(|&&b| b == self.behind[start]).count();
            self.catch_up(start..start + run, dim, recent);
            start += run;
        }
    }
}
