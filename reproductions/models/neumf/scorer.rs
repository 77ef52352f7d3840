//! NeuMF as it is served: precomputed user and item halves, made once, and O(d) for each pair.

use harness::metrics::Scorer;
use harness::nn::{Matrix, multiply};
use rayon::prelude::*;

use super::kernel::{Head, logits};
use crate::models::Side;

/// The half of the hidden layer that reads `side`: `[out: d, in: d]`.
pub fn half(hidden_weight: &[f32], dim: usize, side: Side) -> Matrix<'_> {
    Matrix::new(&hidden_weight[side as usize * dim..], dim, dim, 2 * dim)
}

/// Writes the second halves of `faces: [n, 2d]` (see [`kernel`](super::kernel)) of entities with the
/// rows `mlp: [n, d]`. `hidden`: weight and bias; the bias belongs to the user's half.
pub fn write_halves(side: Side, hidden: [&[f32]; 2], mlp: &[f32], dim: usize, faces: &mut [f32]) {
    let [weight, bias] = hidden;
    let bias = match side {
        Side::User => Some(bias),
        Side::Item => None,
    };
    if !mlp.is_empty() {
        let mlp = Matrix::new(mlp, mlp.len() / dim, dim, dim);
        multiply(mlp, half(weight, dim, side).transposed(), bias, &mut faces[dim..], 2 * dim);
    }
}

/// A trained NeuMF: the halves of the hidden layer of all entities, precomputed.
pub struct MlpScorer {
    /// `[queries, 2d]`
    queries: Vec<f32>,
    /// `[ranked, 2d]`
    ranked: Vec<f32>,
    /// `[2d]`
    weights: Vec<f32>,
    bias: f32,
}

impl MlpScorer {
    /// From the values of the tensors, in the order of the [layout](super::layout); `queries` is the side that asks.
    pub fn new(dim: usize, values: [&[f32]; 8], queries: Side) -> Self {
        let [user_product, item_product, user_mlp, item_mlp, hidden_weight, hidden_bias, weights, bias] = values;
        let table = |side: Side| {
            let (product, mlp) = match side {
                Side::User => (user_product, user_mlp),
                Side::Item => (item_product, item_mlp),
            };
            let mut table = vec![0.0; 2 * product.len()];
            table.par_chunks_mut(2 * dim).zip(product.par_chunks(dim)).for_each(|(face, row)| {
                face[..dim].copy_from_slice(row);
            });
            write_halves(side, [hidden_weight, hidden_bias], mlp, dim, &mut table);
            table
        };
        Self { queries: table(queries), ranked: table(queries.other()), weights: weights.to_vec(), bias: bias[0] }
    }

    fn head(&self) -> Head<'_> {
        Head { weights: &self.weights, bias: self.bias }
    }

    fn query(&self, query: u32) -> &[f32] {
        let width = self.weights.len();
        &self.queries[query as usize * width..][..width]
    }
}

impl Scorer for MlpScorer {
    fn n_items(&self) -> usize {
        self.ranked.len() / self.weights.len()
    }

    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        assert_eq!(items.len(), out.len(), "one score for each item");
        logits(self.head(), self.query(query), &self.ranked, |k| items[k] as usize, out);
    }

    fn score_all(&self, query: u32, out: &mut [f32]) {
        logits(self.head(), self.query(query), &self.ranked, |k| k, out);
    }
}
