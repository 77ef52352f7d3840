//! The GRU cell of the generator, with coordinates in lanes.
//!
//! ```text
//! θ: a scalar of one model, h: the hidden state of its coordinate, a row of d
//! z = σ(θ·u_z + h·W_z)    r = σ(θ·u_r + h·W_r)    c = tanh(θ·u_g + (h∘r)·W_g)
//! h′ = (1 − z)∘h + z∘c    θ* = ⟨h′, w_y⟩ + b_y
//! ```
//!
//! Gates have no bias (code). A lane is a coordinate, and no lane reads another, so that the width of the registers changes
//! no bit. The kernels take [`Lanes`] coordinates at a time through all models of the sequence; the backward pass makes the
//! activations again instead of keeping them.

use harness::simd::{logistic, tanh};
use pulp::{Simd, WithSimd};
use schemars::JsonSchema;
use serde::Deserialize;

/// Coordinates that a kernel takes at a time: one AVX-512 register, two of AVX2.
pub const AT_ONCE: usize = 16;

/// A number of each of [`AT_ONCE`] coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub struct Lanes(pub [f32; AT_ONCE]);

impl Lanes {
    pub const ZERO: Self = Self([0.0; AT_ONCE]);

    /// The same number for every coordinate.
    pub fn splat(value: f32) -> Self {
        Self([value; AT_ONCE])
    }

    /// Its sum, by halves.
    pub fn sum(&self) -> f32 {
        let mut lanes = self.0;
        let mut half = AT_ONCE / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
            half /= 2;
        }
        lanes[0]
    }
}

/// Numbers of a weight set of hidden size `d`: u_z [d], W_z [d,d], u_r, W_r, u_g, W_g alike, w_y [d], b_y, in this order.
pub const fn set_size(d: usize) -> usize {
    3 * d * d + 4 * d + 1
}

/// What becomes of y = ⟨h′, w_y⟩ + b_y: θ* = y, or tanh y.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Squash {
    Linear,
    Tanh,
}

/// What both passes read. `D` is the hidden size d.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// `[set_size(d)]`, a weight set for each lane.
    pub weights: &'a [Lanes],
    /// Length of the sequence, k.
    pub models: usize,
    /// `[blocks]`: models that a block's lanes go through, at most k.
    pub steps: &'a [usize],
    /// θ, `[blocks, k]`.
    pub theta: &'a [Lanes],
    /// The hidden states before the sequence, `[blocks, d]`.
    pub start: &'a [Lanes],
    pub squash: Squash,
}

/// The outputs after each model. To be [dispatched](harness::simd::dispatch).
pub struct Forward<'a, const D: usize> {
    pub inputs: Inputs<'a>,
    /// θ*, `[blocks, k]`: written as far as a block's steps go.
    pub out: &'a mut [Lanes],
    /// The hidden states after a block's steps, `[blocks, d]`.
    pub end: Option<&'a mut [Lanes]>,
}

/// The gradient of the weights, given that of the outputs. To be [dispatched](harness::simd::dispatch).
pub struct Backward<'a, const D: usize> {
    pub inputs: Inputs<'a>,
    /// ∂L/∂θ*, `[blocks, k]`, as far as a block's steps go.
    pub upstream: &'a [Lanes],
    /// Room for what one block's steps keep.
    pub kept: &'a mut Vec<Lanes>,
    /// `[set_size(d)]`: gains the gradient, summed over blocks in their order, each lane for itself.
    pub gradient: &'a mut [Lanes],
}

#[inline(always)]
fn at<S: Simd>(lanes: &Lanes, piece: usize) -> S::f32s {
    S::as_simd_f32s(&lanes.0).0[piece]
}

#[inline(always)]
fn at_mut<S: Simd>(lanes: &mut Lanes, piece: usize) -> &mut S::f32s {
    &mut S::as_mut_simd_f32s(&mut lanes.0).0[piece]
}

