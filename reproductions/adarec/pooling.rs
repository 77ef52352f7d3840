//! The pools of three neighbouring positions, and their ways back. Rows are sequences of `length` positions, one after the
//! other, of `width` channels.

use pulp::NullaryFnOnce;

/// One of the two pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Beyond the ends stands −∞.
    Max,
    /// Beyond the ends stands 0, which counts.
    Average,
}

/// 1/3, by which an average is multiplied.
const THIRD: f32 = 1.0 / 3.0;

/// `out` = the pool of `x`, or plus it. To be [dispatched](harness::simd::dispatch).
pub struct PoolForward<'a> {
    pub pool: Pool,
    pub x: &'a [f32],
    pub length: usize,
    pub width: usize,
    pub add: bool,
    pub out: &'a mut [f32],
}

/// `x_gradient` += the gradient of `x`, given that of the pool. A maximum's goes to the first of equal ones, as in PyTorch.
/// To be dispatched.
pub struct PoolBackward<'a> {
    pub pool: Pool,
    pub x: &'a [f32],
    pub length: usize,
    pub width: usize,
    pub gradient: &'a [f32],
    pub x_gradient: &'a mut [f32],
}

/// The rows before and after row t, or a row of `beyond`.
#[inline(always)]
fn neighbours<'a>(x: &'a [f32], width: usize, t: usize, beyond: &'a [f32]) -> [&'a [f32]; 3] {
    let row = |t: usize| x.get(t * width..(t + 1) * width);
    let before = t.checked_sub(1).and_then(row).unwrap_or(beyond);
    [before, row(t).unwrap_or(beyond), row(t + 1).unwrap_or(beyond)]
}

impl NullaryFnOnce for PoolForward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { pool, x, length, width, add, out } = self;
        let beyond = vec![if pool == Pool::Max { f32::NEG_INFINITY } else { 0.0 }; width];
        for (x, out) in x.chunks_exact(length * width).zip(out.chunks_exact_mut(length * width)) {
            for (t, out) in out.chunks_exact_mut(width).enumerate() {
                let [a, b, c] = neighbours(x, width, t, &beyond).map(|row| &row[..width]);
                for j in 0..width {
                    let value = match pool {
                        Pool::Max => {
                            let two = if b[j] <= a[j] { a[j] } else { b[j] };
                            if c[j] <= two { two } else { c[j] }
                        }
                        Pool::Average => (a[j] + b[j] + c[j]) * THIRD,
                    };
                    out[j] = if add { out[j] + value } else { value };
                }
            }
        }
    }
}

impl NullaryFnOnce for PoolBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { pool, x, length, width, gradient, x_gradient } = self;
        let sequence = length * width;
        let all =
            x.chunks_exact(sequence).zip(gradient.chunks_exact(sequence)).zip(x_gradient.chunks_exact_mut(sequence));
        let beyond = vec![if pool == Pool::Max { f32::NEG_INFINITY } else { 0.0 }; width];
        for ((x, gradient), x_gradient) in all {
            for (t, g) in gradient.chunks_exact(width).enumerate() {
                if pool == Pool::Average {
                    // A sum over the same neighbours, those that read this position.
                    let [a, b, c] = neighbours(gradient, width, t, &beyond).map(|row| &row[..width]);
                    let out = &mut x_gradient[t * width..][..width];
                    for j in 0..width {
                        out[j] += (a[j] + b[j] + c[j]) * THIRD;
                    }
                    continue;
                }
                let [a, b, c] = neighbours(x, width, t, &beyond).map(|row| &row[..width]);
                for j in 0..width {
                    let at = if a[j] >= b[j] && a[j] >= c[j] {
                        t.wrapping_sub(1)
                    } else if b[j] >= c[j] {
                        t
                    } else {
                        t + 1
                    };
                    // A number that is none can be the largest at neither end.
                    if let Some(slot) = x_gradient.get_mut(at.wrapping_mul(width).wrapping_add(j)) {
                        *slot += g[j];
                    }
                }
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

    fn forward(pool: Pool, x: &[f32], length: usize) -> Vec<f32> {
        let mut out = vec![f32::NAN; x.len()];
        harness::simd::dispatch(PoolForward { pool, x, length, width: 1, add: false, out: &mut out });
        out
    }

    fn backward(pool: Pool, x: &[f32], length: usize, gradient: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        harness::simd::dispatch(PoolBackward { pool, x, length, width: 1, gradient, x_gradient: &mut out });
        out
    }

    #[test]
    fn pools_by_hand() {
        let x = [1.0, 4.0, 4.0, 2.0, 9.0, 3.0, 0.0, 0.0];
        assert_eq!(forward(Pool::Max, &x, 4), [4.0, 4.0, 4.0, 4.0, 9.0, 9.0, 3.0, 0.0]);
        let average: Vec<f32> = forward(Pool::Average, &x, 4).iter().map(|v| v * 3.0).collect();
        crate::golden::assert_near(&average, &[5.0, 9.0, 10.0, 6.0, 12.0, 12.0, 3.0, 0.0], 1e-6, "averages");
        let g = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
        // Of equal ones the first.
        assert_eq!(backward(Pool::Max, &x, 4, &g), [0.0, 7.0, 8.0, 0.0, 48.0, 64.0, 128.0, 0.0]);
        let average: Vec<f32> = backward(Pool::Average, &x, 4, &g).iter().map(|v| v * 3.0).collect();
        crate::golden::assert_near(&average, &[3.0, 7.0, 14.0, 12.0, 48.0, 112.0, 224.0, 192.0], 1e-4, "slopes");
    }

    #[test]
    fn every_level_has_the_same_bits() {
        let mut stream = Stream::new(0, "pooling", "test", 0);
        let (length, width) = (7, 16);
        let [x, g] = [(); 2].map(|()| stream.normals(3 * length * width, 1.0));
        for pool in [Pool::Max, Pool::Average] {
            let of_level = |level: pulp::Arch| {
                let [mut out, mut x_gradient] = [(); 2].map(|()| vec![0.5; x.len()]);
                level.dispatch(PoolForward { pool, x: &x, length, width, add: true, out: &mut out });
                let x_gradient_of = &mut x_gradient;
                level.dispatch(PoolBackward { pool, x: &x, length, width, gradient: &g, x_gradient: x_gradient_of });
                [bits(&out), bits(&x_gradient)]
            };
            let all: Vec<_> = levels().into_iter().map(of_level).collect();
            assert!(all.iter().all(|one| *one == all[0]));
        }
    }
}
