//! Fossil's step by hand, on the CPU: gather what windows read, score, and back.
//!
//! No graph. What a window reads are rows of V with factors, so one sorted list of (item, factor, window) is all
//! that the step of V needs. It equals [`GraphFossil`](super::GraphFossil) (a test proves it).

use std::ops::Range;
use std::sync::Arc;

use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, EmbeddingTable, Occurrences, Trainable};
use harness::optim::Adam;
use harness::queries::Queries;
use harness::rng::Stream;
use harness::simd;
use harness::split::UserItems;
use harness::train::Model;
use harness::weights::{Settings, Weights};
use rayon::prelude::*;

use super::encoder::FossilEncoder;
use super::sizes::{FossilSizes, row_of};
use crate::models::sequence::{SequentialModel, Window, WindowBatch, WindowLoss, WindowScorer, check_sequences};
use crate::models::spread::Spread;

/// Windows per task; fixed, so that sums over them do not depend on threads.
const BLOCK: usize = 32;

/// A Fossil in training on the CPU, by hand-written gradients.
pub struct FusedFossil {
    sizes: FossilSizes,
    train: Arc<UserItems>,
    /// V.
    input: EmbeddingTable,
    /// W.
    output: EmbeddingTable,
    bias: EmbeddingTable,
    /// η.
    recency: DenseParameter,
    /// η^u.
    user_recency: EmbeddingTable,
    step: FossilStep,
}

/// A step in progress. Buffers keep their size from step to step.
struct FossilStep {
    /// Items that windows read, window after window, …
    reads: Vec<u32>,
    /// … their factors, …
    factors: Vec<f32>,
    /// … and where a window's begin: `[windows + 1]`.
    starts: Vec<usize>,
    /// Rows that are scored, `[windows, columns]`.
    rows: Vec<u32>,
    /// Representations, `[windows, d]`.
    x: Vec<f32>,
    /// ∂loss/∂representation, `[windows, d]`.
    x_gradients: Vec<f32>,
    /// ∂loss/∂score, `[windows, graded]`.
    coefficients: Vec<f32>,
    /// ∂loss/∂(η + η^u), `[windows, L]`.
    slopes: Vec<f32>,
    /// Which windows name which user, …
    users: Occurrences,
    /// … and which scores which item: of those that have a gradient.
    scored: Occurrences,
    graded: usize,
}

impl FossilStep {
    fn new(sizes: &FossilSizes) -> Self {
        Self {
            reads: Vec::new(),
            factors: Vec::new(),
            starts: Vec::new(),
            rows: Vec::new(),
            x: Vec::new(),
            x_gradients: Vec::new(),
            coefficients: Vec::new(),
            slopes: Vec::new(),
            users: Occurrences::new(sizes.users),
            scored: Occurrences::new(sizes.items),
            graded: 0,
        }
    }

    /// Makes room for a batch and says which users and items it names.
    fn set(&mut self, sizes: &FossilSizes, batch: &WindowBatch<'_>) -> Result<()> {
        let (n, columns) = (batch.windows.len(), batch.columns());
        self.graded = batch.graded;
        self.rows.clear();
        for &id in batch.items {
            self.rows.push(row_of(id)?);
        }
        self.users.set(batch.windows.iter().map(|window| window.user));
        self.scored.set(self.rows.chunks_exact(columns).flat_map(|rows| &rows[..batch.graded]).copied());
        self.x.resize(n * sizes.dim, 0.0);
        self.x_gradients.resize(n * sizes.dim, 0.0);
        self.coefficients.resize(n * batch.graded, 0.0);
        self.slopes.resize(n * sizes.length, 0.0);
        Ok(())
    }

    /// Finds what the windows read; the rows of their users are up to date.
    fn read(
        &mut self,
        sizes: &FossilSizes,
        train: &UserItems,
        windows: &[Window],
        recency: &[f32],
        user_recency: &EmbeddingTable,
    ) {
        self.reads.clear();
        self.factors.clear();
        self.starts.clear();
        self.starts.push(0);
        for window in windows {
            let of_user = user_recency.row(window.user);
            sizes.read(train, *window, recency, of_user, &mut self.reads, &mut self.factors);
            self.starts.push(self.reads.len());
        }
    }

    fn range(&self, window: usize) -> Range<usize> {
        self.starts[window]..self.starts[window + 1]
    }
}

/// Brings the rows that are named up to date, if any can be behind.
fn catch_up(table: &mut EmbeddingTable, rows: &[u32]) {
    if table.is_behind() {
        let mut named = Occurrences::new(table.rows());
        named.set(rows.iter().copied());
        table.catch_up(&named);
    }
}

impl FusedFossil {
    /// A model that starts at these weights, for users with these training sequences.
    ///
    /// # Errors
    /// If they are not a [Fossil's](FossilSizes::layout).
    pub fn new(weights: Weights, train: Arc<UserItems>) -> Result<Self> {
        let sizes = FossilSizes::of(&weights)?;
        let mut parameters = weights.parameters.into_iter();
        let mut next = || parameters.next().expect("as many as in the layout");
        let [input, output, bias] = std::array::from_fn(|_| EmbeddingTable::from(next()));
        let (recency, user_recency) = (DenseParameter::new(next()), next().into());
        Ok(Self { sizes, train, input, output, bias, recency, user_recency, step: FossilStep::new(&sizes) })
    }

