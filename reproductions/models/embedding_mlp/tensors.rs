//! Something for each tensor of an Embedding&MLP.

use super::LAYER_NAMES;
use super::sizes::EmbeddingMlpSizes;

/// Something for each tensor: weights (`&[f32]`), gradients (`&mut [f32]`), or the values themselves (`Vec<f32>`). All are
/// row-major; tables have the rows of a model, or those of a [`LocalBatch`](super::LocalBatch).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EmbeddingMlpTensors<T> {
    /// `[users, dim]`
    pub user: T,
    /// `[items, dim]`
    pub item: T,
    /// `[categories, dim]`; empty where items have none.
    pub category: T,
    /// In the order of [`LAYER_NAMES`]: kernels `[inputs, outputs]`, each followed by its bias.
    pub layers: [T; LAYER_NAMES.len()],
}

impl<T> EmbeddingMlpTensors<T> {
    /// What `of` makes of each.
    pub fn map<U>(self, mut of: impl FnMut(T) -> U) -> EmbeddingMlpTensors<U> {
        let Self { user, item, category, layers } = self;
        EmbeddingMlpTensors { user: of(user), item: of(item), category: of(category), layers: layers.map(of) }
    }

    /// References to each.
    pub fn each_ref(&self) -> EmbeddingMlpTensors<&T> {
        let Self { user, item, category, layers } = self;
        EmbeddingMlpTensors { user, item, category, layers: layers.each_ref() }
    }

    /// References to each, to change them.
    pub fn each_mut(&mut self) -> EmbeddingMlpTensors<&mut T> {
        let Self { user, item, category, layers } = self;
        EmbeddingMlpTensors { user, item, category, layers: layers.each_mut() }
    }

    /// From each in the order of a model's tensors.
    ///
    /// # Panics
    /// If there are fewer or more than a model with these sizes has.
    pub fn of(sizes: &EmbeddingMlpSizes, mut tensors: impl Iterator<Item = T>, none: T) -> Self {
        let mut next = || tensors.next().expect("a tensor for each of the layout");
        let (user, item) = (next(), next());
        let category = if sizes.categories.is_some() { next() } else { none };
        let layers = std::array::from_fn(|_| next());
        assert!(tensors.next().is_none(), "more tensors than the layout has");
        Self { user, item, category, layers }
    }
}

impl EmbeddingMlpTensors<Vec<f32>> {
    /// The values as slices.
    pub fn as_slices(&self) -> EmbeddingMlpTensors<&[f32]> {
        self.each_ref().map(Vec::as_slice)
    }

    /// The values as slices, to change them.
    pub fn as_mut_slices(&mut self) -> EmbeddingMlpTensors<&mut [f32]> {
        self.each_mut().map(Vec::as_mut_slice)
    }
}
