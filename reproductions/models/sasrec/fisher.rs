//! The diagonal of the Fisher information: the mean over samples of the squared gradient of a sample's loss.
//!
//! For the row of an item that a sample does not read, the gradient is (p − y)·representation, so the sum of squares
//! over samples is one product, (P − Y)²ᵀ·(representations)², which [`OutputSoftmax::squares`] makes. For the few
//! rows that it reads, (output part + input part)² takes the place of (output part)².

use harness::error::{Error, Kind, Result};
use harness::nn::padded;
use harness::simd;
use rayon::prelude::*;

use super::forward::Trace;
use super::gradients::of_parameter;
use super::sizes::TABLES;
use super::{SasRec, SasRecEncoder, SasRecSizes, Sequences};
use harness::nn::softmax::{ItemTable, Onto, OutputSoftmax};

/// Samples that one task takes, with sums of its own.
const BLOCK: usize = 64;

/// Sums of squares over some samples.
struct Sums {
    /// Squared gradients of the position table and all layers.
    others: Vec<Vec<f32>>,
    /// What rows of items gain over the output part alone, sample by sample.
    read: Vec<(u32, Vec<f32>)>,
}

/// Inputs that the passes of all samples share.
struct FisherTask<'a> {
    sizes: SasRecSizes,
    encoder: &'a SasRecEncoder<'a>,
    sequences: &'a Sequences,
    labels: &'a [u32],
    /// Representations and their gradients, `[samples, padded d]`.
    x: Vec<f32>,
    x_gradient: Vec<f32>,
    normalisers: Vec<f32>,
}

impl SasRec {
    /// The diagonal of the Fisher information of each parameter, of the cross entropy over the first `items` without
    /// dropout; of the item table, of the first `items` rows.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if there is no sample, or one is not of these items.
    pub fn fisher(&mut self, sequences: &Sequences, labels: &[u32], items: usize) -> Result<Vec<Vec<f32>>> {
        let sizes = self.sizes();
        let known = |item: &u32| (*item as usize) < items;
        let fits = labels.len() == sequences.len() && items <= sizes.items;
        if labels.is_empty() || !fits || !labels.iter().chain(sequences.items()).all(known) {
            return Err(Error::new(Kind::Internal, "Fisher information wants samples of the items seen so far"));
        }
        let encoder = self.encoder();
        let x = encoder.encode(sequences);
        let dim = sizes.dim;
        let table = ItemTable { rows: &encoder.items()[..items * dim], dim };
        let mut softmax = OutputSoftmax::default();
        let normalisers = softmax.normalisers(table, &x);
        let (mut x_gradient, mut of_items) = (vec![0.0; x.len()], vec![0.0; items * dim]);
        softmax.squares(table, &x, labels, Onto { x: &mut x_gradient, table: &mut of_items });
        let task = FisherTask { sizes, encoder: &encoder, sequences, labels, x, x_gradient, normalisers };
        let starts: Vec<usize> = (0..labels.len()).step_by(BLOCK).collect();
        let blocks: Vec<Sums> = starts.into_par_iter().map(|start| task.block(start)).collect();
        let mut others: Vec<Vec<f32>> = blocks[0].others.iter().map(|sums| vec![0.0; sums.len()]).collect();
        for block in &blocks {
            for (sums, part) in others.iter_mut().zip(&block.others) {
                sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
            }
            for (item, gain) in &block.read {
                simd::add_scaled(&mut of_items[*item as usize * dim..][..dim], 1.0, gain);
            }
        }
        let mean = 1.0 / labels.len() as f32;
        let mut fisher = vec![of_items];
        fisher.extend(others);
        // A gain may be negative, and rounding then leave less than nothing.
        fisher.iter_mut().flatten().for_each(|value| *value = (*value * mean).max(0.0));
        Ok(fisher)
    }
}

