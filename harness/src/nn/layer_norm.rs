//! Layer normalisation of rows, forward and back, by hand: candle's fused one has no gradient.
//!
//! Sums have the structure of [`simd`], so that bits depend on nothing but the row.

use pulp::{Simd, WithSimd};

use crate::simd::{self, LANES, add_lanes};

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

/// Σ of the values of a row, by lanes: value j goes to lane j mod [`LANES`], and lanes are added by halves. With `SQUARED`, of
/// their squares; with factors, of the products.
#[inline(always)]
fn sum<S: Simd, const REGS: usize, const SQUARED: bool>(simd: S, values: &[f32], factors: Option<&[f32]>) -> f32 {
    let term = |value, factor| match (SQUARED, factor) {
        (true, _) => simd.mul_f32s(value, value),
        (false, Some(factor)) => simd.mul_f32s(value, factor),
        (false, None) => value,
    };
    let (body, tail) = S::as_simd_f32s(values);
    let factors = factors.map(|factors| S::as_simd_f32s(factors));
    let mut sums = [simd.splat_f32s(0.0); REGS];
    let whole = body.len() / REGS * REGS;
    for first in (0..whole).step_by(REGS) {
        for (reg, sum) in sums.iter_mut().enumerate() {
            let at = first + reg;
            *sum = simd.add_f32s(*sum, term(body[at], factors.map(|factors| factors.0[at])));
        }
    }
    // A fixed loop with tests inside: a running index would push the sums out of registers.
    for (reg, sum) in sums.iter_mut().enumerate() {
        let at = whole + reg;
        if at < body.len() {
            *sum = simd.add_f32s(*sum, term(body[at], factors.map(|factors| factors.0[at])));
        } else if at == body.len() && !tail.is_empty() {
            let factor = factors.map(|factors| simd.partial_load_f32s(factors.1));
            *sum = simd.add_f32s(*sum, term(simd.partial_load_f32s(tail), factor));
        }
    }
    let [sum] = add_lanes(simd, [sums]);
    sum
}

struct Forward<'a> {
    norm: &'a LayerNorm<'a>,
    x: &'a [f32],
    stride: usize,
    normal: &'a mut [f32],
    inverse: &'a mut [f32],
    out: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 2>(simd),
            8 => self.run::<S, 4>(simd),
            4 => self.run::<S, 8>(simd),
            _ => self.run::<S, LANES>(simd),
        }
    }
}

impl Forward<'_> {
    /// Rows whose sums are in `REGS` registers, [`LANES`] lanes together.
    #[inline(always)]
    fn run<S: Simd, const REGS: usize>(self, simd: S) {
        let LayerNorm { scale, shift, epsilon } = *self.norm;
        let (width, stride) = (scale.len(), self.stride);
        let shift = &shift[..width];
        for (row, inverse) in self.inverse.iter_mut().enumerate() {
            let at = row * stride..row * stride + width;
            let (x, normal, out) = (&self.x[at.clone()], &mut self.normal[at.clone()], &mut self.out[at]);
            let mean = sum::<S, REGS, false>(simd, x, None) / width as f32;
            for j in 0..width {
                normal[j] = x[j] - mean;
            }
            let variance = sum::<S, REGS, true>(simd, normal, None) / width as f32;
            *inverse = 1.0 / (variance + epsilon).sqrt();
            for j in 0..width {
                normal[j] *= *inverse;
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

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 2>(simd),
            8 => self.run::<S, 4>(simd),
            4 => self.run::<S, 8>(simd),
            _ => self.run::<S, LANES>(simd),
        }
    }
}

impl Backward<'_> {
    /// As [`Forward::run`].
    #[inline(always)]
    fn run<S: Simd, const REGS: usize>(self, simd: S) {
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
            let mean = sum::<S, REGS, false>(simd, gradient, None) / width as f32;
            let along = sum::<S, REGS, false>(simd, gradient, Some(normal)) / width as f32;
            for j in 0..width {
                gradient[j] = inverse * (gradient[j] - mean - normal[j] * along);
            }
        }
    }
}

#[cfg(test)]
mod tests;
