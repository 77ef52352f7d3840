//! The layers over some samples at once, a sample in each lane.
//!
//! Every number of a sample is one chain of fused multiply-adds in its own lane, and every gradient of a weight is one such
//! chain per lane, whose ends are added by one tree: the same bits at every vector width. `REGS` registers have [`LANES`]
//! lanes; loops over them are written out, because closures are not compiled for the vector unit.

use pulp::Simd;

/// Samples at once: one AVX-512 register, two of AVX2.
pub const LANES: usize = 16;

/// A number for each of some samples.
pub type SampleLanes = [f32; LANES];

/// The same in registers.
type Registers<S, const REGS: usize> = [<S as Simd>::f32s; REGS];

#[inline(always)]
fn load<S: Simd, const REGS: usize>(lanes: &SampleLanes) -> Registers<S, REGS> {
    *<&Registers<S, REGS>>::try_from(S::as_simd_f32s(lanes).0).expect("registers of so many lanes")
}

#[inline(always)]
fn store<S: Simd, const REGS: usize>(lanes: &mut SampleLanes, registers: Registers<S, REGS>) {
    S::as_mut_simd_f32s(lanes).0.copy_from_slice(&registers);
}

/// Calls `$sums::<S, REGS, N>(first, …)` for groups of N of `$n` sums, as many at once as hide the latency of a multiply-add and
/// fit into the registers of the narrower units.
macro_rules! in_groups {
    ($n:expr, $first:ident => $sums:ident::<$S:ident, $REGS:ident>($($argument:expr),*)) => {
        let mut $first = 0;
        while $first + 8 <= $n && $REGS == 1 {
            $sums::<$S, $REGS, 8>($first, $($argument),*);
            $first += 8;
        }
        while $first + 4 <= $n {
            $sums::<$S, $REGS, 4>($first, $($argument),*);
            $first += 4;
        }
        if $first + 2 <= $n {
            $sums::<$S, $REGS, 2>($first, $($argument),*);
            $first += 2;
        }
        if $first < $n {
            $sums::<$S, $REGS, 1>($first, $($argument),*);
        }
    };
}

/// `out[o]` = `bias[o]` + Σ `x[i]` · `weights[i, o]`, by ascending i.
#[inline(always)]
pub fn linear<S: Simd, const REGS: usize>(
    simd: S,
    weights: &[f32],
    bias: &[f32],
    x: &[SampleLanes],
    out: &mut [SampleLanes],
) {
    assert!(weights.len() == x.len() * out.len() && bias.len() == out.len(), "inputs × outputs");
    in_groups!(out.len(), first => outputs::<S, REGS>(simd, weights, bias, x, out));
}

/// Some outputs of [`linear`].
#[inline(always)]
fn outputs<S: Simd, const REGS: usize, const N: usize>(
    first: usize,
    simd: S,
    weights: &[f32],
    bias: &[f32],
    x: &[SampleLanes],
    out: &mut [SampleLanes],
) {
    let mut sums = [[simd.splat_f32s(0.0); REGS]; N];
    for (sum, bias) in sums.iter_mut().zip(&bias[first..first + N]) {
        *sum = [simd.splat_f32s(*bias); REGS];
    }
    for (x, weights) in x.iter().zip(weights.chunks_exact(out.len())) {
        let (x, weights) = (load::<S, REGS>(x), &weights[first..first + N]);
        for k in 0..N {
            for reg in 0..REGS {
                sums[k][reg] = simd.mul_add_f32s(simd.splat_f32s(weights[k]), x[reg], sums[k][reg]);
            }
        }
    }
    for (out, sum) in out[first..first + N].iter_mut().zip(sums) {
        store::<S, REGS>(out, sum);
    }
}

/// `x[o]` += `values[o]`, in each lane.
#[inline(always)]
pub fn add_to_lanes<S: Simd, const REGS: usize>(simd: S, values: &[f32], x: &mut [SampleLanes]) {
    for (x, value) in x.iter_mut().zip(values) {
        let (value, mut registers) = (simd.splat_f32s(*value), load::<S, REGS>(x));
        for register in &mut registers {
            *register = simd.add_f32s(*register, value);
        }
        store::<S, REGS>(x, registers);
    }
}

