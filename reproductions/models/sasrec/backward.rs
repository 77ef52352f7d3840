//! The way back through a group, on one thread: leaves what every layer gave and got, from which
//! [`gradients`](super::gradients) makes the layers' own.

use super::attention::{AttentionRows, RowGradients, Shape};
use super::dropout::BlockMasks;
use super::forward::{BlockGradients, BlockTrace, NormTrace, Trace, scale_rows};
use super::layers::{Block, Norm, SasRecLayers};

impl Trace {
    /// From ∂L/∂representation, `gradient: [inputs, padded d]`, to all gradients of the group.
    pub fn backward(&mut self, layers: &SasRecLayers, gradient: &[f32]) {
        let (sizes, stride) = (&layers.sizes, layers.stride());
        let mut gradient = gradient.to_vec();
        self.top.backward(&layers.top, stride, &mut gradient);
        for (number, (block, trace)) in layers.blocks.iter().zip(&mut self.blocks).enumerate().rev() {
            let shape = Shape { sizes, block: number, lengths: &self.lengths, stride };
            let masks = self.masks.as_ref().map(|masks| &masks.blocks[number]);
            gradient = trace.backward(block, &shape, masks, gradient);
        }
        if let Some(masks) = &self.masks {
            scale_rows(&mut gradient, stride, &masks.embedding, sizes.dim);
        }
        self.embedding_gradient = gradient;
    }
}

impl BlockTrace {
    /// From ∂L/∂output to ∂L/∂input.
    fn backward(
        &mut self,
        block: &Block,
        shape: &Shape<'_>,
        masks: Option<&BlockMasks>,
        mut gradient: Vec<f32>,
    ) -> Vec<f32> {
        let (dim, stride) = (shape.sizes.dim, shape.stride);
        let BlockGradients { queries, keys, values, inner, outer } = &mut self.gradients;
        // The feed-forward; `gradient` goes on as that of z.
        outer.clone_from(&gradient);
        if let Some(masks) = masks {
            scale_rows(outer, stride, &masks.outer, dim);
        }
        zeros(inner, gradient.len());
        block.outer.backward(outer, inner);
        if let Some(masks) = masks {
            scale_rows(inner, stride, &masks.inner, dim);
        }
        inner.iter_mut().zip(&self.inner).for_each(|(slope, value)| *slope = if *value > 0.0 { *slope } else { 0.0 });
        block.inner.backward(inner, &mut gradient);
        self.feed_norm.backward(&block.feed_norm, stride, &mut gradient);
        // Attention; `gradient` is that of y, and goes on as that of q.
        let places = self.input.len();
        zeros(queries, gradient.len());
        zeros(keys, places);
        zeros(values, places);
        let rows = AttentionRows { keys: &self.keys, values: &self.values, queries: &self.queries };
        let into = RowGradients { keys: &mut *keys, values: &mut *values, queries: &mut *queries };
        shape.backward(rows, masks.map(|masks| &masks.attention[..]), &self.weights, &gradient, into);
        block.query.backward(queries, &mut gradient);
        self.attention_norm.backward(&block.attention_norm, stride, &mut gradient);
        // `gradient` is that of x at the queries.
        let mut input = if shape.last_only() { vec![0.0; places] } else { std::mem::take(&mut gradient) };
        block.key.backward(keys, &mut input);
        block.value.backward(values, &mut input);
        let mut end = 0;
        for (n, gradient) in shape.lengths.iter().zip(gradient.chunks_exact(stride)) {
            end += n * stride;
            input[end - stride..end].iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value);
        }
        input
    }
}

impl NormTrace {
    fn backward(&mut self, norm: &Norm, stride: usize, gradient: &mut [f32]) {
        let layer = norm.as_layer();
        zeros(&mut self.scale_gradient, layer.scale.len());
        zeros(&mut self.shift_gradient, layer.scale.len());
        let sums = [&mut self.scale_gradient[..], &mut self.shift_gradient[..]];
        layer.backward(gradient, stride, &self.normal, &self.inverse, sums);
    }
}

fn zeros(values: &mut Vec<f32>, n: usize) {
    values.clear();
    values.resize(n, 0.0);
}
