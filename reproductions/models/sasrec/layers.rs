//! The layers between the tables, laid out for products.

use harness::nn::{LayerNorm, padded};

use super::SasRecSizes;
use super::sizes::OF_BLOCK;
use crate::models::dense::Dense;

/// Under the root of every norm (code).
const EPSILON: f32 = 1e-8;

/// All blocks, and the norm on top.
pub struct SasRecLayers {
    pub sizes: SasRecSizes,
    pub blocks: Vec<Block>,
    pub top: Norm,
}

/// The layers of one block: self-attention and feed-forward, each after a norm.
pub struct Block {
    pub attention_norm: Norm,
    pub query: Dense,
    pub key: Dense,
    pub value: Dense,
    pub feed_norm: Norm,
    pub inner: Dense,
    pub outer: Dense,
}

/// Scale and shift, `[d]` each.
pub struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl SasRecLayers {
    /// From the values of the parameters after the tables, in their order.
    ///
    /// # Panics
    /// If there are not as many as there must be.
    pub fn new(sizes: SasRecSizes, values: &[&[f32]]) -> Self {
        assert_eq!(values.len(), sizes.blocks * OF_BLOCK.len() + 2, "the parameters of {} blocks", sizes.blocks);
        let norm = |at: &[&[f32]]| Norm { scale: at[0].to_vec(), shift: at[1].to_vec() };
        let dense = |at: &[&[f32]]| Dense::new(at[0], at[1]);
        let (of_blocks, top) = values.split_at(values.len() - 2);
        let block = |at: &[&[f32]]| Block {
            attention_norm: norm(at),
            query: dense(&at[2..]),
            key: dense(&at[4..]),
            value: dense(&at[6..]),
            feed_norm: norm(&at[8..]),
            inner: dense(&at[10..]),
            outer: dense(&at[12..]),
        };
        Self { sizes, blocks: of_blocks.chunks_exact(OF_BLOCK.len()).map(block).collect(), top: norm(top) }
    }

    /// From one row to the next, in all that the passes keep: zeros stand beyond d.
    pub fn stride(&self) -> usize {
        padded(self.sizes.dim)
    }
}

impl Norm {
    /// The norm as a layer over rows of `d` values.
    pub fn as_layer(&self) -> LayerNorm<'_> {
        LayerNorm { scale: &self.scale, shift: &self.shift, epsilon: EPSILON }
    }
}
