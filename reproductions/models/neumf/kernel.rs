//! Logit and gradient of a pair: O(d) for the logit, O(d) on each side for the gradient.
//!
//! A pair meets through the *faces* of its members, `[2d]` each: the row of the product part, and the
//! entity's half of the hidden layer's input. With p, a of one and q, b of the other,
//! z = Σ w_k p_k q_k + Σ w_{d+k} relu(a_k + b_k) + bias; element `k` of both parts goes to lane `k mod 32`.
//! Nothing here depends on which of the two is the user.
//!
//! Same bits on every machine, as in [`harness::simd`].

use std::ops::Range;

use harness::simd::{ByRow, OfRows, add_lanes, dispatch};
use pulp::{NullaryFnOnce, Simd, WithSimd};

/// The output layer.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    /// `[2d]`: of the product, then of the hidden layer.
    pub weights: &'a [f32],
    pub bias: f32,
}

/// `out[k]` = logit of the pair of `face` and face number `row_of(k)` of `faces: [n, 2d]`.
pub fn logits(head: Head<'_>, face: &[f32], faces: &[f32], row_of: impl Fn(usize) -> usize, out: &mut [f32]) {
    assert_eq!(face.len(), head.weights.len(), "2d");
    let width = face.len();
    dispatch(ByRow { table: faces, width, row_of, kernel: Logit { head, face }, out });
}

/// The logit of a face with each of some others.
struct Logit<'a> {
    head: Head<'a>,
    face: &'a [f32],
}

/// Both parts of a row as registers and a rest: product, hidden.
type FaceParts<'a, S> = [(&'a [<S as Simd>::f32s], &'a [f32]); 2];

#[inline(always)]
fn parts<S: Simd>(row: &[f32]) -> FaceParts<'_, S> {
    let (product, hidden) = row.split_at(row.len() / 2);
    [S::as_simd_f32s(product), S::as_simd_f32s(hidden)]
}

/// Some registers of both parts.
#[inline(always)]
fn registers<S: Simd>(parts: FaceParts<'_, S>, at: Range<usize>) -> [&[S::f32s]; 2] {
    parts.map(|(body, _)| &body[at.clone()])
}

/// max(x, 0), and not a number for what is none.
#[inline(always)]
fn relu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.less_than_or_equal_f32s(x, zero), zero, x)
}

/// One register of a row's logit, from those of the weights, the face and the row.
#[inline(always)]
fn link<S: Simd>(simd: S, [w, v]: [S::f32s; 2], [p, a]: [S::f32s; 2], [q, b]: [S::f32s; 2], sum: S::f32s) -> S::f32s {
    let sum = simd.mul_add_f32s(w, simd.mul_f32s(p, q), sum);
    simd.mul_add_f32s(v, relu(simd, simd.add_f32s(a, b)), sum)
}

impl OfRows for Logit<'_> {
    #[inline(always)]
    fn of_rows<S: Simd, const ROWS: usize, const REGS: usize>(&self, simd: S, rows: [&[f32]; ROWS]) -> [f32; ROWS] {
        let (weights, face) = (parts::<S>(self.head.weights), parts::<S>(self.face));
        let rows = rows.map(parts::<S>);
        let whole = face[0].0.len();
        let mut sums = [[simd.splat_f32s(0.0); REGS]; ROWS];
        for block in 0..whole / REGS {
            let at = block * REGS..(block + 1) * REGS;
            let load = |parts| registers::<S>(parts, at.clone());
            let ([w, v], [p, a]) = (load(weights), load(face));
            for (row, sum) in rows.iter().zip(&mut sums) {
                let [q, b] = load(*row);
                for reg in 0..REGS {
                    sum[reg] = link(simd, [w[reg], v[reg]], [p[reg], a[reg]], [q[reg], b[reg]], sum[reg]);
                }
            }
        }
        let (start, rest) = (whole / REGS * REGS, whole % REGS);
        let tail = |parts: &FaceParts<'_, S>| parts.map(|(_, tail)| simd.partial_load_f32s(tail));
        let has_tail = !face[0].1.is_empty();
        for (row, sum) in rows.iter().zip(&mut sums) {
            // A fixed loop with tests inside: a running index would push the sums out of registers.
            for (reg, sum) in sum.iter_mut().enumerate() {
                if reg < rest {
                    let load = |parts: &FaceParts<'_, S>| parts.map(|(body, _)| body[start + reg]);
                    *sum = link(simd, load(&weights), load(&face), load(row), *sum);
                } else if reg == rest && has_tail {
                    *sum = link(simd, tail(&weights), tail(&face), tail(row), *sum);
                }
            }
        }
        // Once more without the sign of a zero, which the bias may bring.
        add_lanes(simd, sums).map(|sum| sum + self.head.bias + 0.0)
    }
}

