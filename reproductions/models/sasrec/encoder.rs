//! SASRec as it is served.

use std::borrow::Cow;
use std::sync::Arc;

use harness::error::{Error, Kind, Result};
use harness::metrics::{Dot, Scorer};
use harness::queries::Queries;
use harness::split::UserItems;
use harness::weights::Weights;
use rayon::prelude::*;

use super::forward::{GROUP, Trace};
use super::layers::SasRecLayers;
use super::sequences::Sequences;
use super::sizes::{SasRecSizes, TABLES};

/// Tables, borrowed from a model in training or owned afterwards, and layers.
pub struct SasRecEncoder<'a> {
    pub(super) layers: SasRecLayers,
    pub(super) item: Cow<'a, [f32]>,
    pub(super) position: Cow<'a, [f32]>,
}

impl SasRecEncoder<'static> {
    /// The trained model with these weights.
    ///
    /// # Errors
    /// If the weights are not a SASRec's.
    pub fn new(weights: &Weights) -> Result<Self> {
        let sizes = SasRecSizes::of(weights)?;
        let values: Vec<&[f32]> = weights.parameters.iter().map(|parameter| &parameter.values[..]).collect();
        let owned = |k: usize| Cow::Owned(values[k].to_vec());
        Ok(Self { layers: SasRecLayers::new(sizes, &values[TABLES..]), item: owned(0), position: owned(1) })
    }
}

impl SasRecEncoder<'_> {
    /// The sizes of the model.
    pub fn sizes(&self) -> SasRecSizes {
        self.layers.sizes
    }

    /// The item table, `[items, d]`.
    pub fn items(&self) -> &[f32] {
        &self.item
    }

    /// Representations of inputs without dropout, `[inputs, padded d]`, on all threads. An input has the same bits
    /// whichever inputs are encoded with it.
    pub fn encode(&self, sequences: &Sequences) -> Vec<f32> {
        let stride = self.layers.stride();
        let mut out = vec![0.0; sequences.len() * stride];
        out.par_chunks_mut(GROUP * stride).enumerate().for_each_init(Trace::default, |trace, (group, out)| {
            let start = group * GROUP;
            let tables = [&self.item[..], &self.position[..]];
            trace.forward(&self.layers, tables, sequences, start..start + out.len() / stride, None);
            out.copy_from_slice(&trace.out);
        });
        out
    }
}

/// A trained SASRec as something that ranks: an asker's input is read, and the items that can be answered are ranked,
/// those of the input too.
pub struct SasRecScorer<'a> {
    encoder: SasRecEncoder<'a>,
    /// By asker, oldest item first.
    inputs: Arc<UserItems>,
    /// Items that are ranked: the first of the table.
    items: usize,
}

impl<'a> SasRecScorer<'a> {
    /// # Errors
    /// [`Internal`](Kind::Internal) if there is no item to rank, or the table has fewer.
    pub fn new(encoder: SasRecEncoder<'a>, queries: &Queries) -> Result<Self> {
        let (inputs, items) = (queries.inputs().clone(), queries.n_items());
        if !(1..=encoder.sizes().items).contains(&items) {
            return Err(Error::new(Kind::Internal, format!("{items} items cannot be ranked by this model")));
        }
        Ok(Self { encoder, inputs, items })
    }

    fn representations(&self, queries: &[u32], out: &mut [f32]) {
        let SasRecSizes { length, items, dim, .. } = self.encoder.sizes();
        let inputs = queries.iter().map(|&query| self.inputs.of(query));
        // What cannot be encoded scores as nothing that is a number, which ranking refuses by the query's name.
        let Ok(sequences) = Sequences::new(inputs, length, items) else { return out.fill(f32::NAN) };
        let rows = self.encoder.encode(&sequences);
        for (out, row) in out.chunks_exact_mut(dim).zip(rows.chunks_exact(self.encoder.layers.stride())) {
            out.copy_from_slice(&row[..dim]);
        }
    }

    fn as_dot(&self) -> Dot<'_> {
        let dim = self.encoder.sizes().dim;
        let encode = |queries: &[u32], out: &mut [f32]| self.representations(queries, out);
        Dot { dim, items: &self.encoder.item[..self.items * dim], bias: None, encode: Box::new(encode) }
    }

    fn representation(&self, query: u32) -> Vec<f32> {
        let mut x = vec![0.0; self.encoder.sizes().dim];
        self.representations(&[query], &mut x);
        x
    }
}

impl Scorer for SasRecScorer<'_> {
    fn n_items(&self) -> usize {
        self.items
    }

    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        self.as_dot().score(&self.representation(query), items, out);
    }

    fn score_all(&self, query: u32, out: &mut [f32]) {
        self.as_dot().score_all(&self.representation(query), out);
    }

    fn dot(&self) -> Option<Dot<'_>> {
        Some(self.as_dot())
    }
}
