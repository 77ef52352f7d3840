//! Batch normalisation over the positions of a batch, those of padding included, channel by channel.
//!
//! A convolution's bias moves the mean alone and cancels in training: y stands for the convolution without it here, and only
//! the running mean sees it. Its gradient is 0 exactly, where PyTorch's is what rounding leaves.

use harness::error::Result;
use harness::nn::Trainable;
use harness::weights::{Parameter, State};
use pulp::{NullaryFnOnce, Simd, WithSimd};

/// Beside the variance, under the root (PyTorch's default).
pub const EPSILON: f64 = 1e-5;

/// Weight of a batch in the running statistics (PyTorch's default).
const MOMENTUM: f64 = 0.1;

/// Chains of a sum over rows: row r goes to chain r mod 4, and the chains are added by halves.
const CHAINS: usize = 4;

/// A running mean or variance: part of the weights, and not trained.
pub struct RunningStatistic {
    name: String,
    shape: Vec<usize>,
    pub values: Vec<f32>,
}

impl RunningStatistic {
    pub fn new(Parameter { name, shape, values }: Parameter) -> Self {
        Self { name, shape, values }
    }
}

impl Trainable for RunningStatistic {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn parameter(&self) -> Result<Parameter> {
        Ok(Parameter { name: self.name.clone(), shape: self.shape.clone(), values: self.values.clone() })
    }

    fn set_weights(&mut self, values: Vec<f32>) -> Result<()> {
        assert_eq!(values.len(), self.values.len(), "statistic `{}`", self.name);
        self.values = values;
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        state.put(&self.name, &self.values[..]);
        Ok(())
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.values = state.take(&self.name, self.values.len())?;
        Ok(())
    }
}

/// Mean, and sum of squared deviations from it, of each column of `y: [rows, mean.len()]`. To be
/// [dispatched](harness::simd::dispatch).
pub struct Moments<'a> {
    pub y: &'a [f32],
    /// A multiple of 16.
    pub mean: &'a mut [f32],
    pub deviations: &'a mut [f32],
}

impl WithSimd for Moments<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { y, mean, deviations } = self;
        let rows = simd.splat_f32s((y.len() / mean.len()) as f32);
        let (y, mean, deviations) =
            (S::as_simd_f32s(y).0, S::as_mut_simd_f32s(mean).0, S::as_mut_simd_f32s(deviations).0);
        let columns = mean.len();
        for (column, (mean, deviations)) in mean.iter_mut().zip(deviations).enumerate() {
            let center = simd.div_f32s(sum_rows(simd, y, columns, column, |row, sum| simd.add_f32s(row, sum)), rows);
            *mean = center;
            *deviations = sum_rows(simd, y, columns, column, |row, sum| {
                let deviation = simd.sub_f32s(row, center);
                simd.add_f32s(sum, simd.mul_f32s(deviation, deviation))
            });
        }
    }
}

/// The sum over rows of one register's columns of `y: [rows, columns]`, counted in registers; `add` puts a row to a chain.
#[inline(always)]
fn sum_rows<S: Simd>(
    simd: S,
    y: &[S::f32s],
    columns: usize,
    column: usize,
    add: impl Fn(S::f32s, S::f32s) -> S::f32s,
) -> S::f32s {
    let mut chains = [simd.splat_f32s(0.0); CHAINS];
    let mut groups = y.chunks_exact(CHAINS * columns);
    for group in &mut groups {
        for (number, chain) in chains.iter_mut().enumerate() {
            *chain = add(group[number * columns + column], *chain);
        }
    }
    for (row, chain) in groups.remainder().chunks_exact(columns).zip(&mut chains) {
        *chain = add(row[column], *chain);
    }
    let [a, b, c, d] = chains;
    simd.add_f32s(simd.add_f32s(a, c), simd.add_f32s(b, d))
}

/// The moments of some rows, of all channels of a convolution.
#[derive(Clone, Copy)]
pub struct BlockMoments<'a> {
    pub rows: usize,
    pub mean: &'a [f32],
    pub deviations: &'a [f32],
}

/// Statistics of a batch: mean and 1/√(variance + ε) with the biased variance, by channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchStatistics {
    pub mean: Vec<f32>,
    pub inverse: Vec<f32>,
}

