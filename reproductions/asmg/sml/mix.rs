//! The first half of a transfer: what becomes of one coordinate, whatever its row and place.
//!
//! ```text
//! x = (prev, upd, prev·upd/(‖prev‖ + 1e-15))   3 values of a coordinate; ‖·‖ of its row
//!   → gelu(x·first) → gelu(·second)            n1, then n2 values; no biases
//! ```
//!
//! The authors write this as two convolutions. Coordinates lie in lanes, so no bit depends on the vector width; what is
//! summed over coordinates is summed by lane within a block of fixed size, then over lanes, then over blocks.

use harness::simd::dispatch;
use pulp::NullaryFnOnce;
use rayon::prelude::*;

use crate::models::gelu::gelu;

/// Values that describe a coordinate.
pub const INPUTS: usize = 3;

/// What keeps the division by ‖prev‖ defined where prev is zero (code).
const NORM_SHIFT: f32 = 1e-15;

/// Coordinates side by side.
const LANES: usize = 16;

/// Coordinates of one task: 32 KiB of results, within the L2 cache.
const BLOCK: usize = 1024;

type Lanes = [f32; LANES];

/// The two weight matrices.
#[derive(Clone, Copy)]
pub struct Mix<'a> {
    /// `[3, n1]`
    pub first: &'a [f32],
    /// `[n1, n2]`
    pub second: &'a [f32],
    pub n1: usize,
    pub n2: usize,
}

/// The coordinates of some rows, row-major.
#[derive(Clone, Copy)]
pub struct MixCoordinates<'a> {
    /// `[rows, width]`: of the period before, constant.
    pub prev: &'a [f32],
    /// `[rows, width]`: of the base model in training.
    pub upd: &'a [f32],
    /// `[rows]`: 1/(‖prev‖ + 1e-15).
    pub inverse_norms: &'a [f32],
    pub width: usize,
}

/// `[rows]`: 1/(‖row‖ + 1e-15), each a sum in the order of the coordinates.
pub fn inverse_norms(rows: &[f32], width: usize, out: &mut Vec<f32>) {
    out.clear();
    let square = |row: &[f32]| row.iter().fold(0.0f32, |sum, x| x.mul_add(*x, sum));
    out.extend(rows.chunks_exact(width).map(|row| 1.0 / (square(row).sqrt() + NORM_SHIFT)));
}

/// Values of some coordinates on their way, by unit.
struct Scratch {
    first: Vec<[Lanes; 2]>,
    second: Vec<[Lanes; 2]>,
    /// Gradients of the n2 sums.
    slopes: Vec<Lanes>,
}

