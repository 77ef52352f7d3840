//! The layers over some samples at once, a sample in each lane.
//!
//! Every number of a sample is one chain of fused multiply-adds in its own lane, and every gradient of a weight is one such
//! chain per lane, whose ends are added by one tree: the same bits at every vector width. `REGS` registers have [`LANES`]
//! lanes; loops over them are written out, because closures are not compiled for the vector unit.

use pulp::Simd;

/// Samples at once: one AVX-512 register, two of AVX2.
pub const LANES: usize = 16;

/// A number for each of some samples.
pub type Lanes = [f32; LANES];

/// The same in registers.
type Registers<S, const REGS: usize> = [<S as Simd>::f32s; REGS];

/// Sums that are computed at once, to hide the latency of a multiply-add.
const SUMS: usize = 4;

#[inline(always)]
fn load<S: Simd, const REGS: usize>(lanes: &Lanes) -> Registers<S, REGS> {
    *<&Registers<S, REGS>>::try_from(S::as_simd_f32s(lanes).0).expect("registers of so many lanes")
}

#[inline(always)]
fn store<S: Simd, const REGS: usize>(lanes: &mut Lanes, registers: Registers<S, REGS>) {
    S::as_mut_simd_f32s(lanes).0.copy_from_slice(&registers);
}

/// `sum` + `weight` · `x`.
#[inline(always)]
fn add_product<S: Simd, const REGS: usize>(
    simd: S,
    weight: S::f32s,
    x: &Registers<S, REGS>,
    sum: &mut Registers<S, REGS>,
) {
    for reg in 0..REGS {
        sum[reg] = simd.mul_add_f32s(weight, x[reg], sum[reg]);
    }
}

/// `out[o]` = `bias[o]` + Σ `x[i]` · `weights[i, o]`, by ascending i.
#[inline(always)]
pub fn linear<S: Simd, const REGS: usize>(simd: S, weights: &[f32], bias: &[f32], x: &[Lanes], out: &mut [Lanes]) {
    let outputs = out.len();
    assert!(weights.len() == x.len() * outputs && bias.len() == outputs, "inputs × outputs");
    let (groups, rest) = out.as_chunks_mut::<SUMS>();
    let mut first = 0;
    for group in groups {
        let mut sums = [[simd.splat_f32s(0.0); REGS]; SUMS];
        for k in 0..SUMS {
            sums[k] = [simd.splat_f32s(bias[first + k]); REGS];
        }
        for (i, x) in x.iter().enumerate() {
            let x = load::<S, REGS>(x);
            let weights = &weights[i * outputs + first..][..SUMS];
            for k in 0..SUMS {
                add_product(simd, simd.splat_f32s(weights[k]), &x, &mut sums[k]);
            }
        }
        for k in 0..SUMS {
            store::<S, REGS>(&mut group[k], sums[k]);
        }
        first += SUMS;
    }
    for out in rest {
        let mut sum = [simd.splat_f32s(bias[first]); REGS];
        for (i, x) in x.iter().enumerate() {
            add_product(simd, simd.splat_f32s(weights[i * outputs + first]), &load::<S, REGS>(x), &mut sum);
        }
        store::<S, REGS>(out, sum);
        first += 1;
    }
}

/// max(x, 0), and not a number for what is none.
#[inline(always)]
pub fn relu<S: Simd, const REGS: usize>(simd: S, x: &mut [Lanes]) {
    let zero = simd.splat_f32s(0.0);
    for x in x {
        let mut registers = load::<S, REGS>(x);
        for reg in 0..REGS {
            let dead = simd.less_than_or_equal_f32s(registers[reg], zero);
            registers[reg] = simd.select_f32s(dead, zero, registers[reg]);
        }
        store::<S, REGS>(x, registers);
    }
}

/// The slopes of a layer's inputs, Σ `weights[i, o]` · `slopes[o]` by ascending o.
#[inline(always)]
pub fn input_slopes<S: Simd, const REGS: usize>(simd: S, weights: &[f32], slopes: &[Lanes], out: &mut [Lanes]) {
    let outputs = slopes.len();
    assert_eq!(weights.len(), out.len() * outputs, "inputs × outputs");
    let (groups, rest) = out.as_chunks_mut::<SUMS>();
    let mut first = 0;
    for group in groups {
        let mut sums = [[simd.splat_f32s(0.0); REGS]; SUMS];
        let weights = &weights[first * outputs..][..SUMS * outputs];
        for (o, slopes) in slopes.iter().enumerate() {
            let slopes = load::<S, REGS>(slopes);
            for k in 0..SUMS {
                add_product(simd, simd.splat_f32s(weights[k * outputs + o]), &slopes, &mut sums[k]);
            }
        }
        for k in 0..SUMS {
            store::<S, REGS>(&mut group[k], sums[k]);
        }
        first += SUMS;
    }
    for out in rest {
        let mut sum = [simd.splat_f32s(0.0); REGS];
        for (o, slopes) in slopes.iter().enumerate() {
            add_product(simd, simd.splat_f32s(weights[first * outputs + o]), &load::<S, REGS>(slopes), &mut sum);
        }
        store::<S, REGS>(out, sum);
        first += 1;
    }
}

/// The slopes of what went into [`relu`], from those of what came out: those of dead units are 0 (TensorFlow's at 0, too).
#[inline(always)]
pub fn through_relu<S: Simd, const REGS: usize>(simd: S, activations: &[Lanes], slopes: &mut [Lanes]) {
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
    x: &[Lanes],
    slopes: &[Lanes],
    weights: &mut [Lanes],
    bias: &mut [Lanes],
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