impl BatchStatistics {
    /// Puts the moments of blocks together in their order, in f64 (Chan, Golub and LeVeque, 1979), and moves the running
    /// statistics: the mean plus `bias`, and the unbiased variance. Channels beyond those of the running statistics pad rows.
    pub fn combine<'a>(
        &mut self,
        blocks: impl Iterator<Item = BlockMoments<'a>>,
        bias: &[f32],
        [running_mean, running_variance]: [&mut [f32]; 2],
    ) {
        let mut rows = 0.0f64;
        // Mean and squared deviations so far.
        let mut sums: Vec<[f64; 2]> = Vec::new();
        for block in blocks {
            let more = block.rows as f64;
            let all = rows + more;
            let (of_mean, of_deviations) = (more / all, rows * more / all);
            sums.resize(block.mean.len(), [0.0; 2]);
            for ((sum, mean), deviations) in sums.iter_mut().zip(block.mean).zip(block.deviations) {
                let off = f64::from(*mean) - sum[0];
                sum[0] += off * of_mean;
                sum[1] += f64::from(*deviations) + off * off * of_deviations;
            }
            rows = all;
        }
        self.mean.clear();
        self.mean.extend(sums.iter().map(|sum| sum[0] as f32));
        self.inverse.clear();
        self.inverse.extend(sums.iter().map(|sum| (1.0 / (sum[1] / rows + EPSILON).sqrt()) as f32));
        let moved = |running: f32, value: f64| ((1.0 - MOMENTUM) * f64::from(running) + MOMENTUM * value) as f32;
        for (((mean, variance), bias), sum) in running_mean.iter_mut().zip(running_variance).zip(bias).zip(&sums) {
            *mean = moved(*mean, sum[0] + f64::from(*bias));
            // One row has no unbiased variance; PyTorch refuses it, and no batch is one position.
            *variance = moved(*variance, sum[1] / (rows - 1.0).max(1.0));
        }
    }
}

/// ŷ in place of y: (y − mean)·inverse, and `sum` += scale·ŷ + shift, for rows of the channels. To be dispatched.
pub struct Normalise<'a> {
    pub y: &'a mut [f32],
    pub mean: &'a [f32],
    pub inverse: &'a [f32],
    pub scale: &'a [f32],
    pub shift: &'a [f32],
    pub sum: &'a mut [f32],
}

impl NullaryFnOnce for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { y, mean, inverse, scale, shift, sum } = self;
        let channels = mean.len();
        let (inverse, scale, shift) = (&inverse[..channels], &scale[..channels], &shift[..channels]);
        for (y, sum) in y.chunks_exact_mut(channels).zip(sum.chunks_exact_mut(channels)) {
            for j in 0..channels {
                y[j] = (y[j] - mean[j]) * inverse[j];
                sum[j] += scale[j].mul_add(y[j], shift[j]);
            }
        }
    }
}

/// The sums of the columns of `values: [rows, sums.len()]`. To be dispatched.
pub struct ColumnSums<'a> {
    pub values: &'a [f32],
    /// A multiple of 16.
    pub sums: &'a mut [f32],
}

impl WithSimd for ColumnSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (values, sums) = (S::as_simd_f32s(self.values).0, S::as_mut_simd_f32s(self.sums).0);
        let columns = sums.len();
        for (column, out) in sums.iter_mut().enumerate() {
            *out = sum_rows(simd, values, columns, column, |row, sum| simd.add_f32s(row, sum));
        }
    }
}

/// The sums of the columns of a∘b, both `[rows, sums.len()]`. To be dispatched.
pub struct ProductSums<'a> {
    pub a: &'a [f32],
    pub b: &'a [f32],
    /// A multiple of 16.
    pub sums: &'a mut [f32],
}

impl WithSimd for ProductSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (a, b) = (S::as_simd_f32s(self.a).0, S::as_simd_f32s(self.b).0);
        let sums = S::as_mut_simd_f32s(self.sums).0;
        let columns = sums.len();
        for (column, out) in sums.iter_mut().enumerate() {
            let mut chains = [simd.splat_f32s(0.0); 2];
            let mut groups = a.chunks_exact(2 * columns).zip(b.chunks_exact(2 * columns));
            for (a, b) in &mut groups {
                for (number, chain) in chains.iter_mut().enumerate() {
                    let at = number * columns + column;
                    *chain = simd.mul_add_f32s(a[at], b[at], *chain);
                }
            }
            if (a.len() / columns) % 2 == 1 {
                let at = a.len() - columns + column;
                chains[0] = simd.mul_add_f32s(a[at], b[at], chains[0]);
            }
            *out = simd.add_f32s(chains[0], chains[1]);
        }
    }
}

/// ∂L/∂y from g = ∂L/∂(scale·ŷ + shift): scale·inverse·(g − mean of g − ŷ·mean of g·ŷ), the means being over the whole
/// batch. To be dispatched.
pub struct Back<'a> {
    pub gradient: &'a [f32],
    pub normal: &'a [f32],
    /// scale·inverse, by channel.
    pub factor: &'a [f32],
    pub mean: &'a [f32],
    pub mean_along: &'a [f32],
    pub out: &'a mut [f32],
}