/// The numbers of `D` lanes' worth of rows.
#[inline(always)]
fn load<S: Simd, const D: usize>(lanes: &[Lanes], piece: usize) -> [S::f32s; D] {
    let mut values = [at::<S>(&lanes[0], piece); D];
    for (value, lanes) in values.iter_mut().zip(lanes) {
        *value = at::<S>(lanes, piece);
    }
    values
}

#[inline(always)]
fn store<S: Simd, const D: usize>(lanes: &mut [Lanes], piece: usize, values: &[S::f32s; D]) {
    for (lanes, value) in lanes.iter_mut().zip(values) {
        *at_mut::<S>(lanes, piece) = *value;
    }
}

/// Where the parts of a weight set begin, for hidden size `D`.
struct Parts<const D: usize>;

impl<const D: usize> Parts<D> {
    const GATE: usize = D + D * D;
    /// Of z, r and g: u [d], then W [d,d].
    const GATES: [usize; 3] = [0, Self::GATE, 2 * Self::GATE];
    const OUT: usize = 3 * Self::GATE;
    const BIAS: usize = Self::OUT + D;
}

/// θ·u + h·W for the `gate` of a weight set.
#[inline(always)]
fn gate<S: Simd, const D: usize>(
    simd: S,
    gate: &[Lanes],
    piece: usize,
    theta: S::f32s,
    h: [S::f32s; D],
) -> [S::f32s; D] {
    let mut sums = [theta; D];
    for (sum, u) in sums.iter_mut().zip(gate) {
        *sum = simd.mul_f32s(theta, at::<S>(u, piece));
    }
    for i in 0..D {
        for j in 0..D {
            sums[j] = simd.mul_add_f32s(h[i], at::<S>(&gate[D + i * D + j], piece), sums[j]);
        }
    }
    sums
}

/// One step of the cell for one register.
struct Step<S: Simd, const D: usize> {
    z: [S::f32s; D],
    r: [S::f32s; D],
    /// h∘r
    reset: [S::f32s; D],
    candidate: [S::f32s; D],
    /// h′
    next: [S::f32s; D],
}

impl<S: Simd, const D: usize> Step<S, D> {
    #[inline(always)]
    fn new(simd: S, weights: &[Lanes], piece: usize, theta: S::f32s, h: [S::f32s; D]) -> Self {
        let [z, r, g] = Parts::<D>::GATES;
        let mut z = gate::<S, D>(simd, &weights[z..z + Parts::<D>::GATE], piece, theta, h);
        let mut r = gate::<S, D>(simd, &weights[r..r + Parts::<D>::GATE], piece, theta, h);
        let mut reset = h;
        for i in 0..D {
            r[i] = logistic(simd, r[i]);
            reset[i] = simd.mul_f32s(h[i], r[i]);
        }
        let mut candidate = gate::<S, D>(simd, &weights[g..g + Parts::<D>::GATE], piece, theta, reset);
        let mut next = h;
        for i in 0..D {
            z[i] = logistic(simd, z[i]);
            candidate[i] = tanh(simd, candidate[i]);
            next[i] = simd.mul_add_f32s(z[i], simd.sub_f32s(candidate[i], h[i]), h[i]);
        }
        Self { z, r, reset, candidate, next }
    }

    /// θ*.
    #[inline(always)]
    fn out(&self, simd: S, weights: &[Lanes], piece: usize, squash: Squash) -> S::f32s {
        let mut sum = at::<S>(&weights[Parts::<D>::BIAS], piece);
        for i in 0..D {
            sum = simd.mul_add_f32s(self.next[i], at::<S>(&weights[Parts::<D>::OUT + i], piece), sum);
        }
        match squash {
            Squash::Linear => sum,
            Squash::Tanh => tanh(simd, sum),
        }
    }
}

