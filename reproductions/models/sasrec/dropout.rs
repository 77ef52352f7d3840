//! Dropout masks of a group of inputs.

use harness::rng::Stream;

use super::SasRecSizes;
use harness::nn::Dropout;

/// Factors, 0 or 1/(1 − p).
#[derive(Clone, Debug)]
pub struct Masks {
    /// Mask of embeddings, `[places, d]`.
    pub embedding: Vec<f32>,
    pub blocks: Vec<BlockMasks>,
}

/// Dropout factors of one block.
#[derive(Clone, Debug)]
pub struct BlockMasks {
    /// Mask of attention weights: for each head, query by query, of as many keys as it sees.
    pub attention: Vec<f32>,
    /// After the first layer of the feed-forward, `[queries, d]`.
    pub inner: Vec<f32>,
    /// After the second.
    pub outer: Vec<f32>,
}

impl Masks {
    /// Draws the masks of inputs of these lengths.
    pub fn draw(dropout: Dropout, sizes: &SasRecSizes, lengths: &[usize], stream: &mut Stream) -> Self {
        let mut draw = |n: usize| {
            let mut factors = vec![0.0; n];
            // One block, so that the whole of it is drawn here.
            dropout.draw(stream, n.max(1), &mut factors);
            factors
        };
        let places: usize = lengths.iter().sum();
        let embedding = draw(places * sizes.dim);
        let blocks = (0..sizes.blocks).map(|block| {
            let queries: usize = lengths.iter().map(|&n| queries(sizes, block, n)).sum();
            let pairs: usize = lengths.iter().map(|&n| pairs(sizes, block, n)).sum();
            let attention = draw(sizes.heads * pairs);
            BlockMasks { attention, inner: draw(queries * sizes.dim), outer: draw(queries * sizes.dim) }
        });
        let blocks = blocks.collect();
        Self { embedding, blocks }
    }
}

/// Queries of a block in an input of `n` items: all of them, or the last in the last block.
pub fn queries(sizes: &SasRecSizes, block: usize, n: usize) -> usize {
    if block + 1 == sizes.blocks { 1 } else { n }
}

/// Pairs of a query and a key that it sees: no later one.
pub fn pairs(sizes: &SasRecSizes, block: usize, n: usize) -> usize {
    if block + 1 == sizes.blocks { n } else { n * (n + 1) / 2 }
}
