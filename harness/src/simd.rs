//! Small vector kernels whose bits do not depend on the machine's vector width.
//!
//! Plain loops over lanes with explicit fused multiply-adds; `pulp` compiles them for AVX-512, AVX2
//! and the baseline and picks one at run time. Sums run in [`LANES`] fixed lanes that are added up in
//! one fixed order, so the same slices give the same bits on every machine.

use pulp::{Arch, NullaryFnOnce};

/// Partial sums of a dot product: two vectors of AVX-512, four of AVX2.
const LANES: usize = 32;

/// `sum += coefficient · vector`, element by element.
#[inline]
pub fn add_scaled(sum: &mut [f32], coefficient: f32, vector: &[f32]) {
    struct Kernel<'a>(&'a mut [f32], f32, &'a [f32]);
    impl NullaryFnOnce for Kernel<'_> {
        type Output = ();
        #[inline(always)]
        fn call(self) {
            let Kernel(sum, coefficient, vector) = self;
            for (s, v) in sum.iter_mut().zip(vector) {
                *s = coefficient.mul_add(*v, *s);
            }
        }
    }
    Arch::new().dispatch(Kernel(sum, coefficient, vector));
}

/// Writes `a − b` to `difference` and returns its dot product with `c`. One length for all.
#[inline]
pub fn subtract_and_dot(difference: &mut [f32], a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    struct Kernel<'a>(&'a mut [f32], &'a [f32], &'a [f32], &'a [f32]);
    impl NullaryFnOnce for Kernel<'_> {
        type Output = f32;
        #[inline(always)]
        fn call(self) -> f32 {
            let Kernel(difference, a, b, c) = self;
            for ((d, a), b) in difference.iter_mut().zip(a).zip(b) {
                *d = a - b;
            }
            dot_lanes(difference, c)
        }
    }
    Arch::new().dispatch(Kernel(difference, a, b, c))
}

/// The dot product in fixed lanes. Inlined into dispatched kernels.
#[inline(always)]
pub fn dot_lanes(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0f32; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] = a[lane].mul_add(b[lane], lanes[lane]);
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[lane] = a.mul_add(*b, lanes[lane]);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}
pub fn gathered_dots(_q:&[f32],_t:&[f32],_i:&[u32],_o:&mut [f32]){unimplemented!()}
pub fn dots(_q:&[f32],_t:&[f32],_o:&mut [f32]){unimplemented!()}
