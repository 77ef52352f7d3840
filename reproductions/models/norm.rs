//! A layer norm of attention models with parameters of its own, and what it keeps of the way forward.

use harness::nn::LayerNorm;

/// Scale and shift of a norm, `[C]` each.
pub struct OwnedNorm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    /// Beside the variance, under the root.
    epsilon: f32,
}

impl OwnedNorm {
    /// From scale and shift, `[C]` each.
    ///
    /// # Panics
    /// If there are not two.
    pub fn new(values: &[&[f32]], epsilon: f32) -> Self {
        Self { scale: values[0].to_vec(), shift: values[1].to_vec(), epsilon }
    }

    fn as_layer(&self) -> LayerNorm<'_> {
        LayerNorm { scale: &self.scale, shift: &self.shift, epsilon: self.epsilon }
    }
}

/// Results of a norm: x̂ and 1/√(variance + ε) of each row, and the gradients of scale and shift.
#[derive(Default)]
pub struct NormTrace {
    normal: Vec<f32>,
    inverse: Vec<f32>,
    pub gradients: [Vec<f32>; 2],
}

impl NormTrace {
    /// Normalises rows of `x: [rows, stride]` to `out`; what lies beyond C stays zero.
    pub fn forward(&mut self, norm: &OwnedNorm, x: &[f32], stride: usize, out: &mut Vec<f32>) {
        self.normal.resize(x.len(), 0.0);
        out.resize(x.len(), 0.0);
        self.inverse.resize(x.len() / stride, 0.0);
        norm.as_layer().forward(x, stride, &mut self.normal, &mut self.inverse, out);
    }

    /// From ∂L/∂out to ∂L/∂x, in place, and to the gradients of scale and shift.
    pub fn backward(&mut self, norm: &OwnedNorm, stride: usize, gradient: &mut [f32]) {
        let layer = norm.as_layer();
        let [scale, shift] = &mut self.gradients;
        for of_parameter in [&mut *scale, &mut *shift] {
            of_parameter.clear();
            of_parameter.resize(layer.scale.len(), 0.0);
        }
        layer.backward(gradient, stride, &self.normal, &self.inverse, [scale, shift]);
    }
}
