//! The sizes of an Embedding&MLP, its tensors by name, and how they start.

use harness::error::Result;
use harness::rng::Stream;
use harness::weights::{Init, Layout, Parameter, Weights};

/// All that shapes an Embedding&MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddingMlpSizes {
    pub users: usize,
    pub items: usize,
    /// None where items have no categories.
    pub categories: Option<usize>,
    /// Length of a row of a table.
    pub dim: usize,
    /// Widths of the hidden layers.
    pub hidden: [usize; 2],
}

/// The tensors of the layers, in their order; a kernel is `[inputs, outputs]`.
pub const LAYER_NAMES: [&str; 6] = ["hidden1", "hidden1.bias", "hidden2", "hidden2.bias", "out", "out.bias"];

const CATEGORY: &str = "category";

impl EmbeddingMlpSizes {
    /// Length of an item's vector: its row, and the mean of its category rows where there are any.
    pub fn entity(&self) -> usize {
        if self.categories.is_some() { 2 * self.dim } else { self.dim }
    }

    /// Width of the input of the first layer.
    pub fn input(&self) -> usize {
        self.dim + 2 * self.entity()
    }

    /// Shapes of the tensors of the layers, in the order of [`LAYER_NAMES`].
    pub fn layer_shapes(&self) -> [Vec<usize>; 6] {
        let [first, second] = self.hidden;
        [vec![self.input(), first], vec![first], vec![first, second], vec![second], vec![second, 1], vec![1]]
    }

    /// Names and shapes: `user`, `item`, `category` where there are any, then the layers.
    pub fn layout(&self) -> Layout {
        let tables = [("user", Some(self.users)), ("item", Some(self.items)), (CATEGORY, self.categories)];
        let tables = tables.into_iter().filter_map(|(name, rows)| rows.map(|rows| (name, vec![rows, self.dim])));
        Layout::new("Embedding&MLP", tables.chain(LAYER_NAMES.into_iter().zip(self.layer_shapes())))
    }

    /// Initial values: every tensor Glorot-uniform, biases included (code).
    pub fn initial(&self, stream: impl Fn(&str) -> Stream) -> Vec<Parameter> {
        self.layout().initial(stream, |_, shape| Init::glorot(shape))
    }

    /// The sizes of a model with these weights.
    ///
    /// # Errors
    /// [`Internal`](harness::error::Kind::Internal) if they are not an Embedding&MLP's.
    pub fn of(weights: &Weights) -> Result<Self> {
        let named = |tensor: usize| weights.parameters.get(tensor).is_some_and(|p| p.name == CATEGORY);
        let categories = named(2).then(|| weights.size(2, 0));
        let tables = if categories.is_some() { 3 } else { 2 };
        let sizes = Self {
            users: weights.size(0, 0),
            items: weights.size(1, 0),
            categories,
            dim: weights.size(0, 1),
            hidden: [weights.size(tables, 1), weights.size(tables + 2, 1)],
        };
        sizes.layout().check(weights)?;
        Ok(sizes)
    }
}