/// Adds to `sums: [2d]` what the pairs of `face` with the faces number `partners[k]`, which have
/// ∂loss/∂logit = `coefficients[k]`, say about `face`, before the output weights come in:
/// Σ c q (product part), and Σ c where a + b > 0 (hidden part). Each element is one chain in the order of `k`.
pub fn add_pairs(face: &[f32], faces: &[f32], partners: &[u32], coefficients: &[f32], sums: &mut [f32]) {
    assert!(face.len() == sums.len() && partners.len() == coefficients.len());
    dispatch(AddPairs { face, faces, partners, coefficients, sums });
}

struct AddPairs<'a> {
    face: &'a [f32],
    faces: &'a [f32],
    partners: &'a [u32],
    coefficients: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for AddPairs<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Sums of a strip of columns stay in registers over all pairs.
        const STRIP: usize = 4;
        let width = self.face.len();
        let face = parts::<S>(self.face);
        let (products, hiddens) = self.sums.split_at_mut(width / 2);
        let ((products, product_tail), (hiddens, hidden_tail)) =
            (S::as_mut_simd_f32s(products), S::as_mut_simd_f32s(hiddens));
        let pairs = || {
            let pairs = self.partners.iter().zip(self.coefficients);
            pairs.map(|(&id, &c)| (parts::<S>(&self.faces[id as usize * width..][..width]), simd.splat_f32s(c)))
        };
        let (product_strips, product_rest) = products.as_chunks_mut::<STRIP>();
        let (hidden_strips, hidden_rest) = hiddens.as_chunks_mut::<STRIP>();
        let done = product_strips.len() * STRIP;
        for (strip, (products, hiddens)) in product_strips.iter_mut().zip(hidden_strips).enumerate() {
            let at = strip * STRIP..(strip + 1) * STRIP;
            let a: [S::f32s; STRIP] = std::array::from_fn(|reg| face[1].0[strip * STRIP + reg]);
            let mut sums = [*products, *hiddens];
            for ([(q, _), (b, _)], c) in pairs() {
                let (q, b) = (&q[at.clone()], &b[at.clone()]);
                for reg in 0..STRIP {
                    [sums[0][reg], sums[1][reg]] = add(simd, [sums[0][reg], sums[1][reg]], c, a[reg], [q[reg], b[reg]]);
                }
            }
            [*products, *hiddens] = sums;
        }
        for (reg, (product, hidden)) in product_rest.iter_mut().zip(hidden_rest).enumerate() {
            let reg = done + reg;
            let mut sums = [*product, *hidden];
            for ([(q, _), (b, _)], c) in pairs() {
                sums = add(simd, sums, c, face[1].0[reg], [q[reg], b[reg]]);
            }
            [*product, *hidden] = sums;
        }
        if !product_tail.is_empty() {
            let load = |tail: &[f32]| simd.partial_load_f32s(tail);
            let a = load(face[1].1);
            let mut sums = [load(product_tail), load(hidden_tail)];
            for ([(_, q), (_, b)], c) in pairs() {
                sums = add(simd, sums, c, a, [load(q), load(b)]);
            }
            simd.partial_store_f32s(product_tail, sums[0]);
            simd.partial_store_f32s(hidden_tail, sums[1]);
        }
    }
}

#[inline(always)]
fn add<S: Simd>(
    simd: S,
    [product, hidden]: [S::f32s; 2],
    c: S::f32s,
    a: S::f32s,
    [q, b]: [S::f32s; 2],
) -> [S::f32s; 2] {
    let zero = simd.splat_f32s(0.0);
    let open = simd.greater_than_f32s(simd.add_f32s(a, b), zero);
    [simd.mul_add_f32s(c, q, product), simd.add_f32s(hidden, simd.select_f32s(open, c, zero))]
}

