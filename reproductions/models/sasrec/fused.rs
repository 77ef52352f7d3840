//! SASRec's step by hand, on the CPU: groups of inputs in parallel through the blocks, the softmax over the items
//! seen so far, and back. No graph, and no padding.

use harness::error::{Error, Kind, Result};
use harness::metrics::Scorer;
use harness::nn::{DenseParameter, Trainable, padded};
use harness::optim::Optimiser;
use harness::queries::Queries;
use harness::rng::Stream;
use harness::train::Model;
use harness::weights::{Settings, State, Weights};
use rayon::prelude::*;

use super::dropout::Masks;
use super::encoder::{SasRecEncoder, SasRecScorer};
use super::forward::{GROUP, Trace};
use super::gradients::of_parameter;
use super::layers::SasRecLayers;
use super::sequences::Sequences;
use super::sizes::{SasRecSizes, TABLES};
use harness::nn::Dropout;
use harness::nn::softmax::{ItemTable, Onto, OutputSoftmax, Target};

/// Some rows of a batch, one after the other, with a loss of their own.
#[derive(Clone, Copy)]
pub struct BatchPart<'a> {
    pub rows: usize,
    /// Items in the softmax, the first of the table.
    pub items: usize,
    pub target: Target<'a>,
    /// The mean loss of the rows counts so much.
    pub weight: f64,
}

/// A SASRec in training on the CPU, by hand-written gradients.
pub struct SasRec {
    sizes: SasRecSizes,
    dropout: Dropout,
    item: DenseParameter,
    /// The position table, and all layers.
    others: Vec<DenseParameter>,
    /// Items whose rows have had a gradient so far.
    moved: usize,
    /// Results of the step in progress, or of the last one.
    traces: Vec<Trace>,
    softmax: OutputSoftmax,
}

impl SasRec {
    /// A model that starts at these weights, none of whose rows has moved yet.
    ///
    /// # Errors
    /// If they are not a [SASRec's](SasRecSizes::layout).
    pub fn new(weights: Weights, dropout: Dropout) -> Result<Self> {
        let sizes = SasRecSizes::of(&weights)?;
        let mut parameters = weights.parameters.into_iter().map(DenseParameter::new);
        let item = parameters.next().expect("the item table is the first");
        let others = parameters.collect();
        let (traces, softmax) = (Vec::new(), OutputSoftmax::default());
        Ok(Self { sizes, dropout, item, others, moved: 0, traces, softmax })
    }

    /// The sizes of the model.
    pub fn sizes(&self) -> SasRecSizes {
        self.sizes
    }

    fn layers(&self) -> SasRecLayers {
        let values: Vec<&[f32]> = self.others[TABLES - 1..].iter().map(|p| &p.weights[..]).collect();
        SasRecLayers::new(self.sizes, &values)
    }

    /// Begins a step: the losses of the parts, unweighted, and the gradients of Σ weight · loss. The parts are the
    /// rows of the batch in their order; all of it goes through one stream of dropout.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if there is no input, the parts are not the batch, or one of them asks for
    /// items that do not exist.
    pub fn forward_backward(
        &mut self,
        sequences: &Sequences,
        parts: &[BatchPart<'_>],
        dropout: &mut Stream,
    ) -> Result<Vec<f64>> {
        let wrong = |what: &str| Err(Error::new(Kind::Internal, format!("a batch for SASRec {what}")));
        if sequences.is_empty() || parts.iter().map(|part| part.rows).sum::<usize>() != sequences.len() {
            return wrong("has no input, or rows without a loss");
        }
        let fits = |part: &BatchPart<'_>| match part.target {
            Target::Items(items) => items.len() == part.rows && items.iter().all(|&item| (item as usize) < part.items),
            Target::Teacher(teacher) => teacher.normalisers.len() == part.rows && teacher.table.items() <= part.items,
        };
        if !parts.iter().all(|part| part.rows > 0 && (1..=self.sizes.items).contains(&part.items) && fits(part)) {
            return wrong("has targets that are not among the items of its softmax");
        }
        let layers = self.layers();
        let (dim, stride) = (self.sizes.dim, padded(self.sizes.dim));
        self.forward(&layers, sequences, Some(dropout));
        let mut x = Vec::with_capacity(sequences.len() * stride);
        self.traces.iter().for_each(|trace| x.extend_from_slice(&trace.out));
        // AttentionRows that are read but not in the softmax have a gradient, too.
        let read = sequences.items().iter().max().map_or(0, |&item| item as usize + 1);
        self.moved = parts.iter().map(|part| part.items).chain([self.moved, read]).max().unwrap_or(0);
        self.item.gradient[..self.moved * dim].par_chunks_mut(1 << 16).for_each(|block| block.fill(0.0));
        let mut x_gradient = vec![0.0; x.len()];
        let mut losses = Vec::with_capacity(parts.len());
        let mut first = 0;
        for part in parts {
            let at = first * stride..(first + part.rows) * stride;
            first += part.rows;
            let table = ItemTable { rows: &self.item.weights[..part.items * dim], dim };
            let onto = Onto { x: &mut x_gradient[at.clone()], table: &mut self.item.gradient };
            losses.push(self.softmax.loss(table, &x[at], part.target, part.weight, onto));
        }
        self.traces
            .par_iter_mut()
            .zip(x_gradient.par_chunks(GROUP * stride))
            .for_each(|(trace, gradient)| trace.backward(&layers, gradient));
        self.gather(sequences);
        Ok(losses)
    }

