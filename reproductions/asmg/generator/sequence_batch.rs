//! A step's loss and gradients: Σ λ · L over parts of a batch, each under a generated model of its own.

use harness::data::ItemCategories;
use harness::split::SampleRange;
use rayon::prelude::*;

use super::model_generator::ModelGenerator;
use super::past_models::PastModel;
use crate::models::embedding_mlp::{EmbeddingMlpKernel, EmbeddingMlpSizes, EmbeddingMlpTensors, LocalBatch};

/// Samples of one or more data sets, and the models that are generated for them. Buffers are kept from batch to batch.
pub struct SequenceBatch {
    sizes: EmbeddingMlpSizes,
    batch: LocalBatch,
    /// By part: λ.
    weights: Vec<f64>,
    work: Vec<PartWork>,
    generated: Vec<EmbeddingMlpTensors<Vec<f32>>>,
    gradients: Vec<EmbeddingMlpTensors<Vec<f32>>>,
}

/// What a part's pass through the base model needs, so that parts can be done at the same time.
struct PartWork {
    kernel: EmbeddingMlpKernel,
    loss: f64,
}

impl SequenceBatch {
    /// An empty batch for base models with these sizes.
    pub fn new(sizes: EmbeddingMlpSizes) -> Self {
        let batch = LocalBatch::new(&sizes);
        let (weights, work, generated, gradients) = Default::default();
        Self { sizes, batch, weights, work, generated, gradients }
    }

    /// Forgets all parts, so that the next is that of the newest data.
    pub fn clear(&mut self) {
        self.batch.clear();
        self.weights.clear();
    }

    /// Adds samples whose mean loss counts with `weight`; those of the newest data come first.
    pub fn push(
        &mut self,
        samples: SampleRange<'_>,
        positions: &[u32],
        categories: Option<&ItemCategories>,
        weight: f64,
    ) {
        self.batch.push(samples, positions, categories);
        self.weights.push(weight);
    }

    /// Makes the gradients of the generator's weights, and returns the loss of each part, not weighted.
    pub fn forward_backward(&mut self, generator: &mut dyn ModelGenerator, models: &[PastModel]) -> Vec<f64> {
        let Self { sizes, batch, weights, work, generated, gradients } = self;
        let parts = weights.len();
        work.resize_with(parts, || PartWork { kernel: EmbeddingMlpKernel::new(*sizes), loss: 0.0 });
        generated.resize_with(parts, Default::default);
        gradients.resize_with(parts, Default::default);
        generator.generate(models, batch, generated);
        let of_parts = work.par_iter_mut().zip(&*generated).zip(&mut *gradients).zip(&*weights).enumerate();
        of_parts.for_each(|(part, (((work, generated), gradients), weight))| {
            for (gradient, values) in [
                (&mut gradients.user, &generated.user),
                (&mut gradients.item, &generated.item),
                (&mut gradients.category, &generated.category),
            ]
            .into_iter()
            .chain(gradients.layers.iter_mut().zip(&generated.layers))
            {
                gradient.clear();
                gradient.resize(values.len(), 0.0);
            }
            let (values, onto) = (generated.as_slices(), gradients.as_mut_slices());
            work.loss = work.kernel.forward_backward(batch, part, values, *weight as f32, onto);
        });
        generator.backward(models, batch, gradients);
        work.iter().map(|work| work.loss).collect()
    }

    /// Weights of the parts' losses.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}
