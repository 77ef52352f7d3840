//! Row arithmetic of hand-written steps.

use pulp::{Arch, NullaryFnOnce};

/// `sum += coefficient · vector`, element by element, each one fused multiply-add.
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

/// `out = a − b`, element by element.
pub fn subtract(out: &mut [f32], a: &[f32], b: &[f32]) {
    struct Kernel<'a>(&'a mut [f32], &'a [f32], &'a [f32]);
    impl NullaryFnOnce for Kernel<'_> {
        type Output = ();
        #[inline(always)]
        fn call(self) {
            let Kernel(out, a, b) = self;
            for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                *out = a - b;
            }
        }
    }
    Arch::new().dispatch(Kernel(out, a, b));
}