/// Turns the `sums` of [`add_pairs`] for one face into its gradient, by the output weights; before that
/// adds them to `open` (the hidden part as it is, `[d]`) and, times the face, to `output` (`[2d]`).
pub fn finish(weights: &[f32], face: &[f32], sums: &mut [f32], output: &mut [f32], open: &mut [f32]) {
    let width = weights.len();
    assert!([face.len(), sums.len(), output.len(), 2 * open.len()].iter().all(|&len| len == width), "2d");
    dispatch(Finish { weights, face, sums, output, open });
}

struct Finish<'a> {
    weights: &'a [f32],
    face: &'a [f32],
    sums: &'a mut [f32],
    output: &'a mut [f32],
    open: &'a mut [f32],
}

impl NullaryFnOnce for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (open, sum) in self.open.iter_mut().zip(&self.sums[self.weights.len() / 2..]) {
            *open += sum;
        }
        let (weights, face) = (self.weights.iter(), self.face.iter());
        for (((weight, face), sum), output) in weights.zip(face).zip(self.sums).zip(self.output) {
            *output = face.mul_add(*sum, *output);
            *sum *= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use harness::rng::Stream;
    use harness::simd::{LANES, levels};

    use super::*;

    /// The stated structure of a logit, by the letter.
    fn stated(head: Head<'_>, x: &[f32], y: &[f32]) -> f32 {
        let d = x.len() / 2;
        let mut lanes = [0.0f32; LANES];
        for k in 0..d {
            let lane = &mut lanes[k % LANES];
            *lane = head.weights[k].mul_add(x[k] * y[k], *lane);
            *lane = head.weights[d + k].mul_add((x[d + k] + y[d + k]).max(0.0), *lane);
        }
        for half in [16, 8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        lanes[0] + head.bias + 0.0
    }

    #[test]
    fn logits_and_sums_have_the_stated_bits_at_every_level() {
        for d in [1, 3, 8, 16, 20, 25, 33, 64, 100, 125, 250] {
            let mut stream = Stream::new(1, "neumf-kernel", "values", d as u64);
            let (n, width) = (7, 2 * d);
            let (faces, face, weights) =
                (stream.normals(n * width, 1.0), stream.normals(width, 1.0), stream.normals(width, 1.0));
            let (coefficients, start) = (stream.normals(5, 1.0), stream.normals(width, 1.0));
            let partners = [6, 0, 0, 3, 5];
            let head = Head { weights: &weights, bias: 0.3 };
            let want: Vec<u32> = faces.chunks(width).map(|row| stated(head, &face, row).to_bits()).collect();
            let mut want_sums = start.clone();
            for (&id, &c) in partners.iter().zip(&coefficients) {
                let row = &faces[id as usize * width..][..width];
                for k in 0..d {
                    want_sums[k] = c.mul_add(row[k], want_sums[k]);
                    want_sums[d + k] += if face[d + k] + row[d + k] > 0.0 { c } else { 0.0 };
                }
            }
            for level in levels() {
                let mut out = vec![f32::NAN; n];
                let kernel = Logit { head, face: &face };
                level.dispatch(ByRow { table: &faces, width, row_of: |k| k, kernel, out: &mut out });
                assert_eq!(out.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), want, "d {d}");
                let mut sums = start.clone();
                let (partners, coefficients) = (&partners[..], &coefficients[..]);
                level.dispatch(AddPairs { face: &face, faces: &faces, partners, coefficients, sums: &mut sums });
                assert_eq!(sums, want_sums, "d {d}");
            }
            // The same pair from its other member.
            let mut out = [0.0];
            logits(head, &faces[..width], &face, |k| k, &mut out);
            assert_eq!(out[0].to_bits(), want[0]);
        }
    }

    #[test]
    fn what_is_no_number_stays_none_through_relu() {
        let head = Head { weights: &[0.0, 1.0], bias: 0.0 };
        for level in levels() {
            let mut out = [0.0];
            let kernel = Logit { head, face: &[0.0, f32::NAN] };
            level.dispatch(ByRow { table: &[0.0, 1.0], width: 2, row_of: |k| k, kernel, out: &mut out });
            assert!(out[0].is_nan());
        }
    }

    #[test]
    fn finish_by_hand() {
        let (mut sums, mut output, mut open) = ([2.0, 3.0], [10.0, 20.0], [100.0]);
        finish(&[0.5, -1.0], &[4.0, 5.0], &mut sums, &mut output, &mut open);
        assert_eq!((sums, output, open), ([1.0, -3.0], [18.0, 35.0], [103.0]));
    }
}