impl FisherTask<'_> {
    fn block(&self, start: usize) -> Sums {
        let (dim, stride) = (self.sizes.dim, padded(self.sizes.dim));
        let SasRecEncoder { layers, item, position } = self.encoder;
        let (item_table, position) = (&item[..], &position[..]);
        let shapes = self.sizes.shapes();
        let lengths = shapes[1..].iter().map(|(_, shape)| shape.iter().product::<usize>());
        let mut sums = Sums { others: lengths.map(|n| vec![0.0; n]).collect(), read: Vec::new() };
        let (mut trace, mut gradient) = (Trace::default(), Vec::new());
        for k in start..(start + BLOCK).min(self.labels.len()) {
            trace.forward(layers, [item_table, position], self.sequences, k..k + 1, None);
            trace.backward(layers, &self.x_gradient[k * stride..][..stride]);
            let items = &self.sequences.items()[self.sequences.range(k)];
            let rows = trace.embedding_gradient.chunks_exact(stride).map(|row| &row[..dim]);
            for (place, row) in (self.sizes.length - items.len()..).zip(rows.clone()) {
                add_squares(&mut sums.others[0][place * dim..][..dim], row);
            }
            for (number, sums) in sums.others[TABLES - 1..].iter_mut().enumerate() {
                gradient.resize(sums.len(), 0.0);
                of_parameter(&self.sizes, std::slice::from_ref(&trace), number, &mut gradient);
                add_squares(sums, &gradient);
            }
            let x = &self.x[k * stride..][..dim];
            let root = (dim as f64).sqrt() as f32;
            for (place, &item) in items.iter().enumerate() {
                if items[..place].contains(&item) {
                    continue;
                }
                // An item may be read at several places.
                let mut read = vec![0.0; dim];
                for (row, _) in rows.clone().zip(items).filter(|(_, other)| **other == item) {
                    simd::add_scaled(&mut read, root, row);
                }
                let logit = simd::dot(&item_table[item as usize * dim..][..dim], x);
                let answer = libm::expf(logit - self.normalisers[k]);
                let slope = if item == self.labels[k] { answer - 1.0 } else { answer };
                read.iter_mut().zip(x).for_each(|(read, x)| *read *= 2.0 * slope * x + *read);
                sums.read.push((item, read));
            }
        }
        sums
    }
}

/// `sums` += gradient².
fn add_squares(sums: &mut [f32], gradient: &[f32]) {
    sums.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += gradient * gradient);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_near, case, doubles, floats, ids, rows};

    #[test]
    fn squares_agree_with_the_reference() {
        let case = case("ader.json", "ewc");
        let samples = rows(&case["inputs"]["per_sample_gradients"]);
        let mut sums = vec![0.0; 3];
        for sample in &samples {
            add_squares(&mut sums, &sample.iter().map(|v| *v as f32).collect::<Vec<_>>());
        }
        let means: Vec<f64> = sums.iter().map(|sum| f64::from(*sum) / samples.len() as f64).collect();
        assert_near(&means, &doubles(&case["expected"]["fisher"]), 1e-6, "fisher");
    }

    /// The vector gives representations and logits; items with these logits are found by least squares.
    #[test]
    fn rows_that_are_not_read_agree_with_the_reference() {
        let case = case("ader.json", "ewc_fisher_output_rows_closed_form");
        let (x, logits) = (rows(&case["inputs"]["rep"]), rows(&case["inputs"]["logits"]));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let [aa, ab, bb] = [dot(&x[0], &x[0]), dot(&x[0], &x[1]), dot(&x[1], &x[1])];
        let determinant = aa * bb - ab * ab;
        let item = |j: usize| {
            let [l, m] = [logits[0][j], logits[1][j]];
            let [s, t] = [(bb * l - ab * m) / determinant, (aa * m - ab * l) / determinant];
            (0..3).map(|k| (s * x[0][k] + t * x[1][k]) as f32).collect::<Vec<_>>()
        };
        let table: Vec<f32> = (0..4).flat_map(item).collect();
        let x: Vec<f32> = rows(&case["inputs"]["rep"])
            .iter()
            .flat_map(|row| row.iter().map(|v| *v as f32).chain([0.0; 13]))
            .collect();
        let labels: Vec<u32> = ids(&case["inputs"]["labels"]).iter().map(|id| id - 1).collect();
        let (mut x_gradient, mut fisher) = (vec![0.0; x.len()], vec![0.0; 12]);
        let onto = Onto { x: &mut x_gradient, table: &mut fisher };
        OutputSoftmax::default().squares(ItemTable { rows: &table, dim: 3 }, &x, &labels, onto);
        fisher.iter_mut().for_each(|sum| *sum /= 2.0);
        assert_near(&fisher, &floats(&case["expected"]["fisher_item_rows"]), 1e-6, "fisher");
    }
}