    fn tables(&self) -> [&EmbeddingTable; 4] {
        [&self.input, &self.output, &self.bias, &self.user_recency]
    }

    fn tables_mut(&mut self) -> [&mut EmbeddingTable; 4] {
        [&mut self.input, &mut self.output, &mut self.bias, &mut self.user_recency]
    }
}

impl SequentialModel for FusedFossil {
    /// Fossil has no dropout.
    fn forward_backward(&mut self, batch: &WindowBatch<'_>, _: &mut Stream, loss: &WindowLoss<'_>) -> Result<f64> {
        let Self { sizes, train, input, output, bias, recency, user_recency, step } = self;
        step.set(sizes, batch)?;
        user_recency.catch_up(&step.users);
        step.read(sizes, train, batch.windows, &recency.weights, user_recency);
        catch_up(input, &step.reads);
        [&mut *output, &mut *bias].into_iter().for_each(|table| catch_up(table, &step.rows));
        let [mut x, mut x_gradients, mut coefficients, mut slopes] =
            [&mut step.x, &mut step.x_gradients, &mut step.coefficients, &mut step.slopes].map(std::mem::take);
        let (input, output, bias, step_) = (&*input, &*output, &*bias, &*step);
        let (dim, length, columns, graded) = (sizes.dim, sizes.length, batch.columns(), batch.graded);
        let losses: Vec<f64> = x
            .par_chunks_mut(BLOCK * dim)
            .zip(x_gradients.par_chunks_mut(BLOCK * dim))
            .zip(coefficients.par_chunks_mut(BLOCK * graded))
            .zip(slopes.par_chunks_mut(BLOCK * length))
            .enumerate()
            .map_init(
                || vec![0.0; columns],
                |scores, (block, (((x, x_gradients), coefficients), slopes))| {
                    let each = x.chunks_exact_mut(dim).zip(x_gradients.chunks_exact_mut(dim));
                    let each = each.zip(coefficients.chunks_exact_mut(graded)).zip(slopes.chunks_exact_mut(length));
                    let mut sum = 0.0;
                    for (k, (((x, x_gradient), coefficients), slopes)) in (block * BLOCK..).zip(each) {
                        let read = step_.range(k);
                        x.fill(0.0);
                        input.weighted_sum(&step_.reads[read.clone()], &step_.factors[read.clone()], x);
                        let rows = &step_.rows[k * columns..][..columns];
                        output.dots(rows, x, scores);
                        scores.iter_mut().zip(rows).for_each(|(score, &row)| *score += bias.row(row)[0]);
                        sum += loss(k, scores, coefficients);
                        x_gradient.fill(0.0);
                        output.weighted_sum(&rows[..graded], coefficients, x_gradient);
                        let (of_recent, beyond) = slopes.split_at_mut(sizes.recent(batch.windows[k]));
                        let recent = &step_.reads[read.end - of_recent.len()..read.end];
                        input.dots(recent, x_gradient, of_recent);
                        beyond.fill(0.0);
                    }
                    sum
                },
            )
            .collect();
        (step.x, step.x_gradients, step.coefficients, step.slopes) = (x, x_gradients, coefficients, slopes);
        Ok(losses.iter().sum())
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        let FossilSizes { dim, length, .. } = self.sizes;
        let FossilStep { reads, factors, starts, x, x_gradients, coefficients, slopes, users, scored, graded, .. } =
            &self.step;
        let window_of_each = starts.windows(2).zip(0..).flat_map(|(pair, k)| std::iter::repeat_n(k, pair[1] - pair[0]));
        let read = Spread::new(self.input.rows(), reads, factors, window_of_each);
        self.input.step_rows(adam, |rows| read.any(rows), |row, sum| read.add(row, x_gradients, sum));
        self.output.step(adam, scored, |k| (coefficients[k], &x[k / graded * dim..][..dim]));
        self.bias.step(adam, scored, |k| (coefficients[k], &[1.0]));
        self.user_recency.step(adam, users, |k| (1.0, &slopes[k * length..][..length]));
        self.recency.gradient.fill(0.0);
        slopes.chunks_exact(length).for_each(|slopes| simd::add_scaled(&mut self.recency.gradient, 1.0, slopes));
        self.recency.step(adam);
        Ok(())
    }

    fn settle(&mut self) {
        self.tables_mut().into_iter().for_each(EmbeddingTable::settle);
    }
}

impl Model for FusedFossil {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        vec![&self.input, &self.output, &self.bias, &self.recency, &self.user_recency]
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        vec![&mut self.input, &mut self.output, &mut self.bias, &mut self.recency, &mut self.user_recency]
    }

    fn settings(&self) -> Settings {
        self.sizes.settings()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        let train = queries.inputs().clone();
        check_sequences(&train, self.sizes.users, self.sizes.items)?;
        let [input, output, bias, user_recency] = self.tables().map(|table| table.weights().into());
        let recency = (&self.recency.weights[..]).into();
        let encoder = FossilEncoder { sizes: self.sizes, input, output, bias, recency, user_recency, train };
        Ok(Box::new(WindowScorer::after_all(Box::new(encoder), queries.inputs())))
    }
}
