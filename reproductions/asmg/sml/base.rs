//! The base models whose tensors are transferred.

use harness::data::ItemCategories;
use harness::error::Result;
use harness::metrics::Scorer;
use harness::queries::Queries;
use harness::split::SampleRange;
use harness::weights::Weights;

use crate::models::embedding_mlp::{
    self, EmbeddingMlpKernel, EmbeddingMlpSizes, EmbeddingMlpTensors, LAYER_NAMES, LocalBatch, NamedRows,
};
use crate::models::mf::{self, MfSample};

/// A model whose tensors are transferred: what is needed of it, batch by batch. Tensors are numbered in the model's order.
pub trait BaseModel {
    /// As artefacts name it.
    fn kind(&self) -> &'static str;

    /// Makes the samples at these positions of a range the batch.
    fn take(&mut self, samples: SampleRange<'_>, positions: &[u32]);

    /// The rows of a table that the batch names; none of a tensor that every batch uses whole.
    fn rows(&self, tensor: usize) -> Option<&[u32]>;

    /// Adds the gradients of the mean loss of the batch to those of each tensor, and returns that mean. A table has the rows
    /// that the batch names, in the order of [`rows`](Self::rows).
    fn forward_backward(&mut self, values: &[&[f32]], gradients: Vec<&mut [f32]>) -> f64;

    /// # Errors
    /// Queries of users or items that the model has no rows for.
    fn scorer(&self, weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>>;
}

/// Embedding&MLP.
pub struct EmbeddingMlpBase<'p> {
    sizes: EmbeddingMlpSizes,
    categories: Option<&'p ItemCategories>,
    batch: LocalBatch,
    kernel: EmbeddingMlpKernel,
}

impl<'p> EmbeddingMlpBase<'p> {
    pub fn new(sizes: EmbeddingMlpSizes, categories: Option<&'p ItemCategories>) -> Self {
        Self { sizes, categories, batch: LocalBatch::new(&sizes), kernel: EmbeddingMlpKernel::new(sizes) }
    }
}

impl BaseModel for EmbeddingMlpBase<'_> {
    fn kind(&self) -> &'static str {
        embedding_mlp::NAME
    }

    fn take(&mut self, samples: SampleRange<'_>, positions: &[u32]) {
        self.batch.clear();
        self.batch.push(samples, positions, self.categories);
    }

    fn rows(&self, tensor: usize) -> Option<&[u32]> {
        let tables = [self.batch.users(), self.batch.items(), self.batch.categories()];
        let count = if self.sizes.categories.is_some() { 3 } else { 2 };
        debug_assert!(tensor < count + LAYER_NAMES.len());
        tables[..count].get(tensor).copied()
    }

    fn forward_backward(&mut self, values: &[&[f32]], gradients: Vec<&mut [f32]>) -> f64 {
        let values = EmbeddingMlpTensors::of(&self.sizes, values.iter().copied(), &[][..]);
        let gradients = EmbeddingMlpTensors::of(&self.sizes, gradients.into_iter(), &mut [][..]);
        self.kernel.forward_backward(&self.batch, 0, values, 1.0, gradients)
    }

    fn scorer(&self, weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>> {
        embedding_mlp::scorer(weights, queries)
    }
}

/// Matrix factorisation.
pub struct MfBase {
    dim: usize,
    /// Of users and items.
    named: [NamedRows; 2],
    samples: Vec<MfSample>,
}

impl MfBase {
    pub fn new(sizes: mf::MfSizes) -> Self {
        Self { dim: sizes.dim, named: [sizes.users, sizes.items].map(NamedRows::new), samples: Vec::new() }
    }
}

impl BaseModel for MfBase {
    fn kind(&self) -> &'static str {
        mf::NAME
    }

    fn take(&mut self, samples: SampleRange<'_>, positions: &[u32]) {
        self.named.iter_mut().for_each(NamedRows::clear);
        let [users, items] = &mut self.named;
        self.samples.clear();
        self.samples.extend(positions.iter().map(|&position| {
            let sample = samples.get(position as usize);
            let label = if sample.label { 1.0 } else { 0.0 };
            MfSample { user: users.name(sample.user).0, item: items.name(sample.item).0, label }
        }));
    }

    fn rows(&self, tensor: usize) -> Option<&[u32]> {
        Some(self.named[tensor].ids())
    }

    fn forward_backward(&mut self, values: &[&[f32]], gradients: Vec<&mut [f32]>) -> f64 {
        let (Ok(tables), Ok(gradients)) = (values.try_into(), gradients.try_into()) else { panic!("two tables") };
        mf::forward_backward(self.dim, &self.samples, tables, gradients)
    }

    fn scorer(&self, weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>> {
        mf::scorer(weights, queries)
    }
}
