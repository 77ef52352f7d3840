//! The layers over some samples at once, a sample in each lane.
//!
//! Every number of a sample is one chain of fused multiply-adds in its own lane, and every gradient of a weight is one such
//! chain per lane, whose ends are added by one tree: the same bits at every vector width.

/// Samples at once: one AVX-512 register, two of AVX2.
pub const LANES: usize = 16;

/// A number for each of some samples.
pub type Lanes = [f32; LANES];

/// Chains that are computed at once, enough to hide the latency of a multiply-add.
const CHAINS: usize = 4;

/// `out[o]` = `bias[o]` + Σ `x[i]` · `weights[i, o]`, by ascending i.
#[inline(always)]
pub fn linear(weights: &[f32], bias: &[f32], x: &[Lanes], out: &mut [Lanes]) {
    let outputs = out.len();
    assert!(weights.len() == x.len() * outputs && bias.len() == outputs, "inputs × outputs");
    let mut first = 0;
    while first + CHAINS <= outputs {
        let mut sums: [Lanes; CHAINS] = std::array::from_fn(|chain| [bias[first + chain]; LANES]);
        for (x, weights) in x.iter().zip(weights.chunks_exact(outputs)) {
            let weights = &weights[first..first + CHAINS];
            for chain in 0..CHAINS {
                for lane in 0..LANES {
                    sums[chain][lane] = weights[chain].mul_add(x[lane], sums[chain][lane]);
                }
            }
        }
        out[first..first + CHAINS].copy_from_slice(&sums);
        first += CHAINS;
    }
    for o in first..outputs {
        let mut sum = [bias[o]; LANES];
        for (x, weights) in x.iter().zip(weights.chunks_exact(outputs)) {
            for lane in 0..LANES {
                sum[lane] = weights[o].mul_add(x[lane], sum[lane]);
            }
        }
        out[o] = sum;
    }
}

/// max(x, 0), and not a number for what is none.
#[inline(always)]
pub fn relu(x: &mut [Lanes]) {
    for x in x {
        for x in x {
            *x = if *x <= 0.0 { 0.0 } else { *x };
        }
    }
}

/// The slopes of a layer's inputs, Σ `weights[i, o]` · `slopes[o]` by ascending o.
#[inline(always)]
pub fn input_slopes(weights: &[f32], slopes: &[Lanes], out: &mut [Lanes]) {
    let outputs = slopes.len();
    assert_eq!(weights.len(), out.len() * outputs, "inputs × outputs");
    let (groups, rest) = out.as_chunks_mut::<CHAINS>();
    let done = groups.len() * CHAINS;
    for (group, out) in groups.iter_mut().enumerate() {
        let weights = &weights[group * CHAINS * outputs..][..CHAINS * outputs];
        let mut sums = [[0.0; LANES]; CHAINS];
        for (o, slopes) in slopes.iter().enumerate() {
            for chain in 0..CHAINS {
                let weight = weights[chain * outputs + o];
                for lane in 0..LANES {
                    sums[chain][lane] = weight.mul_add(slopes[lane], sums[chain][lane]);
                }
            }
        }
        *out = sums;
    }
    for (out, weights) in rest.iter_mut().zip(weights[done * outputs..].chunks_exact(outputs)) {
        let mut sum = [0.0; LANES];
        for (weight, slopes) in weights.iter().zip(slopes) {
            for lane in 0..LANES {
                sum[lane] = weight.mul_add(slopes[lane], sum[lane]);
            }
        }
        *out = sum;
    }
}

/// The slopes of what went into [`relu`], from those of what came out: those of dead units are 0 (TensorFlow's at 0, too).
#[inline(always)]
pub fn through_relu(activations: &[Lanes], slopes: &mut [Lanes]) {
    for (activations, slopes) in activations.iter().zip(slopes) {
        for (activation, slope) in activations.iter().zip(slopes) {
            *slope = if *activation > 0.0 { *slope } else { 0.0 };
        }
    }
}

/// Adds to the gradients of a layer, lane by lane: `x[i]` · `slopes[o]` and `slopes[o]`.
#[inline(always)]
pub fn add_gradients(x: &[Lanes], slopes: &[Lanes], weights: &mut [Lanes], bias: &mut [Lanes]) {
    assert_eq!(weights.len(), x.len() * slopes.len(), "inputs × outputs");
    for (x, weights) in x.iter().zip(weights.chunks_exact_mut(slopes.len())) {
        for (slopes, weights) in slopes.iter().zip(weights) {
            for lane in 0..LANES {
                weights[lane] = x[lane].mul_add(slopes[lane], weights[lane]);
            }
        }
    }
    for (slopes, bias) in slopes.iter().zip(bias) {
        for lane in 0..LANES {
            bias[lane] += slopes[lane];
        }
    }
}

/// `out[k]` += the sum of the lanes of `sums[k]`, halves first.
#[inline(always)]
pub fn add_sums(sums: &[Lanes], out: &mut [f32]) {
    assert_eq!(sums.len(), out.len());
    for (sum, out) in sums.iter().zip(out) {
        let mut sum = *sum;
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                sum[lane] += sum[lane + half];
            }
            half /= 2;
        }
        *out += sum[0];
    }
}
