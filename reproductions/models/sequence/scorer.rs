//! A trained sequential model as something that ranks: for those who ask, and for training windows.

use std::sync::Arc;

use harness::error::{Error, Kind, Result};
use harness::metrics::{Dot, Scorer};
use harness::queries::Queries;
use harness::split::UserItems;
use harness::weights::Weights;

use super::{Encoder, Output, PADDING, SequentialKind, Window};

/// Answers what comes at the k-th of some windows. Representations are made when they are asked for: they are part of
/// what an answer costs.
pub struct WindowScorer<'a> {
    encoder: Box<dyn Encoder + 'a>,
    windows: Vec<Window>,
    /// Whether the padding is ranked, too: then ids are ranked, and not items.
    padded: bool,
}

impl<'a> WindowScorer<'a> {
    /// Ranks items for what comes after each sequence: the model as it is served.
    pub fn after_all(encoder: Box<dyn Encoder + 'a>, sequences: &UserItems) -> Self {
        let windows = (0..sequences.n_users() as u32).map(|user| Window::after_all(sequences, user)).collect();
        Self { encoder, windows, padded: false }
    }

    /// Ranks all rows of the output layer for each window: number 0 is its [first](Output::first) id.
    pub fn of_windows(encoder: Box<dyn Encoder + 'a>, windows: Vec<Window>) -> Self {
        Self { encoder, windows, padded: true }
    }

    /// The layer without the padding's row, unless that is ranked.
    fn output(&self) -> Output<'_> {
        let Output { first, rows, bias } = self.encoder.output();
        if self.padded || first != PADDING {
            return Output { first, rows, bias };
        }
        Output { first: 1, rows: &rows[self.encoder.width()..], bias: &bias[1..] }
    }

    fn representation(&self, query: u32) -> Vec<f32> {
        let mut x = vec![0.0; self.encoder.width()];
        self.encoder.encode(&[self.windows[query as usize]], &mut x);
        x
    }

    fn as_dot(&self) -> Dot<'_> {
        let Output { rows, bias, .. } = self.output();
        let encode = |queries: &[u32], out: &mut [f32]| {
            let windows: Vec<Window> = queries.iter().map(|&query| self.windows[query as usize]).collect();
            self.encoder.encode(&windows, out);
        };
        Dot { dim: self.encoder.width(), items: rows, bias: Some(bias), encode: Box::new(encode) }
    }
}

impl Scorer for WindowScorer<'_> {
    fn n_items(&self) -> usize {
        self.output().bias.len()
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

/// A trained model as it is served.
///
/// # Errors
/// [`Internal`](Kind::Internal) if the weights are not of this kind, or of other users or items.
pub fn scorer(kind: &SequentialKind, weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>> {
    let inputs = queries.inputs();
    let scorer = WindowScorer::after_all((kind.encoder)(weights, inputs.clone())?, inputs);
    if scorer.n_items() != queries.n_items() {
        return Err(Error::new(Kind::Internal, "a model was trained on another set of items")
            .expected(format!("{} items", queries.n_items()))
            .got(scorer.n_items().to_string()));
    }
    Ok(Box::new(scorer))
}

/// A trained model as something that ranks all its ids for training windows, and the first of these ids.
///
/// # Errors
/// [`Internal`](Kind::Internal) if the weights are not of this kind, or of other users or items.
pub fn window_scorer(
    kind: &SequentialKind,
    weights: &Weights,
    train: &UserItems,
    windows: &[Window],
) -> Result<(Box<dyn Scorer>, u32)> {
    let encoder = (kind.encoder)(weights, Arc::new(train.clone()))?;
    let first = encoder.output().first;
    Ok((Box::new(WindowScorer::of_windows(encoder, windows.to_vec())), first))
}
