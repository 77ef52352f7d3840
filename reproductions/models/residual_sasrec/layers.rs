//! The layers between the tables, laid out for products.

use harness::nn::padded;

use super::ResidualSasRecSizes;
use super::sizes::OF_BLOCK;
use crate::models::dense::Dense;
use crate::models::norm::OwnedNorm;

/// Under the root of every norm (code).
const EPSILON: f32 = 1e-8;

/// All blocks, and the norm on top.
pub struct ResidualSasRecLayers {
    pub sizes: ResidualSasRecSizes,
    pub blocks: Vec<AttentionBlock>,
    pub top: OwnedNorm,
}

/// The layers of one block.
pub struct AttentionBlock {
    /// Query, key, value.
    pub heads: [Dense; 3],
    pub inner: Dense,
    pub outer: Dense,
    pub attention_norm: OwnedNorm,
    pub feed_norm: OwnedNorm,
    /// ε.
    pub scale: f32,
}

impl ResidualSasRecLayers {
    /// From the values of the parameters of blocks and of the norm on top, in their order.
    ///
    /// # Panics
    /// If there are not as many as there must be.
    pub fn new(sizes: ResidualSasRecSizes, values: &[&[f32]]) -> Self {
        assert_eq!(values.len(), sizes.blocks * OF_BLOCK.len() + 2, "the parameters of {} blocks", sizes.blocks);
        let (of_blocks, top) = values.split_at(values.len() - 2);
        let dense = |at: &[&[f32]]| Dense::new(at[0], at[1]);
        let block = |at: &[&[f32]]| AttentionBlock {
            heads: [dense(at), dense(&at[2..]), dense(&at[4..])],
            inner: dense(&at[6..]),
            outer: dense(&at[8..]),
            attention_norm: OwnedNorm::new(&at[10..], EPSILON),
            feed_norm: OwnedNorm::new(&at[12..], EPSILON),
            scale: at[14][0],
        };
        let blocks = of_blocks.chunks_exact(OF_BLOCK.len()).map(block).collect();
        Self { sizes, blocks, top: OwnedNorm::new(top, EPSILON) }
    }

    /// From one row of activations to the next: zeros stand beyond C.
    pub fn stride(&self) -> usize {
        padded(self.sizes.width)
    }
}
