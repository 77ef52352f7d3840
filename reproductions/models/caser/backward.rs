//! The pass back through the layers, for a block of windows on one thread.

use harness::nn::{add_product, add_transposed_product, padded};
use harness::simd;

use super::CaserSizes;
use super::layers::{CaserLayers, CaserPass};

/// Gradients of the layers, from some windows, in one piece so that blocks are added at once.
pub struct LayerGradients {
    sizes: CaserSizes,
    /// `hidden [d, padded features] · horizontal [nh, filters] · vertical [nv, L] · vertical bias [nv] ·
    /// horizontal bias [L, nh] · hidden bias [d]`
    values: Vec<f32>,
}

/// The parts of [`LayerGradients`], in their order.
struct Parts<T> {
    hidden: T,
    horizontal: T,
    vertical: T,
    vertical_bias: T,
    horizontal_bias: T,
    hidden_bias: T,
}

fn lengths(sizes: &CaserSizes) -> [usize; 6] {
    let CaserSizes { dim, length, vertical, horizontal, .. } = *sizes;
    [
        dim * padded(sizes.features()),
        horizontal * sizes.filters(),
        vertical * length,
        vertical,
        length * horizontal,
        dim,
    ]
}

impl LayerGradients {
    /// Zeros.
    pub fn new(sizes: CaserSizes) -> Self {
        Self { sizes, values: vec![0.0; lengths(&sizes).iter().sum()] }
    }

    /// Sets all gradients to 0.
    pub fn clear(&mut self) {
        self.values.fill(0.0);
    }

    /// The gradients of all layers, one after the other.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The gradients of all layers, one after the other.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    fn parts(&mut self) -> Parts<&mut [f32]> {
        let mut rest = &mut self.values[..];
        let [hidden, horizontal, vertical, vertical_bias, horizontal_bias, hidden_bias] =
            lengths(&self.sizes).map(|length| rest.split_off_mut(..length).expect("the parts are all there is"));
        Parts { hidden, horizontal, vertical, vertical_bias, horizontal_bias, hidden_bias }
    }

    /// Writes the gradients of the layers' parameters, in the parameters' order.
    pub fn write(&mut self, out: [&mut [f32]; 6]) {
        let features = self.sizes.features();
        let parts = self.parts();
        let [vertical, vertical_bias, horizontal, horizontal_bias, hidden, hidden_bias] = out;
        vertical.copy_from_slice(parts.vertical);
        vertical_bias.copy_from_slice(parts.vertical_bias);
        horizontal.copy_from_slice(parts.horizontal);
        horizontal_bias.copy_from_slice(parts.horizontal_bias);
        for (row, padded) in hidden.chunks_exact_mut(features).zip(parts.hidden.chunks_exact(padded(features))) {
            row.copy_from_slice(&padded[..features]);
        }
        hidden_bias.copy_from_slice(parts.hidden_bias);
    }
}

/// Buffers of the pass back.
#[derive(Default)]
pub struct BackwardBuffers {
    /// ∂loss/∂input of the hidden layer, `[windows, d]`.
    hidden: Vec<f32>,
    /// ∂loss/∂features, `[windows, padded features]`.
    features: Vec<f32>,
}

impl CaserLayers {
    /// From ∂loss/∂representation, `gradients: [windows, 2d]` of which the first half is the hidden layer's, to
    /// ∂loss/∂rows read, `rows: [windows, L · d]`, and the layers' gradients, which are added to `layers`.
    pub fn backward(
        &self,
        pass: &CaserPass,
        masks: &[f32],
        gradients: &[f32],
        rows: &mut [f32],
        layers: &mut LayerGradients,
        scratch: &mut BackwardBuffers,
    ) {
        let CaserSizes { dim, length, vertical, horizontal: nh, convolution, hidden, .. } = self.sizes;
        let (features, stride) = (self.sizes.features(), padded(self.sizes.features()));
        let n = rows.len() / (length * dim);
        let parts = layers.parts();
        scratch.hidden.clear();
        for (gradient, values) in gradients.chunks_exact(2 * dim).zip(pass.hidden.chunks_exact(padded(dim))) {
            let slopes = gradient[..dim].iter().zip(values).map(|(gradient, &value)| gradient * hidden.slope(value));
            scratch.hidden.extend(slopes);
        }
        for gradient in scratch.hidden.chunks_exact(dim) {
            parts.hidden_bias.iter_mut().zip(gradient).for_each(|(sum, value)| *sum += value);
        }
        add_transposed_product(parts.hidden, stride, &scratch.hidden, dim, &pass.features);
        scratch.features.clear();
        scratch.features.resize(n * stride, 0.0);
        add_product(&mut scratch.features, stride, &scratch.hidden, dim, &self.hidden_rows);
        rows.fill(0.0);
        let reads = pass.rows.chunks_exact(length * dim).zip(rows.chunks_exact_mut(length * dim));
        for (k, (read, row)) in reads.enumerate() {
            let gradient = &mut scratch.features[k * stride..][..features];
            gradient.iter_mut().zip(&masks[k * features..]).for_each(|(value, mask)| *value *= mask);
            let (of_vertical, of_horizontal) = gradient.split_at(vertical * dim);
            for (f, gradient) in of_vertical.chunks_exact(dim).enumerate() {
                parts.vertical_bias[f] += gradient.iter().sum::<f32>();
                let filter = f * length..(f + 1) * length;
                for (l, sum) in parts.vertical[filter.clone()].iter_mut().enumerate() {
                    *sum += simd::dot(gradient, &read[l * dim..][..dim]);
                }
                for (&weight, row) in self.vertical[filter].iter().zip(row.chunks_exact_mut(dim)) {
                    simd::add_scaled(row, weight, gradient);
                }
            }
            let masks = &masks[k * features + vertical * dim..][..length * nh];
            let values = &pass.features[k * stride + vertical * dim..][..length * nh];
            let places = &pass.places[k * length * nh..][..length * nh];
            for height in 1..=length {
                let reads = height * dim;
                for f in 0..nh {
                    let at = (height - 1) * nh + f;
                    // Dropped, or of no influence.
                    if of_horizontal[at] == 0.0 {
                        continue;
                    }
                    let gradient = of_horizontal[at] * convolution.slope(values[at] / masks[at]);
                    parts.horizontal_bias[at] += gradient;
                    let place = places[at] as usize * dim;
                    let filter = f * self.sizes.filters() + self.sizes.filter(height);
                    simd::add_scaled(&mut parts.horizontal[filter..][..reads], gradient, &read[place..][..reads]);
                    simd::add_scaled(&mut row[place..][..reads], gradient, &self.horizontal[filter..][..reads]);
                }
            }
        }
    }
}