impl Mix<'_> {
    fn scratch(&self) -> Scratch {
        let zeros = [[0.0; LANES]; 2];
        Scratch { first: vec![zeros; self.n1], second: vec![zeros; self.n2], slopes: vec![[0.0; LANES]; self.n2] }
    }

    /// `out[coordinate, n2]`.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn forward(self, coordinates: MixCoordinates<'_>, out: &mut [f32]) {
        self.check(coordinates, out.len());
        out.par_chunks_mut(BLOCK * self.n2).enumerate().for_each(|(block, out)| {
            dispatch(Forward { mix: self, coordinates, start: block * BLOCK, out });
        });
    }

    /// Writes the gradient of `upd` over `into`, given that of [`forward`](Self::forward)'s result.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn backward_to_input(self, coordinates: MixCoordinates<'_>, gradient: &[f32], into: &mut [f32]) {
        self.check(coordinates, gradient.len());
        assert_eq!(into.len(), coordinates.upd.len(), "one gradient for each coordinate");
        into.par_chunks_mut(BLOCK).enumerate().for_each(|(block, into)| {
            dispatch(ToInput { mix: self, coordinates, gradient, start: block * BLOCK, into });
        });
    }

    /// Writes the gradients of both matrices over `first` and `second`.
    ///
    /// # Panics
    /// If sizes do not fit.
    pub fn backward_to_weights(
        self,
        coordinates: MixCoordinates<'_>,
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        self.check(coordinates, gradient.len());
        let count = coordinates.upd.len();
        let of_block = |block: usize| {
            let mut sums = vec![[0.0; LANES]; self.first.len() + self.second.len()];
            let end = count.min((block + 1) * BLOCK);
            dispatch(ToWeights { mix: self, coordinates, gradient, start: block * BLOCK, end, sums: &mut sums });
            sums.iter().map(add_lanes).collect()
        };
        let blocks: Vec<Vec<f32>> = (0..count.div_ceil(BLOCK)).into_par_iter().map(of_block).collect();
        for (at, sum) in first.iter_mut().chain(second).enumerate() {
            *sum = blocks.iter().fold(0.0, |sum, block| sum + block[at]);
        }
    }

    fn check(self, coordinates: MixCoordinates<'_>, results: usize) {
        let MixCoordinates { prev, upd, inverse_norms, width } = coordinates;
        assert!(self.first.len() == INPUTS * self.n1 && self.second.len() == self.n1 * self.n2, "matrices of a mix");
        assert!(prev.len() == upd.len() && upd.len() == inverse_norms.len() * width, "coordinates of a mix");
        assert_eq!(results, upd.len() * self.n2, "results of a mix");
    }

    /// Values and slopes of the units of both layers.
    #[inline(always)]
    fn units(self, x: &[Lanes; INPUTS], first: &mut [[Lanes; 2]], second: &mut [[Lanes; 2]]) {
        let Self { n1, n2, .. } = self;
        for (j, unit) in first.iter_mut().enumerate() {
            let [a, b, c] = [self.first[j], self.first[n1 + j], self.first[2 * n1 + j]];
            for lane in 0..LANES {
                let sum = c.mul_add(x[2][lane], b.mul_add(x[1][lane], a * x[0][lane]));
                [unit[0][lane], unit[1][lane]] = gelu(sum);
            }
        }
        for (l, unit) in second.iter_mut().enumerate() {
            let mut sums = [0.0; LANES];
            for (j, below) in first.iter().enumerate() {
                let weight = self.second[j * n2 + l];
                for lane in 0..LANES {
                    sums[lane] = weight.mul_add(below[0][lane], sums[lane]);
                }
            }
            for lane in 0..LANES {
                [unit[0][lane], unit[1][lane]] = gelu(sums[lane]);
            }
        }
    }

    /// The gradients of the n2 sums, `[n2]` into `of_second`, given those of `count` results; beyond them zeros.
    #[inline(always)]
    fn slopes(self, gradient: &[f32], second: &[[Lanes; 2]], of_second: &mut [Lanes]) {
        let count = gradient.len() / self.n2;
        for (l, (sums, unit)) in of_second.iter_mut().zip(second).enumerate() {
            *sums = [0.0; LANES];
            for lane in 0..count {
                sums[lane] = gradient[lane * self.n2 + l];
            }
            for lane in 0..LANES {
                sums[lane] *= unit[1][lane];
            }
        }
    }

    /// The gradients of the sum of unit `j` of the first layer.
    #[inline(always)]
    fn slopes_below(self, j: usize, unit: &[Lanes; 2], of_second: &[Lanes]) -> Lanes {
        let mut sums = [0.0; LANES];
        for (l, above) in of_second.iter().enumerate() {
            let weight = self.second[j * self.n2 + l];
            for lane in 0..LANES {
                sums[lane] = weight.mul_add(above[lane], sums[lane]);
            }
        }
        for lane in 0..LANES {
            sums[lane] *= unit[1][lane];
        }
        sums
    }
}

/// By halves.
fn add_lanes(lanes: &Lanes) -> f32 {
    let mut lanes = *lanes;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

impl MixCoordinates<'_> {
    /// The inputs of coordinates `start..start + count`, and the factors prev/(‖prev‖ + 1e-15) of the last; zeros beyond.
    #[inline(always)]
    fn load(&self, start: usize, count: usize) -> ([Lanes; INPUTS], Lanes) {
        let (mut x, mut factors) = ([[0.0; LANES]; INPUTS], [0.0; LANES]);
        let (prev, upd) = (&self.prev[start..start + count], &self.upd[start..start + count]);
        let (mut row, mut column) = (start / self.width, start % self.width);
        for lane in 0..count {
            (x[0][lane], x[1][lane]) = (prev[lane], upd[lane]);
            factors[lane] = self.inverse_norms[row];
            column += 1;
            if column == self.width {
                (row, column) = (row + 1, 0);
            }
        }
        for lane in 0..LANES {
            factors[lane] *= x[0][lane];
            x[2][lane] = factors[lane] * x[1][lane];
        }
        (x, factors)
    }
}

/// One block of [`Mix::forward`].
struct Forward<'a> {
    mix: Mix<'a>,
    coordinates: MixCoordinates<'a>,
    start: usize,
    out: &'a mut [f32],
}

impl NullaryFnOnce for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { mix, coordinates, start, out } = self;
        let mut scratch = mix.scratch();
        for (chunk, out) in out.chunks_mut(LANES * mix.n2).enumerate() {
            let (x, _) = coordinates.load(start + chunk * LANES, out.len() / mix.n2);
            mix.units(&x, &mut scratch.first, &mut scratch.second);
            for (lane, out) in out.chunks_exact_mut(mix.n2).enumerate() {
                for (out, unit) in out.iter_mut().zip(&scratch.second) {
                    *out = unit[0][lane];
                }
            }
        }
    }
}

/// One block of [`Mix::backward_to_input`].
struct ToInput<'a> {
    mix: Mix<'a>,
    coordinates: MixCoordinates<'a>,
    gradient: &'a [f32],
    start: usize,
    into: &'a mut [f32],
}

