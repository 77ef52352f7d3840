//! A trained network over pieces as something that ranks.

use std::sync::Arc;

use harness::error::{Error, Kind, Result};
use harness::metrics::{Dot, Scorer};
use harness::queries::Queries;
use harness::split::UserItems;

use super::{OutputLayer, PieceEncoder};

/// Ranks items for what comes after an asker's input, of which the last L items are read. The padding's class is not ranked.
pub struct PieceScorer<'a> {
    encoder: Box<dyn PieceEncoder + 'a>,
    /// By asker, oldest item first.
    inputs: Arc<UserItems>,
}

impl<'a> PieceScorer<'a> {
    /// # Errors
    /// [`Internal`](Kind::Internal) if the network is of another number of items.
    pub fn new(encoder: Box<dyn PieceEncoder + 'a>, queries: &Queries) -> Result<Self> {
        let (ours, items) = (encoder.output_layer().classes() - 1, queries.n_items());
        if ours != items {
            return Err(Error::new(Kind::Internal, "a network over pieces was trained on another set of items")
                .expected(format!("{items} items"))
                .got(ours.to_string()));
        }
        Ok(Self { encoder, inputs: queries.inputs().clone() })
    }

    fn representations(&self, queries: &[u32], out: &mut [f32]) {
        let length = self.encoder.length();
        let mut inputs = vec![0; queries.len() * length];
        for (row, &query) in inputs.chunks_exact_mut(length).zip(queries) {
            self.encoder.read(self.inputs.of(query), row);
        }
        self.encoder.last_positions(&inputs, out);
    }

    fn representation(&self, query: u32) -> Vec<f32> {
        let mut x = vec![0.0; self.encoder.width()];
        self.representations(&[query], &mut x);
        x
    }

    fn as_dot(&self) -> Dot<'_> {
        let OutputLayer { weights, bias, width } = self.encoder.output_layer();
        let encode = |queries: &[u32], out: &mut [f32]| self.representations(queries, out);
        Dot { dim: width, items: &weights[width..], bias: Some(&bias[1..]), encode: Box::new(encode) }
    }
}

impl Scorer for PieceScorer<'_> {
    fn n_items(&self) -> usize {
        self.encoder.output_layer().classes() - 1
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
