//! Layer normalisation of rows, forward and back, by hand: candle's fused one has no gradient.
//!
//! Sums have the structure of [`simd`], so that bits depend on nothing but the row.

use pulp::NullaryFnOnce;

use crate::simd::{self, LANES};

/// y = scale · x̂ + shift with x̂ = (x − mean)/√(variance + ε), the variance being the biased one.
pub struct LayerNorm<'a> {
    /// γ, `[width]`
    pub scale: &'a [f32],
    /// β, `[width]`
    pub shift: &'a [f32],
    /// Beside the variance, under the root.
    pub epsilon: f32,
}

impl LayerNorm<'_> {
    /// Normalises rows of `x`, `out` and `normal` (x̂, kept for the way back), each `[rows, stride]`, of which the
    /// first `width` columns are used and the others left alone; `inverse: [rows]` gets 1/√(variance + ε).
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub fn forward(&self, x: &[f32], stride: usize, normal: &mut [f32], inverse: &mut [f32], out: &mut [f32]) {
        let width = self.scale.len();
        assert!(width > 0 && width <= stride && self.shift.len() == width, "rows of {width}, {stride} apart");
        assert!(x.len() == inverse.len() * stride && normal.len() == x.len() && out.len() == x.len(), "rows");
        simd::dispatch(Forward { norm: self, x, stride, normal, inverse, out });
    }

    /// From ∂loss/∂y to ∂loss/∂x, in place in `gradient: [rows, stride]`. What `scale` and `shift` gain is added
    /// to `scale_gradient` and `shift_gradient`, row after row.
    ///
    /// # Panics
    /// If the sizes do not fit.
    pub fn backward(
        &self,
        gradient: &mut [f32],
        stride: usize,
        normal: &[f32],
        inverse: &[f32],
        [scale_gradient, shift_gradient]: [&mut [f32]; 2],
    ) {
        let width = self.scale.len();
        assert!(scale_gradient.len() == width && shift_gradient.len() == width, "a sum for each column");
        assert!(gradient.len() == inverse.len() * stride && normal.len() == gradient.len(), "rows");
        simd::dispatch(Backward {
            scale: self.scale,
            gradient,
            stride,
            normal,
            inverse,
            scale_gradient,
            shift_gradient,
        });
    }
}

/// Σ term(j), by lanes: term j goes to lane j mod [`LANES`], and lanes are added by halves.
#[inline(always)]
fn sum(width: usize, term: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let whole = width - width % LANES;
    for first in (0..whole).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += term(first + lane);
        }
    }
    for (sum, j) in lanes.iter_mut().zip(whole..width) {
        *sum += term(j);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

struct Forward<'a> {
    norm: &'a LayerNorm<'a>,
    x: &'a [f32],
    stride: usize,
    normal: &'a mut [f32],
    inverse: &'a mut [f32],
    out: &'a mut [f32],
}

impl NullaryFnOnce for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let LayerNorm { scale, shift, epsilon } = *self.norm;
        let (width, stride) = (scale.len(), self.stride);
        let shift = &shift[..width];
        for (row, inverse) in self.inverse.iter_mut().enumerate() {
            let at = row * stride..row * stride + width;
            let (x, normal, out) = (&self.x[at.clone()], &mut self.normal[at.clone()], &mut self.out[at]);
            let mean = sum(width, |j| x[j]) / width as f32;
            let variance = sum(width, |j| (x[j] - mean) * (x[j] - mean)) / width as f32;
            *inverse = 1.0 / (variance + epsilon).sqrt();
            for j in 0..width {
                normal[j] = (x[j] - mean) * *inverse;
                out[j] = scale[j].mul_add(normal[j], shift[j]);
            }
        }
    }
}

struct Backward<'a> {
    scale: &'a [f32],
    gradient: &'a mut [f32],
    stride: usize,
    normal: &'a [f32],
    inverse: &'a [f32],
    scale_gradient: &'a mut [f32],
    shift_gradient: &'a mut [f32],
}

impl NullaryFnOnce for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (width, stride) = (self.scale.len(), self.stride);
        let scale = self.scale;
        let (scale_gradient, shift_gradient) = (&mut self.scale_gradient[..width], &mut self.shift_gradient[..width]);
        for (row, &inverse) in self.inverse.iter().enumerate() {
            let at = row * stride..row * stride + width;
            let (gradient, normal) = (&mut self.gradient[at.clone()], &self.normal[at]);
            for j in 0..width {
                scale_gradient[j] = gradient[j].mul_add(normal[j], scale_gradient[j]);
                shift_gradient[j] += gradient[j];
                gradient[j] *= scale[j];
            }
            let mean = sum(width, |j| gradient[j]) / width as f32;
            let along = sum(width, |j| gradient[j] * normal[j]) / width as f32;
            for j in 0..width {
                gradient[j] = inverse * (gradient[j] - mean - normal[j] * along);
            }
        }
    }
}

#[cfg(test)]
mod tests;
