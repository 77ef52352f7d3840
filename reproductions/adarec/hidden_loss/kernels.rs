//! The kernels of the hidden loss. All are to be [dispatched](harness::simd::dispatch); sums have fixed lanes, so that no bit
//! depends on the vector width.

use harness::simd::{LANES, exp};
use pulp::NullaryFnOnce;

/// `log: [rows, width]` = the log-softmax of the first `width` columns of `x: [rows, stride]`.
pub struct LogSoftmax<'a> {
    pub x: &'a [f32],
    pub stride: usize,
    pub width: usize,
    pub log: &'a mut [f32],
}

/// `out` = e^x, for x ≤ 0.
pub struct ExpOf<'a> {
    pub x: &'a [f32],
    pub out: &'a mut [f32],
}

/// Σ p (log p − log q) and Σ q (log q − log p).
pub struct Divergences<'a> {
    pub p: &'a [f32],
    pub log_p: &'a [f32],
    pub q: &'a [f32],
    pub log_q: &'a [f32],
}

/// `sum` += f·(a − b).
pub struct AddDifference<'a> {
    pub sum: &'a mut [f32],
    pub f: f32,
    pub a: &'a [f32],
    pub b: &'a [f32],
}

/// The rows of `out: [rows, stride]` get scale · p∘(u − Σ p·u) for the rows of `p` and `slopes` u, `[rows, width]`, or just
/// scale · u where they are slopes of the logits already.
pub struct GradientRows<'a> {
    pub p: &'a [f32],
    pub slopes: &'a [f32],
    pub width: usize,
    pub scale: f32,
    pub of_softmax: bool,
    pub stride: usize,
    pub out: &'a mut [f32],
}

/// Σ term(j): term j goes to lane j mod [`LANES`], and lanes are added by halves.
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

/// The largest, or what is not a number if there is any.
#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value <= *lane { *lane } else { *value };
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = if *value <= *lane { *lane } else { *value };
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, |largest, value| if value <= largest { largest } else { value })
}

impl NullaryFnOnce for LogSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { x, stride, width, log } = self;
        for (x, log) in x.chunks_exact(stride).zip(log.chunks_exact_mut(width)) {
            let x = &x[..width];
            let largest = largest(x);
            for (log, x) in log.iter_mut().zip(x) {
                *log = exp(x - largest);
            }
            let sum = sum(width, |j| log[j]);
            let normaliser = largest + libm::log(f64::from(sum)) as f32;
            for (log, x) in log.iter_mut().zip(x) {
                *log = x - normaliser;
            }
        }
    }
}

impl NullaryFnOnce for ExpOf<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (out, x) in self.out.iter_mut().zip(self.x) {
            *out = exp(*x);
        }
    }
}

impl NullaryFnOnce for Divergences<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn call(self) -> [f64; 2] {
        let Self { p, log_p, q, log_q } = self;
        let mut sums = [[0.0f32; LANES]; 2];
        let chunks = [p, log_p, q, log_q].map(|values| values.as_chunks::<LANES>());
        let [p, log_p, q, log_q] = chunks.map(|(whole, _)| whole);
        for (((p, log_p), q), log_q) in p.iter().zip(log_p).zip(q).zip(log_q) {
            for lane in 0..LANES {
                let difference = log_p[lane] - log_q[lane];
                sums[0][lane] = p[lane].mul_add(difference, sums[0][lane]);
                sums[1][lane] = (-q[lane]).mul_add(difference, sums[1][lane]);
            }
        }
        let [p, log_p, q, log_q] = chunks.map(|(_, rest)| rest);
        for lane in 0..p.len() {
            let difference = log_p[lane] - log_q[lane];
            sums[0][lane] = p[lane].mul_add(difference, sums[0][lane]);
            sums[1][lane] = (-q[lane]).mul_add(difference, sums[1][lane]);
        }
        sums.map(|lanes| lanes.into_iter().map(f64::from).sum())
    }
}

impl NullaryFnOnce for AddDifference<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { sum, f, a, b } = self;
        for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
            *sum = f.mul_add(a - b, *sum);
        }
    }
}

impl NullaryFnOnce for GradientRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { p, slopes, width, scale, of_softmax, stride, out } = self;
        let rows = p.chunks_exact(width).zip(slopes.chunks_exact(width)).zip(out.chunks_exact_mut(stride));
        for ((p, slopes), out) in rows {
            if of_softmax {
                let mean = sum(width, |j| p[j] * slopes[j]);
                for ((out, p), slope) in out.iter_mut().zip(p).zip(slopes) {
                    *out = scale * (p * (slope - mean));
                }
            } else {
                out.iter_mut().zip(slopes).for_each(|(out, slope)| *out = scale * slope);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::bits;
    use harness::rng::Stream;
    use harness::simd::levels;

    #[test]
    fn every_level_has_the_same_bits() {
        for width in [1, 3, 16, 33, 64, 100] {
            let rows = 7;
            let stride = width + 3;
            let mut stream = Stream::new(0, "hidden-loss", "kernels", width as u64);
            let x = stream.normals(rows * stride, 2.0);
            let of_level = |level: pulp::Arch| {
                let [mut log, mut p, mut q] = [(); 3].map(|()| vec![0.0; rows * width]);
                level.dispatch(LogSoftmax { x: &x, stride, width, log: &mut log });
                level.dispatch(ExpOf { x: &log, out: &mut p });
                let log_q: Vec<f32> = log.iter().rev().copied().collect();
                level.dispatch(ExpOf { x: &log_q, out: &mut q });
                let sums = level.dispatch(Divergences { p: &p, log_p: &log, q: &q, log_q: &log_q });
                let mut slopes = vec![0.0; rows * width];
                level.dispatch(AddDifference { sum: &mut slopes, f: 0.3, a: &log, b: &log_q });
                let mut out = vec![0.0; rows * stride];
                let (scale, of_softmax) = (0.7, true);
                level.dispatch(GradientRows {
                    p: &p,
                    slopes: &slopes,
                    width,
                    scale,
                    of_softmax,
                    stride,
                    out: &mut out,
                });
                // Rows of the softmax sum to 1, and each log is that of its number.
                for (p, x) in p.chunks_exact(width).zip(x.chunks_exact(stride)) {
                    let powers: Vec<f64> = x[..width].iter().map(|x| f64::from(*x).exp()).collect();
                    let sum: f64 = powers.iter().sum();
                    assert!(p.iter().zip(&powers).all(|(p, power)| (f64::from(*p) - power / sum).abs() < 1e-6));
                }
                ([log, p, slopes, out].map(|values| bits(&values)), sums.map(f64::to_bits))
            };
            let all: Vec<_> = levels().into_iter().map(of_level).collect();
            assert!(all.iter().all(|one| *one == all[0]), "{width}");
        }
    }
}