    /// Takes all groups of `sequences` through the blocks.
    pub(super) fn forward(&mut self, layers: &SasRecLayers, sequences: &Sequences, dropout: Option<&mut Stream>) {
        let starts: Vec<usize> = (0..sequences.len()).step_by(GROUP).collect();
        self.traces.truncate(starts.len());
        self.traces.resize_with(starts.len(), Trace::default);
        let mut streams: Vec<Option<Stream>> = match dropout {
            Some(stream) if self.dropout != Dropout::new(0.0) => starts.iter().map(|_| Some(stream.fork())).collect(),
            _ => starts.iter().map(|_| None).collect(),
        };
        let tables = [&self.item.weights[..], &self.others[0].weights[..]];
        let (sizes, dropout) = (&self.sizes, self.dropout);
        self.traces.par_iter_mut().zip(&mut streams).zip(starts).for_each(|((trace, stream), start)| {
            let range = start..(start + GROUP).min(sequences.len());
            let lengths: Vec<usize> = range.clone().map(|k| sequences.range(k).len()).collect();
            let masks = stream.as_mut().map(|stream| Masks::draw(dropout, sizes, &lengths, stream));
            trace.forward(layers, tables, sequences, range, masks);
        });
    }

    /// Sums up the gradients that the groups left.
    fn gather(&mut self, sequences: &Sequences) {
        let (dim, stride, sizes) = (self.sizes.dim, padded(self.sizes.dim), self.sizes);
        let root = (dim as f64).sqrt() as f32;
        let (positions, layers) = self.others.split_at_mut(TABLES - 1);
        let positions = &mut positions[0].gradient;
        positions.fill(0.0);
        let places = (0..sequences.len()).flat_map(|k| sizes.length - sequences.range(k).len()..sizes.length);
        let rows = self.traces.iter().flat_map(|trace| trace.embedding_gradient.chunks_exact(stride));
        for ((&item, place), row) in sequences.items().iter().zip(places).zip(rows) {
            harness::simd::add_scaled(&mut self.item.gradient[item as usize * dim..][..dim], root, &row[..dim]);
            harness::simd::add_scaled(&mut positions[place * dim..][..dim], 1.0, &row[..dim]);
        }
        let traces = &self.traces;
        layers
            .par_iter_mut()
            .enumerate()
            .for_each(|(number, layer)| of_parameter(&sizes, traces, number, &mut layer.gradient));
    }

    /// One step over all parameters, and the rows of all items that have had a gradient so far.
    pub fn step(&mut self, optimiser: &(impl Optimiser + Sync)) {
        self.item.step_first(self.moved * self.sizes.dim, optimiser);
        self.others.iter_mut().for_each(|layer| layer.step(optimiser));
    }

    /// All parameters in their order, with the gradients of the step in progress. Of the item table, only the rows
    /// that have [moved](Self::moved) have one.
    pub fn dense_mut(&mut self) -> impl Iterator<Item = &mut DenseParameter> {
        std::iter::once(&mut self.item).chain(&mut self.others)
    }

    /// Items whose rows have had a gradient so far: the first of the table.
    pub fn moved(&self) -> usize {
        self.moved
    }

    /// The model as it is served, borrowed.
    pub fn encoder(&self) -> SasRecEncoder<'_> {
        let [item, position] = [&self.item.weights[..], &self.others[0].weights[..]];
        SasRecEncoder { layers: self.layers(), item: item.into(), position: position.into() }
    }
}

impl Model for SasRec {
    fn tensors(&self) -> Vec<&dyn Trainable> {
        std::iter::once(&self.item).chain(&self.others).map(|dense| dense as &dyn Trainable).collect()
    }

    fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.dense_mut().map(|dense| dense as &mut dyn Trainable).collect()
    }

    fn settings(&self) -> Settings {
        self.sizes.settings()
    }

    fn scorer(&self, queries: &Queries) -> Result<Box<dyn Scorer + '_>> {
        Ok(Box::new(SasRecScorer::new(self.encoder(), queries)?))
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        state.counts.insert(MOVED.into(), self.moved as u64);
        self.tensors().into_iter().try_for_each(|tensor| tensor.save(state))
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        let moved = state.count(MOVED)?;
        self.moved = usize::try_from(moved).ok().filter(|&n| n <= self.sizes.items).ok_or_else(|| {
            Error::new(Kind::Internal, "a saved state has more items than its model").got(moved.to_string())
        })?;
        self.tensors_mut().into_iter().try_for_each(|tensor| tensor.restore(state))
    }
}

/// Name of a count in saved states.
const MOVED: &str = "item.moved";
