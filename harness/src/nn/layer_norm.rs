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
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::simd::levels;

    const STRIDE: usize = 160;

    fn values(purpose: &str, n: usize) -> Vec<f32> {
        Stream::new(1, "layer-norm", purpose, n as u64).normals(n, 1.0)
    }

    /// Σ of `weights` · LayerNorm(x), of one row, in f64.
    fn loss(x: &[f64], scale: &[f64], shift: &[f64], weights: &[f32]) -> f64 {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let y = |j: usize| scale[j] * (x[j] - mean) / (variance + 1e-8).sqrt() + shift[j];
        weights.iter().enumerate().map(|(j, w)| f64::from(*w) * y(j)).sum()
    }

    #[test]
    fn values_and_gradients_are_those_of_differences_in_f64() {
        for width in [1, 4, 33, 150] {
            let (scale, shift, rows) = (values("scale", width), values("shift", width), 3);
            let (x, weights) = (values("x", rows * STRIDE), values("weights", rows * STRIDE));
            let norm = LayerNorm { scale: &scale, shift: &shift, epsilon: 1e-8 };
            let (mut normal, mut inverse, mut out) = (vec![7.0; x.len()], vec![0.0; rows], vec![7.0; x.len()]);
            norm.forward(&x, STRIDE, &mut normal, &mut inverse, &mut out);
            let mut gradient = weights.clone();
            let [mut of_scale, mut of_shift] = [vec![0.0; width], vec![0.0; width]];
            norm.backward(&mut gradient, STRIDE, &normal, &inverse, [&mut of_scale, &mut of_shift]);
            let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
            let of = |row: usize, values: &[f32]| values[row * STRIDE..][..width].to_vec();
            let total = |x: &[Vec<f64>], scale: &[f64], shift: &[f64]| -> f64 {
                (0..rows).map(|row| loss(&x[row], scale, shift, &of(row, &weights))).sum()
            };
            let (x, scale, shift) =
                ((0..rows).map(|row| wide(&of(row, &x))).collect::<Vec<_>>(), wide(&scale), wide(&shift));
            let got: f64 = (0..rows)
                .map(|row| {
                    wide(&of(row, &out)).iter().zip(of(row, &weights)).map(|(a, b)| a * f64::from(b)).sum::<f64>()
                })
                .sum();
            assert!((got - total(&x, &scale, &shift)).abs() < 1e-4, "{got}");
            let near = |got: f32, change: &dyn Fn(f64) -> f64| {
                let want = (change(1e-5) - change(-1e-5)) / 2e-5;
                assert!((f64::from(got) - want).abs() < 2e-5 * (1.0 + want.abs()), "{width}: {got} {want}");
            };
            for j in 0..width {
                near(of_scale[j], &|h| {
                    let mut scale = scale.clone();
                    scale[j] += h;
                    total(&x, &scale, &shift)
                });
                near(of_shift[j], &|h| {
                    let mut shift = shift.clone();
                    shift[j] += h;
                    total(&x, &scale, &shift)
                });
                // A single value is its own mean: its variance is 0, and a difference says nothing.
                for row in 0..if width == 1 { 0 } else { rows } {
                    near(gradient[row * STRIDE + j], &|h| {
                        let mut x = x.clone();
                        x[row][j] += h;
                        total(&x, &scale, &shift)
                    });
                }
            }
            let beyond = |values: &[f32]| values[width..STRIDE].to_vec();
            assert!(
                beyond(&out) == vec![7.0; STRIDE - width] && beyond(&gradient) == beyond(&weights),
                "padding stays"
            );
        }
    }

    #[test]
    fn every_level_has_the_same_bits() {
        let (scale, shift, x) = (values("scale", 150), values("shift", 150), values("x", 5 * STRIDE));
        let norm = LayerNorm { scale: &scale, shift: &shift, epsilon: 1e-8 };
        let mut first = None;
        for level in levels() {
            let [mut normal, mut out] = [vec![0.0; x.len()], vec![0.0; x.len()]];
            let mut inverse = vec![0.0; 5];
            let forward = Forward {
                norm: &norm,
                x: &x,
                stride: STRIDE,
                normal: &mut normal,
                inverse: &mut inverse,
                out: &mut out,
            };
            level.dispatch(forward);
            let (mut gradient, mut of_scale, mut of_shift) = (x.clone(), vec![0.0; 150], vec![0.0; 150]);
            level.dispatch(Backward {
                scale: &scale,
                gradient: &mut gradient,
                stride: STRIDE,
                normal: &normal,
                inverse: &inverse,
                scale_gradient: &mut of_scale,
                shift_gradient: &mut of_shift,
            });
            let all: Vec<u32> =
                [out, gradient, of_scale, of_shift].iter().flatten().map(|v: &f32| v.to_bits()).collect();
            assert_eq!(*first.get_or_insert_with(|| all.clone()), all);
        }
    }
}
