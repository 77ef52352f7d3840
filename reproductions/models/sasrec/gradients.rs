//! The gradients of the layers, from what the way back left of all groups.

use harness::nn::{add_transposed_product, padded};
use rayon::prelude::*;

use super::SasRecSizes;
use super::forward::{BlockTrace, NormTrace, Trace};
use super::sizes::OF_BLOCK;

/// Rows of a weight matrix that one task computes.
const ROWS: usize = 48;

/// Overwrites `gradient` with that of the `number`-th parameter after the tables, summed over the groups in their
/// order.
pub fn of_parameter(sizes: &SasRecSizes, traces: &[Trace], number: usize, gradient: &mut [f32]) {
    let (block, part) = (number / OF_BLOCK.len(), number % OF_BLOCK.len());
    let of_norm = |norm: &dyn Fn(&Trace) -> &NormTrace, gradient: &mut [f32]| {
        gradient.fill(0.0);
        for trace in traces {
            let norm = norm(trace);
            let sums = if part.is_multiple_of(2) { &norm.scale_gradient } else { &norm.shift_gradient };
            gradient.iter_mut().zip(sums).for_each(|(sum, value)| *sum += value);
        }
    };
    if block == sizes.blocks {
        return of_norm(&|trace| &trace.top, gradient);
    }
    match part {
        0 | 1 => return of_norm(&|trace| &trace.blocks[block].attention_norm, gradient),
        8 | 9 => return of_norm(&|trace| &trace.blocks[block].feed_norm, gradient),
        _ => {}
    }
    let (dim, stride) = (sizes.dim, padded(sizes.dim));
    if part.is_multiple_of(2) {
        gradient.par_chunks_mut(ROWS * dim).enumerate().for_each(|(task, gradient)| {
            let mut sums = vec![0.0; gradient.len() / dim * stride];
            for trace in traces {
                let (got, gave) = of_layer(&trace.blocks[block], part);
                add_transposed_product(&mut sums, stride, &got[task * ROWS..], stride, gave);
            }
            for (gradient, sums) in gradient.chunks_exact_mut(dim).zip(sums.chunks_exact(stride)) {
                gradient.copy_from_slice(&sums[..dim]);
            }
        });
    } else {
        gradient.fill(0.0);
        for trace in traces {
            for row in of_layer(&trace.blocks[block], part).1.chunks_exact(stride) {
                gradient.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        }
    }
}

/// The input of a layer and the gradient of its output; `part` is its weight or bias in [`OF_BLOCK`].
fn of_layer(block: &BlockTrace, part: usize) -> (&[f32], &[f32]) {
    let of = &block.gradients;
    match part {
        2 | 3 => (&block.entry, &of.queries),
        4 | 5 => (&block.input, &of.keys),
        6 | 7 => (&block.input, &of.values),
        10 | 11 => (&block.feed, &of.inner),
        _ => (&block.inner, &of.outer),
    }
}