impl NullaryFnOnce for ToInput<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { mix, coordinates, gradient, start, into } = self;
        let mut scratch = mix.scratch();
        for (chunk, into) in into.chunks_mut(LANES).enumerate() {
            let at = start + chunk * LANES;
            let (x, factors) = coordinates.load(at, into.len());
            mix.units(&x, &mut scratch.first, &mut scratch.second);
            let Scratch { first, second, slopes } = &mut scratch;
            mix.slopes(&gradient[at * mix.n2..(at + into.len()) * mix.n2], second, slopes);
            let (mut direct, mut by_product) = ([0.0; LANES], [0.0; LANES]);
            for (j, unit) in first.iter().enumerate() {
                let below = mix.slopes_below(j, unit, slopes);
                let [b, c] = [mix.first[mix.n1 + j], mix.first[2 * mix.n1 + j]];
                for lane in 0..LANES {
                    direct[lane] = b.mul_add(below[lane], direct[lane]);
                    by_product[lane] = c.mul_add(below[lane], by_product[lane]);
                }
            }
            for lane in 0..LANES {
                direct[lane] = factors[lane].mul_add(by_product[lane], direct[lane]);
            }
            into.copy_from_slice(&direct[..into.len()]);
        }
    }
}

/// One block of [`Mix::backward_to_weights`].
struct ToWeights<'a> {
    mix: Mix<'a>,
    coordinates: MixCoordinates<'a>,
    gradient: &'a [f32],
    start: usize,
    end: usize,
    /// Of the first matrix, then of the second.
    sums: &'a mut [Lanes],
}

impl NullaryFnOnce for ToWeights<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { mix, coordinates, gradient, start, end, sums } = self;
        let (of_first, of_second) = sums.split_at_mut(mix.first.len());
        let mut scratch = mix.scratch();
        for at in (start..end).step_by(LANES) {
            let count = LANES.min(end - at);
            let (x, _) = coordinates.load(at, count);
            mix.units(&x, &mut scratch.first, &mut scratch.second);
            let Scratch { first, second, slopes } = &mut scratch;
            mix.slopes(&gradient[at * mix.n2..(at + count) * mix.n2], second, slopes);
            for (j, unit) in first.iter().enumerate() {
                for (sum, above) in of_second[j * mix.n2..].iter_mut().zip(&*slopes) {
                    for lane in 0..LANES {
                        sum[lane] = unit[0][lane].mul_add(above[lane], sum[lane]);
                    }
                }
                let below = mix.slopes_below(j, unit, slopes);
                for (input, x) in x.iter().enumerate() {
                    let sum = &mut of_first[input * mix.n1 + j];
                    for lane in 0..LANES {
                        sum[lane] = x[lane].mul_add(below[lane], sum[lane]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use harness::rng::Stream;
    use harness::simd::levels;

    use super::*;
    use crate::golden::bits;

    /// Rows of seven: the last lanes are not full, and no row begins where lanes do.
    #[test]
    fn kernels_have_the_same_bits_at_every_level() {
        let (rows, width, n1, n2) = (9, 7, 5, 3);
        let values = |name: &str, n: usize| Stream::new(0, "mix", name, 0).normals(n, 0.8);
        let (first, second) = (values("first", INPUTS * n1), values("second", n1 * n2));
        let (prev, upd, gradient) =
            (values("prev", rows * width), values("upd", rows * width), values("gradient", rows * width * n2));
        let mut norms = Vec::new();
        inverse_norms(&prev, width, &mut norms);
        let mix = Mix { first: &first, second: &second, n1, n2 };
        let coordinates = MixCoordinates { prev: &prev, upd: &upd, inverse_norms: &norms, width };
        let at_level = |level: pulp::Arch| {
            let (mut out, mut into) = (vec![f32::NAN; gradient.len()], vec![f32::NAN; upd.len()]);
            let mut sums = vec![[0.0; LANES]; first.len() + second.len()];
            level.dispatch(Forward { mix, coordinates, start: 0, out: &mut out });
            level.dispatch(ToInput { mix, coordinates, gradient: &gradient, start: 0, into: &mut into });
            let end = upd.len();
            level.dispatch(ToWeights { mix, coordinates, gradient: &gradient, start: 0, end, sums: &mut sums });
            [out, into, sums.concat()].map(|values| bits(&values))
        };
        let all: Vec<_> = levels().into_iter().map(at_level).collect();
        assert!(all.iter().all(|bits| *bits == all[0]));
        let [mut out, mut into] = [gradient.clone(), upd.clone()];
        mix.forward(coordinates, &mut out);
        mix.backward_to_input(coordinates, &gradient, &mut into);
        assert_eq!([bits(&out), bits(&into)], all[0][..2]);
    }
}
