//! A dense layer of attention models.

use harness::nn::{add_product, add_transposed_product, padded, transpose};

use super::pieces::rows::{add_rows, fill_rows};

/// A layer of n values to m, y = x·W + b, laid out for products.
pub struct Dense {
    /// W, `[n, padded m]`
    weights: Vec<f32>,
    /// Wᵀ, `[m, padded n]`, for the way back.
    transposed: Vec<f32>,
    /// `[padded m]`
    bias: Vec<f32>,
}

impl Dense {
    /// From W, `[n, m]` (input, output), and b.
    ///
    /// # Panics
    /// If W has no whole rows of b's size.
    pub fn new(weights: &[f32], bias: &[f32]) -> Self {
        let (outputs, stride) = (bias.len(), padded(bias.len()));
        assert!(weights.len().is_multiple_of(outputs), "a layer to {outputs} values");
        let inputs = weights.len() / outputs;
        let (mut packed, mut transposed, mut packed_bias) =
            (vec![0.0; inputs * stride], vec![0.0; outputs * padded(inputs)], vec![0.0; stride]);
        for (out, row) in packed.chunks_exact_mut(stride).zip(weights.chunks_exact(outputs)) {
            out[..outputs].copy_from_slice(row);
        }
        transpose(&mut transposed, padded(inputs), weights, outputs, outputs);
        packed_bias[..outputs].copy_from_slice(bias);
        Self { weights: packed, transposed, bias: packed_bias }
    }

    /// From one row of inputs to the next: `padded n`.
    fn input_stride(&self) -> usize {
        padded(self.weights.len() / self.bias.len())
    }

    /// `out: [rows, padded m]` = x·W + b, of rows `[padded n]`.
    pub fn forward(&self, x: &[f32], out: &mut Vec<f32>) {
        let (from, to) = (self.input_stride(), self.bias.len());
        out.resize(x.len() / from * to, 0.0);
        fill_rows(out, &self.bias);
        add_product(out, to, x, from, &self.weights);
    }

    /// `x_gradient: [rows, padded n]` += y_gradient·Wᵀ, of rows `[padded m]`.
    pub fn backward(&self, y_gradient: &[f32], x_gradient: &mut [f32]) {
        add_product(x_gradient, self.input_stride(), y_gradient, self.bias.len(), &self.transposed);
    }

    /// Writes what rows `x: [padded n]` and ∂L/∂y, `[padded m]`, give W and b to `weights: [n, padded m]` and
    /// `bias: [padded m]`.
    pub fn gradients(&self, x: &[f32], y_gradient: &[f32], weights: &mut Vec<f32>, bias: &mut Vec<f32>) {
        for (gradient, size) in [(&mut *weights, self.weights.len()), (&mut *bias, self.bias.len())] {
            gradient.clear();
            gradient.resize(size, 0.0);
        }
        add_transposed_product(weights, self.bias.len(), x, self.input_stride(), y_gradient);
        add_rows(bias, y_gradient);
    }
}
