//! Gradients of a step, from what the way back left in the blocks.

use harness::nn::padded;
use rayon::prelude::*;

use super::Student;
use crate::adarec::architecture::{EDGES, NODES, edge, ends};
use crate::adarec::cell::{CellParameters, Chosen, EdgePass};
use crate::adarec::operation::Operation;
use crate::adarec::pass::Block;

impl Student {
    /// The batch's means of g and g·ŷ for the edges into a node.
    pub(super) fn means(&mut self, cell: usize, node: usize) {
        let count = self.ids.len() as f64;
        for source in 0..node {
            let number = edge(node, source);
            let EdgePass { chosen, statistics } = &mut self.passes[cell].edges[number];
            let Chosen::Convolution(chosen) = chosen else { continue };
            let mean_of = |of: &dyn Fn(&Block) -> &[f32], out: &mut [f32]| {
                let sums = total(self.blocks.iter().map(of), out.len());
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out = (sum / count) as f32);
            };
            mean_of(&|block| &block.sums.plain[node - 1], &mut chosen.mean);
            mean_of(&|block| &block.sums.along[number], &mut chosen.mean_along);
            let inverse = &statistics[chosen.index].inverse;
            for ((factor, scale), inverse) in chosen.factor.iter_mut().zip(&chosen.scale).zip(inverse) {
                *factor = scale * inverse;
            }
        }
    }

    /// The gradients of a cell's tensors, from what the way back left in the blocks.
    pub(super) fn gather_cell(&mut self, cell: usize) {
        let (channels, width) = (self.sizes.channels, padded(self.sizes.channels));
        let (blocks, pass) = (&self.blocks, &self.passes[cell]);
        let CellParameters { edges, dense: [nodes, norm_scale, norm_shift] } = &mut self.cells[cell];
        edges.par_iter_mut().enumerate().for_each(|(number, parameters)| {
            let Some(parameters) = parameters else { return };
            parameters.dense.iter_mut().for_each(|tensor| tensor.gradient.fill(0.0));
            let Chosen::Convolution(chosen) = &pass.edges[number].chosen else { return };
            let [weight, _, scale, shift] = &mut parameters.dense;
            let mut first = 0;
            for tap in chosen.runs.iter().flat_map(|run| &run.taps) {
                let gradient = &mut weight.gradient[(chosen.first_tap + tap) * channels * channels..];
                for (input, gradient) in gradient.chunks_exact_mut(channels).take(channels).enumerate() {
                    for block in blocks {
                        let row = &block.sums.weights[number][(first + input) * width..][..channels];
                        gradient.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                    }
                }
                first += width;
            }
            let node = ends(number).0;
            let along = total(blocks.iter().map(|block| &block.sums.along[number][..]), channels);
            let plain = total(blocks.iter().map(|block| &block.sums.plain[node - 1][..]), channels);
            for (tensor, sums) in [(scale, along), (shift, plain)] {
                let gradient = &mut tensor.gradient[chosen.index * channels..][..channels];
                gradient.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum as f32);
            }
        });
        let weights = pass.nodes.map(f64::from);
        let slopes: [f64; NODES] =
            std::array::from_fn(|node| blocks.iter().map(|block| block.sums.nodes[node]).sum::<f64>());
        let mean: f64 = weights.iter().zip(&slopes).map(|(weight, slope)| weight * slope).sum();
        for (gradient, (weight, slope)) in nodes.gradient.iter_mut().zip(weights.iter().zip(&slopes)) {
            *gradient = (weight * (slope - mean)) as f32;
        }
        for (side, tensor) in [norm_scale, norm_shift].into_iter().enumerate() {
            let sums = total(blocks.iter().map(|block| &block.sums.norm[side][..]), channels);
            tensor.gradient.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum as f32);
        }
    }

    /// Adds ⟨∂L/∂f, operation(x)⟩ of one cell for all operations of all edges.
    pub(super) fn add_operations(&self, cell: usize, sums: &mut [Vec<f64>]) {
        let (channels, width) = (self.sizes.channels, padded(self.sizes.channels));
        let (blocks, pass) = (&self.blocks, &self.passes[cell]);
        let plain: [Vec<f64>; NODES] =
            std::array::from_fn(|node| total(blocks.iter().map(|block| &block.sums.plain[node][..]), channels));
        for (source, of_source) in pass.sources.iter().enumerate() {
            let readers = NODES - source;
            let size = blocks[0].sums.products[source].len();
            let mut products = vec![0.0f32; size];
            for block in blocks {
                harness::simd::add_scaled(&mut products, 1.0, &block.sums.products[source]);
            }
            let tap = width * readers * width;
            for group in &of_source.groups {
                let mut dots = vec![0.0f32; group.edges.len() * width];
                let mut weight = group.weight.chunks_exact(dots.len());
                for run in &group.runs {
                    let rows = products[run.column * tap..][..run.taps.len() * tap].chunks_exact(readers * width);
                    // In this order, which takes no weight where the rows have ended.
                    for (row, weight) in rows.zip(weight.by_ref()) {
                        for (side, (number, _)) in group.edges.iter().enumerate() {
                            let reader = ends(*number).0 - source - 1;
                            let row = &row[reader * width..][..width];
                            let weight = &weight[side * width..][..width];
                            let dots = &mut dots[side * width..][..width];
                            dots.iter_mut().zip(weight).zip(row).for_each(|((dot, w), g)| *dot += w * g);
                        }
                    }
                }
                for (&(number, at), dots) in group.edges.iter().zip(dots.chunks_exact(width)) {
                    let parameters = self.cells[cell].edges[number].as_ref().expect("an edge with convolutions");
                    let [_, _, scale, shift] =
                        parameters.dense.each_ref().map(|t| &t.weights[at * channels..][..channels]);
                    let statistics = &pass.edges[number].statistics[at];
                    let plain = &plain[ends(number).0 - 1];
                    let sum: f64 = (0..channels)
                        .map(|j| {
                            let along = f64::from(dots[j]) - f64::from(statistics.mean[j]) * plain[j];
                            f64::from(scale[j]) * f64::from(statistics.inverse[j]) * along
                                + f64::from(shift[j]) * plain[j]
                        })
                        .sum();
                    *self.slot(number, group.operation, sums) += sum;
                }
            }
        }
        for number in 0..EDGES {
            for (k, operation) in
                [Operation::MaxPool, Operation::AvgPool, Operation::SkipConnect].into_iter().enumerate()
            {
                if self.sizes.operations(number).contains(&operation) {
                    let sum: f64 = blocks.iter().map(|block| block.sums.free[number][k]).sum();
                    *self.slot(number, operation, sums) += sum;
                }
            }
        }
    }

    fn slot<'a>(&self, number: usize, operation: Operation, sums: &'a mut [Vec<f64>]) -> &'a mut f64 {
        let at = self.sizes.operations(number).iter().position(|other| *other == operation);
        &mut sums[number][at.expect("an operation of the edge")]
    }

    /// The gradients of both tables; padding has none in the first.
    pub(super) fn gather_tables(&mut self, width: usize, of_embedding: Option<&[f32]>) {
        let (channels, length) = (self.sizes.channels, self.sizes.length);
        self.token.gradient.fill(0.0);
        self.position.gradient.fill(0.0);
        let rows = self.blocks.iter().flat_map(|block| block.gradient.chunks_exact(width));
        let mut row = vec![0.0; channels];
        for (place, (gradient, &id)) in rows.zip(&self.ids).enumerate() {
            let at = place * channels..(place + 1) * channels;
            row.copy_from_slice(&gradient[..channels]);
            if let Some(of_embedding) = of_embedding {
                row.iter_mut().zip(&of_embedding[at.clone()]).for_each(|(sum, value)| *sum += value);
            }
            row.iter_mut().zip(&self.masks[0][at]).for_each(|(value, factor)| *value *= factor);
            let add = |sums: &mut [f32]| sums.iter_mut().zip(&row).for_each(|(sum, value)| *sum += value);
            add(&mut self.position.gradient[place % length * channels..][..channels]);
            if id != 0 {
                add(&mut self.token.gradient[id as usize * channels..][..channels]);
            }
        }
    }
}

/// Sums over blocks in their order, of their first `n` values.
fn total<'a>(blocks: impl Iterator<Item = &'a [f32]>, n: usize) -> Vec<f64> {
    let mut sums = vec![0.0f64; n];
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    sums
}
