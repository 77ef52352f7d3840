//! The layers between the tables and the output layer, laid out for products.

use harness::nn::padded;

use super::Bert4RecSizes;
use super::sizes::OF_BLOCK;
use crate::models::attention::AttentionShape;
use crate::models::dense::Dense;
use crate::models::norm::OwnedNorm;

/// Under the root of every norm (code: torch's default).
const EPSILON: f32 = 1e-5;

/// All blocks.
pub struct Bert4RecLayers {
    pub sizes: Bert4RecSizes,
    pub blocks: Vec<Block>,
}

/// The layers of one block.
pub struct Block {
    /// Query, key, value.
    pub heads: [Dense; 3],
    /// W_O.
    pub attended: Dense,
    pub inner: Dense,
    pub outer: Dense,
    pub attention_norm: OwnedNorm,
    pub feed_norm: OwnedNorm,
}

impl Bert4RecLayers {
    /// From the values of the parameters of the blocks, in their order.
    ///
    /// # Panics
    /// If there are not as many as there must be.
    pub fn new(sizes: Bert4RecSizes, values: &[&[f32]]) -> Self {
        assert_eq!(values.len(), sizes.blocks * OF_BLOCK.len(), "the parameters of {} blocks", sizes.blocks);
        let dense = |at: &[&[f32]]| Dense::new(at[0], at[1]);
        let block = |at: &[&[f32]]| Block {
            heads: [dense(at), dense(&at[2..]), dense(&at[4..])],
            attended: dense(&at[6..]),
            inner: dense(&at[8..]),
            outer: dense(&at[10..]),
            attention_norm: OwnedNorm::new(&at[12..], EPSILON),
            feed_norm: OwnedNorm::new(&at[14..], EPSILON),
        };
        Self { sizes, blocks: values.chunks_exact(OF_BLOCK.len()).map(block).collect() }
    }

    /// From one row of activations to the next: zeros stand beyond C.
    pub fn stride(&self) -> usize {
        padded(self.sizes.width)
    }

    /// From one row to the next inside the feed-forward.
    pub fn inner_stride(&self) -> usize {
        padded(self.sizes.inner())
    }

    /// The shape of every block's attention: a query sees all keys.
    pub fn attention(&self) -> AttentionShape {
        let Bert4RecSizes { heads, length, width, .. } = self.sizes;
        AttentionShape { heads, length, width, causal: false }
    }
}
