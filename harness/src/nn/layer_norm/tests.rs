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
            .map(|row| wide(&of(row, &out)).iter().zip(of(row, &weights)).map(|(a, b)| a * f64::from(b)).sum::<f64>())
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
        assert!(beyond(&out) == vec![7.0; STRIDE - width] && beyond(&gradient) == beyond(&weights), "padding stays");
    }
}

/// Σ of terms by the letter: lane j mod 32, then by halves.
fn by_lanes(terms: impl Iterator<Item = f32>) -> f32 {
    let mut lanes = [0.0f32; LANES];
    terms.enumerate().for_each(|(j, term)| lanes[j % LANES] += term);
    for half in [16, 8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

#[test]
fn rows_have_the_stated_bits() {
    for width in [1, 15, 16, 21, 32, 33, 64, 100, 150] {
        let (scale, shift, x) = (values("scale", width), values("shift", width), values("x", width));
        let norm = LayerNorm { scale: &scale, shift: &shift, epsilon: 1e-8 };
        let (mut normal, mut inverse, mut out) = (vec![0.0; width], vec![0.0], vec![0.0; width]);
        norm.forward(&x, width, &mut normal, &mut inverse, &mut out);
        let n = width as f32;
        let mean = by_lanes(x.iter().copied()) / n;
        let variance = by_lanes(x.iter().map(|x| (x - mean) * (x - mean))) / n;
        let stated = 1.0 / (variance + 1e-8).sqrt();
        assert_eq!(inverse[0].to_bits(), stated.to_bits(), "{width}");
        let mut gradient = values("gradient", width);
        let slopes: Vec<f32> = gradient.iter().zip(&scale).map(|(g, scale)| g * scale).collect();
        let [mean_slope, along] = [
            by_lanes(slopes.iter().copied()) / n,
            by_lanes(slopes.iter().zip(&normal).map(|(slope, normal)| slope * normal)) / n,
        ];
        norm.backward(&mut gradient, width, &normal, &inverse, [&mut vec![0.0; width], &mut vec![0.0; width]]);
        for j in 0..width {
            let x = (x[j] - mean) * stated;
            assert_eq!(normal[j].to_bits(), x.to_bits(), "{width}");
            assert_eq!(out[j].to_bits(), scale[j].mul_add(x, shift[j]).to_bits(), "{width}");
            let slope = stated * (slopes[j] - mean_slope - x * along);
            assert_eq!(gradient[j].to_bits(), slope.to_bits(), "{width}");
        }
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
        let forward =
            Forward { norm: &norm, x: &x, stride: STRIDE, normal: &mut normal, inverse: &mut inverse, out: &mut out };
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
        let all: Vec<u32> = [out, gradient, of_scale, of_shift].iter().flatten().map(|v: &f32| v.to_bits()).collect();
        assert_eq!(*first.get_or_insert_with(|| all.clone()), all);
    }
}