impl<const D: usize> WithSimd for Forward<'_, D> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { inputs: Inputs { weights, models, steps, theta, start, squash }, out, mut end } = self;
        let weights = &weights[..set_size(D)];
        for (block, &steps) in steps.iter().enumerate() {
            let theta = &theta[block * models..][..models];
            let out = &mut out[block * models..][..models];
            for piece in 0..AT_ONCE / S::F32_LANES {
                let mut h = load::<S, D>(&start[block * D..][..D], piece);
                for (theta, out) in theta.iter().zip(out.iter_mut()).take(steps) {
                    let step = Step::new(simd, weights, piece, at::<S>(theta, piece), h);
                    *at_mut::<S>(out, piece) = step.out(simd, weights, piece, squash);
                    h = step.next;
                }
                if let Some(end) = &mut end {
                    store::<S, D>(&mut end[block * D..][..D], piece, &h);
                }
            }
        }
    }
}

/// What a step keeps for the backward pass; the gradients of the gates' sums take the places of z, r and the candidate.
#[derive(Clone, Copy)]
enum Kept {
    /// h
    Before,
    /// h∘r
    Reset,
    Z,
    R,
    Candidate,
    /// ∂L/∂y, one number; the others have d.
    Slope,
}

impl<const D: usize> WithSimd for Backward<'_, D> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { inputs, upstream, kept, gradient } = self;
        let (weights, gradient) = (&inputs.weights[..set_size(D)], &mut gradient[..set_size(D)]);
        kept.resize(inputs.models * Room::<D>::STEP, Lanes::ZERO);
        for (block, &steps) in inputs.steps.iter().enumerate() {
            let theta = &inputs.theta[block * inputs.models..][..steps];
            let upstream = &upstream[block * inputs.models..][..steps];
            for piece in 0..AT_ONCE / S::F32_LANES {
                let mut room = Room::<D> { kept: &mut kept[..], piece };
                let mut h = load::<S, D>(&inputs.start[block * D..][..D], piece);
                let mut of_out = load::<S, D>(&gradient[Parts::<D>::OUT..], piece);
                let mut of_bias = at::<S>(&gradient[Parts::<D>::BIAS], piece);
                for (step, (theta, upstream)) in theta.iter().zip(upstream).enumerate() {
                    let made = Step::new(simd, weights, piece, at::<S>(theta, piece), h);
                    let mut slope = at::<S>(upstream, piece);
                    if inputs.squash == Squash::Tanh {
                        let out = made.out(simd, weights, piece, Squash::Tanh);
                        slope = simd.mul_f32s(slope, simd.negate_mul_add_f32s(out, out, simd.splat_f32s(1.0)));
                    }
                    of_bias = simd.add_f32s(of_bias, slope);
                    for (of_out, next) in of_out.iter_mut().zip(made.next) {
                        *of_out = simd.mul_add_f32s(slope, next, *of_out);
                    }
                    room.put::<S, D>(step, Kept::Before, h);
                    room.put::<S, D>(step, Kept::Reset, made.reset);
                    room.put::<S, D>(step, Kept::Z, made.z);
                    room.put::<S, D>(step, Kept::R, made.r);
                    room.put::<S, D>(step, Kept::Candidate, made.candidate);
                    room.put::<S, 1>(step, Kept::Slope, [slope]);
                    h = made.next;
                }
                store::<S, D>(&mut gradient[Parts::<D>::OUT..], piece, &of_out);
                *at_mut::<S>(&mut gradient[Parts::<D>::BIAS], piece) = of_bias;
                room.through_time(simd, weights, steps);
                for (gate, rows, slopes) in Room::<D>::GATES {
                    room.add_gate(simd, &mut gradient[gate..][..Parts::<D>::GATE], theta, rows, slopes);
                }
            }
        }
    }
}

/// For hidden size 4.
const MOST_ROWS_AT_ONCE: usize = 4;

/// What the steps of one register keep.
struct Room<'a, const D: usize> {
    /// `[steps, STEP]`
    kept: &'a mut [Lanes],
    piece: usize,
}

