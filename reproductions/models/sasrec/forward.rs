//! From a group of inputs to their representations, on one thread.
//!
//! Every element is one chain of fused multiply-adds in a stated order, or a sum of a stated structure: an input
//! has the same bits on every machine and whichever inputs are in the same batch.

use super::attention::{AttentionRows, Shape};
use super::dropout::{BlockMasks, Masks};
use super::layers::{Block, Norm, SasRecLayers};
use super::sequences::Sequences;

/// Inputs of a group: what one task takes through the blocks. Fixed, so that nothing depends on threads.
pub const GROUP: usize = 32;

/// Results of the passes over a group. Buffers keep their size. Rows are `[padded d]`, zeros beyond d.
#[derive(Default)]
pub struct Trace {
    /// Items of each input.
    pub lengths: Vec<usize>,
    pub masks: Option<Masks>,
    /// ∂L/∂embeddings before dropout, by place.
    pub embedding_gradient: Vec<f32>,
    pub blocks: Vec<BlockTrace>,
    pub top: NormTrace,
    /// Representations, one for each input.
    pub out: Vec<f32>,
}

/// Results of one block. A gradient is that of the output of the layer of its name, before activation and dropout.
#[derive(Default)]
pub struct BlockTrace {
    /// x, by place.
    pub input: Vec<f32>,
    pub keys: Vec<f32>,
    pub values: Vec<f32>,
    /// By query, from here on.
    pub attention_norm: NormTrace,
    /// q.
    pub entry: Vec<f32>,
    /// Q.
    pub queries: Vec<f32>,
    /// Attention weights before dropout: see [`Shape::forward`].
    pub weights: Vec<f32>,
    /// y.
    pub attended: Vec<f32>,
    pub feed_norm: NormTrace,
    /// z.
    pub feed: Vec<f32>,
    /// After activation and dropout.
    pub inner: Vec<f32>,
    pub gradients: BlockGradients,
}

/// Gradients of the outputs of the layers of a block, row by row.
#[derive(Default)]
pub struct BlockGradients {
    pub queries: Vec<f32>,
    pub keys: Vec<f32>,
    pub values: Vec<f32>,
    pub inner: Vec<f32>,
    pub outer: Vec<f32>,
}

/// Results of a layer norm: x̂ and 1/√(variance + ε) of each row, and what scale and shift gain.
#[derive(Default)]
pub struct NormTrace {
    pub normal: Vec<f32>,
    pub inverse: Vec<f32>,
    pub scale_gradient: Vec<f32>,
    pub shift_gradient: Vec<f32>,
}

impl Trace {
    /// Encodes the inputs `range` of `sequences`, with masks if they are to be dropped from.
    /// `item` and `position` are the tables; the representations are left in `self.out`.
    pub fn forward(
        &mut self,
        layers: &SasRecLayers,
        [item, position]: [&[f32]; 2],
        sequences: &Sequences,
        range: std::ops::Range<usize>,
        masks: Option<Masks>,
    ) {
        let (sizes, stride) = (&layers.sizes, layers.stride());
        self.lengths.clear();
        self.lengths.extend(range.clone().map(|k| sequences.range(k).len()));
        self.masks = masks;
        self.blocks.resize_with(sizes.blocks, BlockTrace::default);
        let mut x = std::mem::take(&mut self.out);
        x.clear();
        let root = (sizes.dim as f64).sqrt() as f32;
        for k in range {
            let items = &sequences.items()[sequences.range(k)];
            for (place, &id) in (sizes.length - items.len()..).zip(items) {
                let item = &item[id as usize * sizes.dim..][..sizes.dim];
                let position = &position[place * sizes.dim..][..sizes.dim];
                x.extend(item.iter().zip(position).map(|(item, position)| root.mul_add(*item, *position)));
                x.resize(x.len().next_multiple_of(stride), 0.0);
            }
        }
        if let Some(masks) = &self.masks {
            scale_rows(&mut x, stride, &masks.embedding, sizes.dim);
        }
        for (number, (block, trace)) in layers.blocks.iter().zip(&mut self.blocks).enumerate() {
            std::mem::swap(&mut trace.input, &mut x);
            let shape = Shape { sizes, block: number, lengths: &self.lengths, stride };
            trace.forward(block, &shape, self.masks.as_ref().map(|masks| &masks.blocks[number]), &mut x);
        }
        self.top.forward(&layers.top, &x, stride, &mut self.out);
    }
}

impl BlockTrace {
    /// From `self.input` to the next block's input, `out`.
    fn forward(&mut self, block: &Block, shape: &Shape<'_>, masks: Option<&BlockMasks>, out: &mut Vec<f32>) {
        let (dim, stride) = (shape.sizes.dim, shape.stride);
        block.key.forward(&self.input, &mut self.keys);
        block.value.forward(&self.input, &mut self.values);
        match shape.last_only() {
            true => {
                let last = last_rows(&self.input, shape.lengths, stride);
                self.attention_norm.forward(&block.attention_norm, &last, stride, &mut self.entry);
            }
            false => self.attention_norm.forward(&block.attention_norm, &self.input, stride, &mut self.entry),
        }
        block.query.forward(&self.entry, &mut self.queries);
        self.attended.clone_from(&self.entry);
        let rows = AttentionRows { keys: &self.keys, values: &self.values, queries: &self.queries };
        shape.forward(rows, masks.map(|masks| &masks.attention[..]), &mut self.weights, &mut self.attended);
        self.feed_norm.forward(&block.feed_norm, &self.attended, stride, &mut self.feed);
        block.inner.forward(&self.feed, &mut self.inner);
        // Not `max`, which would make a number of NaN.
        self.inner.iter_mut().for_each(|v| *v = if *v <= 0.0 { 0.0 } else { *v });
        if let Some(masks) = masks {
            scale_rows(&mut self.inner, stride, &masks.inner, dim);
        }
        block.outer.forward(&self.inner, out);
        if let Some(masks) = masks {
            scale_rows(out, stride, &masks.outer, dim);
        }
        out.iter_mut().zip(&self.feed).for_each(|(out, feed)| *out += feed);
    }
}

impl NormTrace {
    fn forward(&mut self, norm: &Norm, x: &[f32], stride: usize, out: &mut Vec<f32>) {
        // What lies beyond d is not written, and must be zeros.
        for rows in [&mut self.normal, &mut *out] {
            rows.clear();
            rows.resize(x.len(), 0.0);
        }
        self.inverse.resize(x.len() / stride, 0.0);
        norm.as_layer().forward(x, stride, &mut self.normal, &mut self.inverse, out);
    }
}

/// Times `factors: [rows, dim]`.
pub fn scale_rows(rows: &mut [f32], stride: usize, factors: &[f32], dim: usize) {
    for (row, factors) in rows.chunks_exact_mut(stride).zip(factors.chunks_exact(dim)) {
        row.iter_mut().zip(factors).for_each(|(value, factor)| *value *= factor);
    }
}

/// The last row of each input.
fn last_rows(rows: &[f32], lengths: &[usize], stride: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(lengths.len() * stride);
    let mut end = 0;
    for n in lengths {
        end += n * stride;
        out.extend_from_slice(&rows[end - stride..end]);
    }
    out
}
