//! The output layer and its losses: x → logits over all classes → cross entropy, with a divergence from a teacher, in one
//! pass (specification of AdaRec, sections 2 and 5).
//!
//! ```text
//! strips of 64 rows, in parallel:  logits of the student (and the teacher) → e^logit, tile by tile of 48 classes
//!                                  → gradient of the logits, in place → ∂L/∂x
//! tiles of 48 classes, in parallel:  ∂L/∂W, ∂L/∂b, strip after strip
//! ```
//!
//! Everything lies transposed, classes by rows of the batch: then the softmax has no sum across a register. A teacher's
//! logits are made from its representations and its own output layer, strip by strip, and never stored. Sums are made in a
//! fixed order, so that nothing depends on threads.

mod kernels;
mod parts;
mod strip;

use harness::nn::{add_product, padded};
use rayon::prelude::*;

use self::kernels::{LANES, STRIP, TILE, add_to_lanes};
use self::parts::OutputTask;
pub use self::parts::{Distillation, KlDirection, KlMean, OutputGradients, OutputLosses};
use self::strip::{Ends, Strip};
use super::{OutputLayer, PADDING};

/// Gradients of logits that are kept at once: 32 MiB, or one strip if that is more.
const KEPT: usize = 8 << 20;

/// The buffers of the losses of an output layer; they keep their size from step to step.
#[derive(Default)]
pub struct OutputLoss {
    /// Rows that have a part in the loss, ascending.
    rows: Vec<u32>,
    /// By row of the batch.
    cross_entropies: Vec<f32>,
    /// The strips of a part of the rows.
    strips: Vec<Strip>,
    /// By strip `[classes, 64]`: exponentials of logits, then the gradients of the logits.
    gradients: Vec<f32>,
}

impl OutputLoss {
    /// The losses of rows `x: [T, width]` with labels `[T]` (0: none), and the gradients of `weight` · cross entropy +
    /// the teacher's weight · divergence. Rows without a label have a part in the divergence alone, and are left out (with a
    /// gradient of zero) where there is no teacher, which is exact.
    ///
    /// # Panics
    /// If sizes do not fit, a label is no class, or the teacher has other classes.
    pub fn loss(
        &mut self,
        layer: OutputLayer<'_>,
        x: &[f32],
        labels: &[u32],
        weight: f64,
        distillation: Option<&Distillation<'_>>,
        onto: OutputGradients<'_>,
    ) -> OutputLosses {
        let (width, classes) = (layer.width, layer.classes());
        assert!(layer.weights.len() == classes * width && x.len() == labels.len() * width, "rows of {width}");
        assert!(labels.iter().all(|&label| (label as usize) < classes), "labels among {classes} classes");
        assert!(onto.x.len() == x.len() && onto.weights.len() == layer.weights.len(), "gradients");
        assert_eq!(onto.bias.len(), classes, "gradients");
        if let Some(Distillation { layer: teacher, representations, .. }) = distillation {
            assert_eq!(teacher.classes(), classes, "the teacher's classes");
            assert_eq!(representations.len(), labels.len() * teacher.width, "a representation for each row");
        }
        let labelled = labels.iter().filter(|&&label| label != PADDING).count();
        let task = OutputTask { layer, x, labels, scale: (weight / labelled.max(1) as f64) as f32, distillation };
        self.rows.clear();
        let counts = |row: &u32| distillation.is_some() || labels[*row as usize] != PADDING;
        self.rows.extend((0..labels.len() as u32).filter(counts));
        self.cross_entropies.clear();
        self.cross_entropies.resize(labels.len(), 0.0);
        onto.x.fill(0.0);
        onto.weights.fill(0.0);
        onto.bias.fill(0.0);
        let (mut cross_entropy, mut divergence) = (0.0, 0.0);
        let size = classes * STRIP;
        let at_once = (KEPT / size).max(1);
        let rows = std::mem::take(&mut self.rows);
        for rows in rows.chunks(at_once * STRIP) {
            let strips = rows.len().div_ceil(STRIP);
            self.strips.resize_with(strips.max(self.strips.len()), Strip::default);
            self.gradients.resize(self.gradients.len().max(strips * size), 0.0);
            let strips = self.strips[..strips].par_iter_mut().zip(self.gradients.par_chunks_mut(size));
            strips.zip(rows.par_chunks(STRIP)).for_each_init(Vec::new, |teacher, ((strip, gradients), rows)| {
                strip.run(&task, rows, gradients, teacher);
            });
            let strips = &self.strips[..rows.len().div_ceil(STRIP)];
            for (strip, rows) in strips.iter().zip(rows.chunks(STRIP)) {
                let stride = padded(width);
                for ((&row, gradient), &Ends { cross_entropy: ce, divergence: kl }) in
                    rows.iter().zip(strip.x_gradient.chunks_exact(stride)).zip(&strip.ends)
                {
                    onto.x[row as usize * width..][..width].copy_from_slice(&gradient[..width]);
                    self.cross_entropies[row as usize] = ce as f32;
                    cross_entropy += ce;
                    divergence += kl;
                }
            }
            add_layer_gradients(strips, &self.gradients, width, &mut *onto.weights, &mut *onto.bias);
        }
        self.rows = rows;
        OutputLosses { cross_entropy: cross_entropy / labelled.max(1) as f64, divergence }
    }

    /// The cross entropy of each row of the last batch, `[T]`; 0 where a row has no label.
    pub fn cross_entropies(&self) -> &[f32] {
        &self.cross_entropies
    }
}

/// Adds what the strips' gradients of logits make of the layer's own, tile by tile of classes, strip after strip.
fn add_layer_gradients(strips: &[Strip], gradients: &[f32], width: usize, weights: &mut [f32], bias: &mut [f32]) {
    let (classes, stride) = (bias.len(), padded(width));
    let tiles = weights.par_chunks_mut(TILE * width).zip(bias.par_chunks_mut(TILE)).enumerate();
    tiles.for_each_init(Vec::new, |sums, (tile, (weights, bias))| {
        sums.clear();
        sums.resize(bias.len() * (stride + LANES), 0.0);
        let (of_weights, of_bias) = sums.split_at_mut(bias.len() * stride);
        for (strip, gradients) in strips.iter().zip(gradients.chunks_exact(classes * STRIP)) {
            let gradients = &gradients[tile * TILE * STRIP..][..bias.len() * STRIP];
            add_product(of_weights, stride, gradients, STRIP, &strip.x);
            add_to_lanes(of_bias, gradients);
        }
        for (weights, sums) in weights.chunks_exact_mut(width).zip(of_weights.chunks_exact(stride)) {
            weights.iter_mut().zip(sums).for_each(|(weight, sum)| *weight += sum);
        }
        for (bias, lanes) in bias.iter_mut().zip(of_bias.chunks_exact(LANES)) {
            *bias += lanes.iter().sum::<f32>();
        }
    });
}

#[cfg(test)]
mod tests;