impl<const D: usize> Room<'_, D> {
    const STEP: usize = Kept::Slope as usize * D + 1;

    /// Rows of a gate's W whose gradients stay in registers while all steps add to them: 16 registers, half of AVX-512's.
    const ROWS_AT_ONCE: usize = {
        let rows = 16 / D;
        if rows < D { rows } else { D }
    };

    /// By gate: where its weights begin, what its W is multiplied with, where the gradient of its sum is kept.
    const GATES: [(usize, Kept, Kept); 3] = {
        let [z, r, g] = Parts::<D>::GATES;
        [(z, Kept::Before, Kept::Z), (r, Kept::Before, Kept::R), (g, Kept::Reset, Kept::Candidate)]
    };

    #[inline(always)]
    fn get<S: Simd, const N: usize>(&self, step: usize, what: Kept) -> [S::f32s; N] {
        load::<S, N>(&self.kept[step * Self::STEP + what as usize * D..][..N], self.piece)
    }

    #[inline(always)]
    fn put<S: Simd, const N: usize>(&mut self, step: usize, what: Kept, values: [S::f32s; N]) {
        store::<S, N>(&mut self.kept[step * Self::STEP + what as usize * D..][..N], self.piece, &values);
    }

    /// From the last step to the first: the gradients of the gates' sums.
    #[inline(always)]
    fn through_time<S: Simd>(&mut self, simd: S, weights: &[Lanes], steps: usize) {
        let one = simd.splat_f32s(1.0);
        let [of_z, of_r, of_g] = Parts::<D>::GATES.map(|gate| &weights[gate + D..][..D * D]);
        let w_y = load::<S, D>(&weights[Parts::<D>::OUT..], self.piece);
        // Of h′.
        let mut after = [simd.splat_f32s(0.0); D];
        for step in (0..steps).rev() {
            let [slope] = self.get::<S, 1>(step, Kept::Slope);
            let h = self.get::<S, D>(step, Kept::Before);
            let (mut z, mut r) = (self.get::<S, D>(step, Kept::Z), self.get::<S, D>(step, Kept::R));
            let mut candidate = self.get::<S, D>(step, Kept::Candidate);
            let mut before = h;
            for i in 0..D {
                let of_next = simd.mul_add_f32s(slope, w_y[i], after[i]);
                let one_minus_z = simd.sub_f32s(one, z[i]);
                before[i] = simd.mul_f32s(of_next, one_minus_z);
                let of_candidate = simd.mul_f32s(of_next, z[i]);
                let difference = simd.sub_f32s(candidate[i], h[i]);
                candidate[i] = simd.mul_f32s(of_candidate, simd.negate_mul_add_f32s(candidate[i], candidate[i], one));
                z[i] = simd.mul_f32s(simd.mul_f32s(of_candidate, one_minus_z), difference);
            }
            let of_reset = self.times_transposed::<S>(simd, of_g, candidate, [simd.splat_f32s(0.0); D]);
            for i in 0..D {
                before[i] = simd.mul_add_f32s(of_reset[i], r[i], before[i]);
                let slope = simd.mul_f32s(r[i], simd.sub_f32s(one, r[i]));
                r[i] = simd.mul_f32s(simd.mul_f32s(of_reset[i], h[i]), slope);
            }
            before = self.times_transposed::<S>(simd, of_z, z, before);
            after = self.times_transposed::<S>(simd, of_r, r, before);
            self.put::<S, D>(step, Kept::Z, z);
            self.put::<S, D>(step, Kept::R, r);
            self.put::<S, D>(step, Kept::Candidate, candidate);
        }
    }

    /// `sums` + a·Wᵀ.
    #[inline(always)]
    fn times_transposed<S: Simd>(&self, simd: S, w: &[Lanes], a: [S::f32s; D], mut sums: [S::f32s; D]) -> [S::f32s; D] {
        for j in 0..D {
            for i in 0..D {
                sums[i] = simd.mul_add_f32s(a[j], at::<S>(&w[i * D + j], self.piece), sums[i]);
            }
        }
        sums
    }

    /// Adds the gradients of u and W of a gate: sums over the steps in their order, which stay in registers.
    #[inline(always)]
    fn add_gate<S: Simd>(&self, simd: S, gradient: &mut [Lanes], theta: &[Lanes], rows: Kept, slopes: Kept) {
        let (of_u, of_w) = gradient.split_at_mut(D);
        let mut u = load::<S, D>(of_u, self.piece);
        for (step, theta) in theta.iter().enumerate() {
            let slopes = self.get::<S, D>(step, slopes);
            let theta = at::<S>(theta, self.piece);
            for j in 0..D {
                u[j] = simd.mul_add_f32s(theta, slopes[j], u[j]);
            }
        }
        store::<S, D>(of_u, self.piece, &u);
        for (first, of_w) in of_w.chunks_exact_mut(Self::ROWS_AT_ONCE * D).enumerate() {
            let mut w = [u; MOST_ROWS_AT_ONCE];
            for i in 0..Self::ROWS_AT_ONCE {
                w[i] = load::<S, D>(&of_w[i * D..], self.piece);
            }
            for step in 0..theta.len() {
                let slopes = self.get::<S, D>(step, slopes);
                let rows = self.get::<S, D>(step, rows);
                for i in 0..Self::ROWS_AT_ONCE {
                    for j in 0..D {
                        w[i][j] = simd.mul_add_f32s(rows[first * Self::ROWS_AT_ONCE + i], slopes[j], w[i][j]);
                    }
                }
            }
            for i in 0..Self::ROWS_AT_ONCE {
                store::<S, D>(&mut of_w[i * D..][..D], self.piece, &w[i]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use harness::rng::Stream;
    use harness::simd::levels;
    use pulp::Arch;

    use super::*;

    fn lanes(stream: &mut Stream, n: usize) -> Vec<Lanes> {
        let values = stream.normals(n * AT_ONCE, 0.5);
        values.as_chunks().0.iter().map(|values| Lanes(*values)).collect()
    }

    /// Outputs, end states and gradients of five blocks, which go through one to four models.
    fn bits<const D: usize>(level: Arch, squash: Squash) -> Vec<u32> {
        const MODELS: usize = 4;
        let steps = [4, 4, 3, 1, 0];
        let mut stream = Stream::new(0, "asmg", "cell", D as u64);
        let (weights, theta) = (lanes(&mut stream, set_size(D)), lanes(&mut stream, 5 * MODELS));
        let (start, upstream) = (lanes(&mut stream, 5 * D), lanes(&mut stream, 5 * MODELS));
        let inputs = Inputs { weights: &weights, models: MODELS, steps: &steps, theta: &theta, start: &start, squash };
        let [mut out, mut end] = [5 * MODELS, 5 * D].map(|n| vec![Lanes::ZERO; n]);
        let mut gradient = vec![Lanes::splat(0.25); set_size(D)];
        level.dispatch(Forward::<D> { inputs, out: &mut out, end: Some(&mut end) });
        let kept = &mut Vec::new();
        level.dispatch(Backward::<D> { inputs, upstream: &upstream, kept, gradient: &mut gradient });
        assert_eq!(end[4 * D..], start[4 * D..], "no step leaves the state");
        assert!(out[3 * MODELS + 1] == Lanes::ZERO && out[2] != Lanes::ZERO);
        assert!(gradient.iter().all(|lanes| lanes.0.iter().all(|value| *value != 0.25)));
        out.iter().chain(&end).chain(&gradient).flat_map(|lanes| lanes.0).map(f32::to_bits).collect()
    }

    #[test]
    fn every_level_and_hidden_size_has_the_same_bits() {
        for squash in [Squash::Linear, Squash::Tanh] {
            for of_size in [bits::<2>, bits::<4>, bits::<8>, bits::<12>, bits::<16>] {
                let first = of_size(Arch::new(), squash);
                levels().into_iter().for_each(|level| assert!(of_size(level, squash) == first));
            }
        }
    }

    #[test]
    fn lanes_are_added_by_halves() {
        let lanes = Lanes(std::array::from_fn(|lane| lane as f32));
        assert_eq!(lanes.sum(), 120.0);
        let mut large = Lanes::splat(0.0);
        (large.0[0], large.0[1], large.0[8]) = (1e8, 1.0, -1e8);
        assert_eq!(large.sum(), 1.0);
    }
}
