//! A dense layer of attention models.

use harness::nn::{add_product, add_transposed_product, padded, transpose};

use super::pieces::rows::{add_rows, fill_rows};

/// A layer of d values to d, y = x·W + b, laid out for products.
pub struct Dense {
    /// W, `[d, padded d]`
    weights: Vec<f32>,
    /// Wᵀ, `[d, padded d]`, for the way back.
    transposed: Vec<f32>,
    /// `[padded d]`
    bias: Vec<f32>,
}

impl Dense {
    /// From W, `[d, d]` (input, output), and b.
    ///
    /// # Panics
    /// If W is no square of b's size.
    pub fn new(weights: &[f32], bias: &[f32]) -> Self {
        let (dim, stride) = (bias.len(), padded(bias.len()));
        assert_eq!(weights.len(), dim * dim, "a layer of {dim} values");
        let (mut packed, mut transposed, mut packed_bias) =
            (vec![0.0; dim * stride], vec![0.0; dim * stride], vec![0.0; stride]);
        for (out, row) in packed.chunks_exact_mut(stride).zip(weights.chunks_exact(dim)) {
            out[..dim].copy_from_slice(row);
        }
        transpose(&mut transposed, stride, weights, dim, dim);
        packed_bias[..dim].copy_from_slice(bias);
        Self { weights: packed, transposed, bias: packed_bias }
    }

    /// `out` = x·W + b, of rows `[padded d]`.
    pub fn forward(&self, x: &[f32], out: &mut Vec<f32>) {
        let stride = self.bias.len();
        out.resize(x.len(), 0.0);
        fill_rows(out, &self.bias);
        add_product(out, stride, x, stride, &self.weights);
    }

    /// `x_gradient` += y_gradient·Wᵀ, of rows `[padded d]`.
    pub fn backward(&self, y_gradient: &[f32], x_gradient: &mut [f32]) {
        let stride = self.bias.len();
        add_product(x_gradient, stride, y_gradient, stride, &self.transposed);
    }

    /// Adds what rows `x` and ∂L/∂y, both `[padded d]`, give W and b to `weights: [d, padded d]` and `bias: [padded d]`.
    pub fn add_gradients(&self, x: &[f32], y_gradient: &[f32], weights: &mut [f32], bias: &mut [f32]) {
        let stride = self.bias.len();
        add_transposed_product(weights, stride, x, stride, y_gradient);
        add_rows(bias, y_gradient);
    }
}
