//! A trained sequential model as something that ranks: for users, and for training windows.

use harness::metrics::{Dot, Scorer};
use harness::split::UserItems;

use super::{Encoder, Output, PADDING, Window};

/// Query `k` asks for what comes at the place `windows[k]`. Representations are made when they are asked for:
/// they are part of what an answer costs.
pub struct Queries<E> {
    encoder: E,
    windows: Vec<Window>,
    /// Whether the padding is ranked, too, so that what is ranked are ids and not items.
    padded: bool,
}

impl<E: Encoder> Queries<E> {
    /// Queries are users, and what is ranked are items: the model as it is served.
    pub fn of_users(encoder: E, train: &UserItems) -> Self {
        let windows = (0..train.n_users() as u32).map(|user| Window::after_all(train, user)).collect();
        Self { encoder, windows, padded: false }
    }

    /// Queries are windows, and what is ranked are all rows of the output layer: number 0 is its
    /// [first](Output::first) id.
    pub fn of_windows(encoder: E, windows: Vec<Window>) -> Self {
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

impl<E: Encoder> Scorer for Queries<E> {
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
