//! What the losses of a step ask of the features that a network computes on its way: gradients that join on the way back.

use std::ops::Range;

use harness::nn::padded;

use super::rows::TimeRows;

/// ∂L/∂ of [`PieceOutputs`](super::PieceOutputs), `[T, C]` each.
#[derive(Clone, Copy)]
pub struct FeatureGradients<'a> {
    /// None without a loss on embeddings.
    pub embedding: Option<&'a [f32]>,
    /// None without a loss on hidden layers.
    pub hidden: Option<&'a [Vec<f32>]>,
    /// Of what the output layer reads.
    pub last: &'a [f32],
}

impl FeatureGradients<'_> {
    /// Whether they are of `size` values each, and of so many hidden layers where there are any.
    pub fn fit(&self, size: usize, layers: usize) -> bool {
        self.last.len() == size
            && self.embedding.is_none_or(|gradient| gradient.len() == size)
            && self.hidden.is_none_or(|of| of.len() == layers && of.iter().all(|gradient| gradient.len() == size))
    }
}

/// [`FeatureGradients`] of some of the pieces, to be added to gradients whose rows go [by time](TimeRows).
pub struct GroupGradients<'a> {
    /// Of all pieces.
    pub all: FeatureGradients<'a>,
    /// Where the values of these pieces lie in `all`.
    pub values: Range<usize>,
    /// C.
    pub width: usize,
}

impl GroupGradients<'_> {
    /// Adds the gradient of the embedding to `sum`, rows `[padded C]`; nothing if there is none.
    pub fn add_embedding(&self, order: TimeRows, sum: &mut [f32]) {
        if let Some(gradient) = self.all.embedding {
            self.add(gradient, order, sum);
        }
    }

    /// Adds the gradient of the `number`-th hidden layer to `sum`, rows `[padded C]`; nothing if there is none.
    pub fn add_hidden(&self, number: usize, order: TimeRows, sum: &mut [f32]) {
        if let Some(gradients) = self.all.hidden {
            self.add(&gradients[number], order, sum);
        }
    }

    fn add(&self, gradient: &[f32], order: TimeRows, sum: &mut [f32]) {
        order.add_by_time(&gradient[self.values.clone()], self.width, padded(self.width), sum);
    }
}