impl NullaryFnOnce for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { gradient, normal, factor, mean, mean_along, out } = self;
        let channels = factor.len();
        let (mean, mean_along) = (&mean[..channels], &mean_along[..channels]);
        let rows =
            gradient.chunks_exact(channels).zip(normal.chunks_exact(channels)).zip(out.chunks_exact_mut(channels));
        for ((g, y), out) in rows {
            for j in 0..channels {
                out[j] = factor[j] * ((-y[j]).mul_add(mean_along[j], g[j] - mean[j]));
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
    fn statistics_of_blocks_are_those_of_all_rows() {
        let (rows, channels) = (59, 32);
        let mut stream = Stream::new(0, "batch-norm", "test", 0);
        // Far from 0, as maxima with 0 are: a sum of squares would lose digits.
        let y: Vec<f32> = stream.normals(rows * channels, 0.5).iter().map(|v| v + 20.0).collect();
        let mut first = None;
        for level in levels() {
            let mut parts = Vec::new();
            for block in y.chunks(13 * channels) {
                let [mut mean, mut deviations] = [(); 2].map(|()| vec![0.0; channels]);
                level.dispatch(Moments { y: block, mean: &mut mean, deviations: &mut deviations });
                parts.push((block.len() / channels, mean, deviations));
            }
            let moments = parts.iter().map(|(rows, mean, deviations)| BlockMoments { rows: *rows, mean, deviations });
            let mut statistics = BatchStatistics::default();
            let (mut running_mean, mut running_variance) = (vec![1.0; 30], vec![2.0; 30]);
            statistics.combine(moments, &[0.25; 30], [&mut running_mean, &mut running_variance]);
            for channel in 0..channels {
                let of: Vec<f64> = y[channel..].iter().step_by(channels).map(|v| f64::from(*v)).collect();
                let mean = of.iter().sum::<f64>() / rows as f64;
                let variance = of.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / rows as f64;
                assert!((f64::from(statistics.mean[channel]) - mean).abs() < 4e-6);
                assert!((f64::from(statistics.inverse[channel]) * (variance + 1e-5).sqrt() - 1.0).abs() < 1e-6);
                if channel < 30 {
                    assert!((f64::from(running_mean[channel]) - (0.9 + 0.1 * (mean + 0.25))).abs() < 1e-6);
                    let unbiased = variance * rows as f64 / (rows - 1) as f64;
                    assert!((f64::from(running_variance[channel]) - (1.8 + 0.1 * unbiased)).abs() < 1e-6);
                }
            }
            let all = [statistics.mean, statistics.inverse, running_mean, running_variance].map(|v| bits(&v));
            assert_eq!(*first.get_or_insert_with(|| all.clone()), all);
        }
    }

    #[test]
    fn kernels_have_the_same_bits_at_every_level() {
        let (rows, channels) = (21, 16);
        let mut stream = Stream::new(0, "batch-norm", "kernels", 0);
        let [y, g] = [(); 2].map(|()| stream.normals(rows * channels, 1.0));
        let [mean, inverse, scale, shift] = [(); 4].map(|()| stream.normals(channels, 1.0));
        let of_level = |level: pulp::Arch| {
            let (mut normal, mut sum) = (y.clone(), vec![0.5; rows * channels]);
            level.dispatch(Normalise {
                y: &mut normal,
                mean: &mean,
                inverse: &inverse,
                scale: &scale,
                shift: &shift,
                sum: &mut sum,
            });
            let [mut plain, mut along] = [(); 2].map(|()| vec![f32::NAN; channels]);
            level.dispatch(ColumnSums { values: &g, sums: &mut plain });
            level.dispatch(ProductSums { a: &g, b: &normal, sums: &mut along });
            let want: f64 = (0..rows).map(|r| f64::from(g[r * channels + 3])).sum();
            assert!((f64::from(plain[3]) - want).abs() < 1e-5);
            let mut out = vec![0.0; rows * channels];
            let (factor, mean_along) = (&scale, &along);
            level.dispatch(Back { gradient: &g, normal: &normal, factor, mean: &plain, mean_along, out: &mut out });
            let want = scale[3] * ((g[3] - plain[3]) - normal[3] * along[3]);
            assert!((out[3] - want).abs() < 1e-5);
            assert!((sum[3] - 0.5 - (scale[3] * (y[3] - mean[3]) * inverse[3] + shift[3])).abs() < 1e-5);
            [normal, sum, plain, along, out].map(|values| bits(&values))
        };
        let all: Vec<_> = levels().into_iter().map(of_level).collect();
        assert!(all.iter().all(|one| *one == all[0]));
    }
}