/// max(x, 0), and not a number for what is none.
#[inline(always)]
pub fn relu<S: Simd, const REGS: usize>(simd: S, x: &mut [SampleLanes]) {
    let zero = simd.splat_f32s(0.0);
    for x in x {
        let mut registers = load::<S, REGS>(x);
        for register in &mut registers {
            let dead = simd.less_than_or_equal_f32s(*register, zero);
            *register = simd.select_f32s(dead, zero, *register);
        }
        store::<S, REGS>(x, registers);
    }
}

/// The slopes of a layer's inputs, Σ `weights[i, o]` · `slopes[o]` by ascending o.
#[inline(always)]
pub fn input_slopes<S: Simd, const REGS: usize>(
    simd: S,
    weights: &[f32],
    slopes: &[SampleLanes],
    out: &mut [SampleLanes],
) {
    assert_eq!(weights.len(), out.len() * slopes.len(), "inputs × outputs");
    in_groups!(out.len(), first => inputs::<S, REGS>(simd, weights, slopes, out));
}

/// Some inputs of [`input_slopes`].
#[inline(always)]
fn inputs<S: Simd, const REGS: usize, const N: usize>(
    first: usize,
    simd: S,
    weights: &[f32],
    slopes: &[SampleLanes],
    out: &mut [SampleLanes],
) {
    let outputs = slopes.len();
    let weights = &weights[first * outputs..(first + N) * outputs];
    let mut sums = [[simd.splat_f32s(0.0); REGS]; N];
    for (o, slopes) in slopes.iter().enumerate() {
        let slopes = load::<S, REGS>(slopes);
        for k in 0..N {
            let weight = simd.splat_f32s(weights[k * outputs + o]);
            for reg in 0..REGS {
                sums[k][reg] = simd.mul_add_f32s(weight, slopes[reg], sums[k][reg]);
            }
        }
    }
    for (out, sum) in out[first..first + N].iter_mut().zip(sums) {
        store::<S, REGS>(out, sum);
    }
}

/// The slopes of what went into [`relu`], from those of what came out: those of dead units are 0 (TensorFlow's at 0, too).
#[inline(always)]
pub fn through_relu<S: Simd, const REGS: usize>(simd: S, activations: &[SampleLanes], slopes: &mut [SampleLanes]) {
    let zero = simd.splat_f32s(0.0);
    for (activations, slopes) in activations.iter().zip(slopes) {
        let (activations, mut registers) = (load::<S, REGS>(activations), load::<S, REGS>(slopes));
        for reg in 0..REGS {
            let alive = simd.greater_than_f32s(activations[reg], zero);
            registers[reg] = simd.select_f32s(alive, registers[reg], zero);
        }
        store::<S, REGS>(slopes, registers);
    }
}

/// Adds to the gradients of a layer, lane by lane: `x[i]` · `slopes[o]` and `slopes[o]`.
#[inline(always)]
pub fn add_gradients<S: Simd, const REGS: usize>(
    simd: S,
    x: &[SampleLanes],
    slopes: &[SampleLanes],
    weights: &mut [SampleLanes],
    bias: &mut [SampleLanes],
) {
    assert_eq!(weights.len(), x.len() * slopes.len(), "inputs × outputs");
    for (x, weights) in x.iter().zip(weights.chunks_exact_mut(slopes.len())) {
        let x = load::<S, REGS>(x);
        for (slopes, weights) in slopes.iter().zip(weights) {
            let (slopes, mut sums) = (load::<S, REGS>(slopes), load::<S, REGS>(weights));
            for reg in 0..REGS {
                sums[reg] = simd.mul_add_f32s(x[reg], slopes[reg], sums[reg]);
            }
            store::<S, REGS>(weights, sums);
        }
    }
    for (slopes, bias) in slopes.iter().zip(bias) {
        let (slopes, mut sums) = (load::<S, REGS>(slopes), load::<S, REGS>(bias));
        for reg in 0..REGS {
            sums[reg] = simd.add_f32s(sums[reg], slopes[reg]);
        }
        store::<S, REGS>(bias, sums);
    }
}

/// `out[k]` += the sum of the lanes of `sums[k]`, halves first.
#[inline(always)]
pub fn add_sums(sums: &[SampleLanes], out: &mut [f32]) {
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
